#include "launch/stages/kept_beside.h"

#include <fmt/format.h>

#include <filesystem>

namespace candor::launch {

namespace fs = std::filesystem;

std::string keep_beside(const std::string& path) {
  std::string aside;
  // A dangling link is there too.
  for (int number = 1; aside.empty() || fs::exists(fs::symlink_status(aside)); ++number)
    aside = fmt::format("{}.{}", path, number);
  fs::rename(path, aside);
  return aside;
}

}  // namespace candor::launch
