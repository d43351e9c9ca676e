#include "data_pipeline/files/staged_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"

namespace candor::data {

namespace fs = std::filesystem;

StagedFolder::StagedFolder(std::string folder) : folder_(std::move(folder)) {
  std::random_device random;
  const std::string staging = fmt::format("{}/.tmp-{:08x}{:08x}", folder_, random(), random());
  fs::create_directories(staging);
  staging_ = staging;
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

std::string StagedFolder::path(const std::string& name) {
  const std::string there = folder_ + "/" + name;
  if (fs::is_other(fs::status(there)))
    throw FileError(fmt::format(
        "cannot write {}: expected a file or a name that is still free, got a device, pipe or "
        "socket; choose another folder",
        there));
  names_.push_back(name);
  return staging_ + "/" + name;
}

void StagedFolder::commit() {
  if (staging_.empty() || names_.empty())
    throw std::logic_error("StagedFolder::commit with nothing to commit");
  fs::remove(folder_ + "/" + names_.back());
  flush_folder(folder_);
  for (const std::string& name : names_) fs::rename(staging_ + "/" + name, folder_ + "/" + name);
  flush_folder(folder_);
  fs::remove(std::exchange(staging_, ""));
}

}  // namespace candor::data
