#include "data_pipeline/files/hash_beside.h"

#include <filesystem>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/content_hash.h"
#include "data_pipeline/files/mapped_file.h"
#include "data_pipeline/files/read_file.h"

namespace candor::data {

std::string path_of_hash_beside(const std::string& path) { return path + ".hash"; }

void write_hash_beside(const std::string& path, const std::string& hash) {
  write_file_atomically(path_of_hash_beside(path), hash + "\n");
}

bool matches_hash_beside(const std::string& path) {
  if (!std::filesystem::exists(path) || !std::filesystem::exists(path_of_hash_beside(path)))
    return false;
  return read_file(path_of_hash_beside(path)) == content_hash(MappedFile(path).bytes()) + "\n";
}

}  // namespace candor::data
