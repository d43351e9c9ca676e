// What the fuzz targets share: an input as a file that readers can open by path, and the exceptions
// that a reader may throw.
//
// Usage:   return expecting_refusals([&] { const InputFile file(data, size_bytes);
// SafetensorsFile(file.path()); });
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "data_pipeline/files/file_error.h"

namespace candor::data {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size_bytes) {
  return {reinterpret_cast<const char*>(data), size_bytes};
}

// A file in memory that goes away with the object.
class InputFile {
 public:
  explicit InputFile(std::string_view content)
      : descriptor_(::memfd_create("fuzz_input", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
    for (std::size_t done = 0; done < content.size();) {
      const ssize_t written = ::write(descriptor_, content.data() + done, content.size() - done);
      if (written <= 0) std::abort();
      done += static_cast<std::size_t>(written);
    }
  }
  InputFile(const std::uint8_t* data, std::size_t size_bytes)
      : InputFile(text_of(data, size_bytes)) {}
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// 0 where `read` returns or throws what the readers document (std::invalid_argument,
// std::system_error, FileError). Anything else is a finding: it ends
// the program, as does a std::logic_error, which stands for an error of ours.
template <typename Read>
int expecting_refusals(const Read& read) noexcept {
  try {
    read();
  } catch (const std::invalid_argument&) {
  } catch (const std::system_error&) {
  } catch (const FileError&) {
  }
  return 0;
}

// For what must hold of any input that was accepted.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "doesn't hold: %s\n", what);
  std::abort();
}

}  // namespace candor::data
