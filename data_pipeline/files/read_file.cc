#include "data_pipeline/files/read_file.h"

#include <cstring>

#include "data_pipeline/files/mapped_file.h"

namespace candor::data {

std::string read_file(const std::string& path) {
  const MappedFile file(path);
  std::string content(file.bytes().size(), '\0');
  if (!content.empty()) std::memcpy(content.data(), file.bytes().data(), content.size());
  return content;
}

}  // namespace candor::data
