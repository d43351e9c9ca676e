#include "data_pipeline/files/contained_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace candor::data {
namespace {

namespace fs = std::filesystem;

bool is_plain_name(const std::string& name) {
  const auto refused = [](unsigned char c) { return c == '/' || c < 0x20 || c == 0x7F; };
  return !name.empty() && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(), refused);
}

// MODEL/blobs for a folder MODEL/snapshots/REVISION, else nothing.
fs::path hub_blobs_of(const fs::path& folder) {
  const fs::path snapshots = folder.parent_path();
  return snapshots.filename() == "snapshots" ? snapshots.parent_path() / "blobs" : fs::path();
}

}  // namespace

std::string contained_path(const std::string& folder, const std::string& name,
                           const std::string& where) {
  if (!is_plain_name(name)) {
    const std::string shown =
        nlohmann::json(name).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    throw std::invalid_argument(
        fmt::format("{}: expected a plain file name, got {}; the file must lie in {} itself", where,
                    shown, folder));
  }
  const std::string path = folder + "/" + name;
  std::error_code failed;
  const fs::path target = fs::canonical(path, failed);
  if (failed) return path;
  const fs::path home = fs::canonical(folder, failed);
  if (failed) return path;
  if (target.parent_path() != home && target.parent_path() != hub_blobs_of(home)) {
    throw std::invalid_argument(
        fmt::format("{}: {} is a link to {}, outside its folder; copy that file into {}, or link "
                    "the whole folder",
                    where, path, target.string(), folder));
  }
  return path;
}

}  // namespace candor::data
