// A read-only memory map of a whole file. Pages are shared by all ranks of a host.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace candor::data {

// bytes() stay valid for the life of the object and survive a move. An empty file is an empty span.
// Throws std::system_error naming the path: missing, not readable, not a regular file.
// Whoever shortens a file while it is mapped makes later reads fail with SIGBUS; our own writers
// replace files, which is harmless.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;
};

}  // namespace candor::data
