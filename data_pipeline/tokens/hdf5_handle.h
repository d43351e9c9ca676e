// RAII for HDF5 identifiers, and the one mutex under which the library is called. Include it only
// in the .cc files of this folder.
// Every function here needs the caller to hold hdf5_mutex() (via Hdf5Session).
#pragma once

#include <hdf5.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "data_pipeline/files/file_error.h"

namespace candor::data {

inline std::mutex& hdf5_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Holds the mutex and keeps HDF5 from printing its error stack; the messages go into our exceptions
// instead.
class Hdf5Session {
 public:
  Hdf5Session() : lock_(hdf5_mutex()) {
    // After a failed close (full disk) or a damaged file, HDF5's own clean-up at exit crashes or
    // doesn't end. We close all that we open.
    [[maybe_unused]] static const herr_t no_clean_up = H5dont_atexit();
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Hdf5Session() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  Hdf5Session(const Hdf5Session&) = delete;
  Hdf5Session& operator=(const Hdf5Session&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }
  // For those who must know that closing, which writes, went well.
  herr_t close_now() { return close_(std::exchange(id_, H5I_INVALID_HID)); }

 private:
  hid_t id_;
  Close close_;
};

// The innermost message of HDF5's error stack: the one nearest to the cause.
inline std::string hdf5_error_text() {
  std::string text = "unknown HDF5 error";
  auto visit = [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
    if (error->desc != nullptr && *error->desc != '\0')
      *static_cast<std::string*>(out) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, visit, &text);
  return text;
}

// For a negative status or identifier throws std::system_error "path: what" where the operating
// system refused, else FileError
// "path: what: HDF5's text".
template <class Status>
Status hdf5_check(Status status, const std::string& path, const std::string& what) {
  if (status >= 0) return status;
  const std::string text = hdf5_error_text();
  constexpr std::string_view kErrno = "errno = ";  // so say HDF5's messages about read(2) and
                                                   // write(2), among descriptors and addresses
  if (const size_t at = text.find(kErrno); at != std::string::npos) {
    throw std::system_error(std::atoi(text.c_str() + at + kErrno.size()), std::generic_category(),
                            fmt::format("{}: {}", path, what));
  }
  throw FileError(fmt::format("{}: {}: {}", path, what, text));
}

}  // namespace candor::data
