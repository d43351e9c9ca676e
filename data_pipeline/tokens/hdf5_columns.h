// tokens.h5 has these columns and attributes: they are of one dimension, little-endian, and in
// chunks with a fletcher32 checksum, and texts have a fixed width. The reader takes nothing else,
// so that a damaged or foreign file can't make it allocate more than the file holds.
//
// Usage, within a Hdf5Session:
//   ColumnWriter out(file, path);  out.column("tokens", ids);
//   const ColumnReader in(file, path, file_bytes);  ids = in.column<uint32_t>("tokens");
// Both keep a reference to `path`, which their messages name. They throw FileError.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "data_pipeline/files/file_error.h"
#include "data_pipeline/tokens/hdf5_handle.h"

namespace candor::data {

inline constexpr hsize_t kChunkElements = 16 * 1024;

template <class T>
hid_t file_type();  // It is little-endian on disk.
template <class T>
hid_t memory_type();
template <>
inline hid_t file_type<uint8_t>() {
  return H5T_STD_U8LE;
}
template <>
inline hid_t memory_type<uint8_t>() {
  return H5T_NATIVE_UINT8;
}
template <>
inline hid_t file_type<uint32_t>() {
  return H5T_STD_U32LE;
}
template <>
inline hid_t memory_type<uint32_t>() {
  return H5T_NATIVE_UINT32;
}
template <>
inline hid_t file_type<uint64_t>() {
  return H5T_STD_U64LE;
}
template <>
inline hid_t memory_type<uint64_t>() {
  return H5T_NATIVE_UINT64;
}
template <>
inline hid_t file_type<int32_t>() {
  return H5T_STD_I32LE;
}
template <>
inline hid_t memory_type<int32_t>() {
  return H5T_NATIVE_INT32;
}
template <>
inline hid_t file_type<int64_t>() {
  return H5T_STD_I64LE;
}
template <>
inline hid_t memory_type<int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
inline hid_t file_type<float>() {
  return H5T_IEEE_F32LE;
}
template <>
inline hid_t memory_type<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
inline hid_t file_type<double>() {
  return H5T_IEEE_F64LE;
}
template <>
inline hid_t memory_type<double>() {
  return H5T_NATIVE_DOUBLE;
}

// Texts have a fixed width and are padded with zeros: unlike variable-length strings, which live on
// a heap without a checksum, these are covered by fletcher32.
inline Hdf5Handle string_type(size_t width, const std::string& path) {
  Hdf5Handle type(hdf5_check(H5Tcopy(H5T_C_S1), path, "string type"), H5Tclose);
  hdf5_check(H5Tset_size(type, std::max<size_t>(width, 1)), path, "string type");
  hdf5_check(H5Tset_strpad(type, H5T_STR_NULLPAD), path, "string type");
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8), path, "string type");
  return type;
}

class ColumnWriter {
 public:
  ColumnWriter(hid_t file, const std::string& path) : file_(file), path_(path) {}

  template <class T>
  void column(const char* name, const std::vector<T>& values) {
    dataset(name, file_type<T>(), memory_type<T>(), values.size(), values.data());
  }

  void column(const char* name, const std::vector<std::string>& values) {
    size_t width = 1;
    for (const std::string& value : values) width = std::max(width, value.size());
    std::string bytes(width * values.size(), '\0');
    for (size_t i = 0; i < values.size(); ++i)
      std::memcpy(bytes.data() + i * width, values[i].data(), values[i].size());
    const Hdf5Handle type = string_type(width, path_);
    dataset(name, type, type, values.size(), bytes.data());
  }

  void attribute(const char* name, const std::string& value) {
    const Hdf5Handle type = string_type(value.size(), path_);
    std::string padded = value;
    padded.resize(std::max<size_t>(value.size(), 1));
    attribute(name, type, type, padded.data());
  }
  void attribute(const char* name, int64_t value) {
    attribute(name, file_type<int64_t>(), memory_type<int64_t>(), &value);
  }

 private:
  void dataset(const char* name, hid_t disk_type, hid_t type, size_t elements, const void* values) {
    const hsize_t dims = elements;
    const Hdf5Handle space(hdf5_check(H5Screate_simple(1, &dims, nullptr), path_, name), H5Sclose);
    const Hdf5Handle layout(hdf5_check(H5Pcreate(H5P_DATASET_CREATE), path_, name), H5Pclose);
    // The same data gives the same bytes at any time.
    hdf5_check(H5Pset_obj_track_times(layout, false), path_, name);
    if (elements > 0) {  // A chunk can't be empty.
      const hsize_t chunk = std::min(dims, kChunkElements);
      hdf5_check(H5Pset_chunk(layout, 1, &chunk), path_, name);
      hdf5_check(H5Pset_fletcher32(layout), path_, name);
    }
    const Hdf5Handle set(
        hdf5_check(H5Dcreate2(file_, name, disk_type, space, H5P_DEFAULT, layout, H5P_DEFAULT),
                   path_, name),
        H5Dclose);
    if (elements > 0)
      hdf5_check(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path_, name);
  }

  void attribute(const char* name, hid_t disk_type, hid_t type, const void* value) {
    const Hdf5Handle space(hdf5_check(H5Screate(H5S_SCALAR), path_, name), H5Sclose);
    const Hdf5Handle attribute(
        hdf5_check(H5Acreate2(file_, name, disk_type, space, H5P_DEFAULT, H5P_DEFAULT), path_,
                   name),
        H5Aclose);
    hdf5_check(H5Awrite(attribute, type, value), path_, name);
  }

  hid_t file_;
  const std::string& path_;
};

class ColumnReader {
 public:
  ColumnReader(hid_t file, const std::string& path, uint64_t file_bytes)
      : file_(file), path_(path), file_bytes_(file_bytes) {}

  template <class T>
  std::vector<T> column(const char* name) const {
    if constexpr (std::is_same_v<T, std::string>) {
      return strings(name);
    } else {
      const Hdf5Handle set = open(name);
      const Hdf5Handle type(hdf5_check(H5Dget_type(set), path_, name), H5Tclose);
      if (H5Tequal(type, file_type<T>()) <= 0)
        fail(name, "has another element type than this version writes");
      std::vector<T> values(checked_elements(set, name, sizeof(T)));
      read(set, memory_type<T>(), name, values.data(), values.size());
      return values;
    }
  }

  std::string text_attribute(const char* name) const {
    const Hdf5Handle attribute = open_attribute(name);
    const Hdf5Handle type(hdf5_check(H5Aget_type(attribute), path_, name), H5Tclose);
    std::string bytes(string_width(type, name), '\0');
    if (H5Aget_storage_size(attribute) != bytes.size()) fail(name, "isn't a single text");
    hdf5_check(H5Aread(attribute, type, bytes.data()), path_, name);
    return trimmed(bytes);
  }

  int64_t integer_attribute(const char* name) const {
    const Hdf5Handle attribute = open_attribute(name);
    const Hdf5Handle type(hdf5_check(H5Aget_type(attribute), path_, name), H5Tclose);
    if (H5Tequal(type, file_type<int64_t>()) <= 0 ||
        H5Aget_storage_size(attribute) != sizeof(int64_t))
      fail(name, "isn't a single integer");
    int64_t value = 0;
    hdf5_check(H5Aread(attribute, memory_type<int64_t>(), &value), path_, name);
    return value;
  }

  bool has_attribute(const char* name) const { return H5Aexists(file_, name) > 0; }

 private:
  std::vector<std::string> strings(const char* name) const {
    const Hdf5Handle set = open(name);
    const Hdf5Handle type(hdf5_check(H5Dget_type(set), path_, name), H5Tclose);
    const size_t width = string_width(type, name);
    std::string bytes(checked_elements(set, name, width) * width, '\0');
    const size_t count = bytes.size() / width;
    read(set, type, name, bytes.data(), count);
    std::vector<std::string> values;
    values.reserve(count);
    for (size_t i = 0; i < count; ++i)
      values.push_back(trimmed(std::string_view(bytes).substr(i * width, width)));
    return values;
  }

  [[noreturn]] void fail(std::string_view name, std::string_view what) const {
    throw FileError(
        fmt::format("{}: \"{}\" {}; the file is damaged or not ours: run `candor prepare` again",
                    path_, name, what));
  }

  static std::string trimmed(std::string_view bytes) {
    const size_t last = bytes.find_last_not_of('\0');
    return std::string(bytes.substr(0, last == std::string_view::npos ? 0 : last + 1));
  }

  Hdf5Handle open(const char* name) const {
    if (H5Lexists(file_, name, H5P_DEFAULT) <= 0) fail(name, "is missing");
    // A link may lead into another file.
    H5L_info_t link{};
    hdf5_check(H5Lget_info(file_, name, &link, H5P_DEFAULT), path_, name);
    if (link.type != H5L_TYPE_HARD) fail(name, "is a link, not a data set of this file");
    Hdf5Handle set(hdf5_check(H5Dopen2(file_, name, H5P_DEFAULT), path_, name), H5Dclose);
    check_storage(set, name);
    return set;
  }

  // It takes only what write_columns() makes: bytes in this file, in chunks that are no larger than
  // ours, and without a filter that could blow them up.
  void check_storage(hid_t set, const char* name) const {
    const Hdf5Handle creation(hdf5_check(H5Dget_create_plist(set), path_, name), H5Pclose);
    const H5D_layout_t layout = H5Pget_layout(creation);
    if (layout != H5D_CHUNKED && layout != H5D_CONTIGUOUS)
      fail(name, "isn't stored as this program stores it");
    if (H5Pget_external_count(creation) != 0) fail(name, "keeps its bytes in another file");
    if (layout != H5D_CHUNKED) return;
    hsize_t chunk = 0;
    if (H5Pget_chunk(creation, 1, &chunk) != 1 || chunk > kChunkElements)
      fail(name, "isn't stored in chunks of at most 16384 elements");
    for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
      unsigned flags = 0, config = 0;
      size_t values = 0;
      if (H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr,
                         &config) != H5Z_FILTER_FLETCHER32) {
        fail(name, "went through a filter that this program doesn't use");
      }
    }
  }
  Hdf5Handle open_attribute(const char* name) const {
    if (!has_attribute(name)) fail(name, "is missing");
    return {hdf5_check(H5Aopen(file_, name, H5P_DEFAULT), path_, name), H5Aclose};
  }

  size_t string_width(hid_t type, const char* name) const {
    const size_t width =
        H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 ? H5Tget_size(type) : 0;
    if (width == 0 || width > file_bytes_) fail(name, "isn't fixed-width text");
    return width;
  }

  // Nothing is allocated before the bytes are known to be in the file.
  size_t checked_elements(hid_t set, const char* name, size_t element_bytes) const {
    const Hdf5Handle space(hdf5_check(H5Dget_space(set), path_, name), H5Sclose);
    hsize_t dims = 0;
    if (H5Sget_simple_extent_ndims(space) != 1 ||
        H5Sget_simple_extent_dims(space, &dims, nullptr) != 1)
      fail(name, "isn't a list");
    if (dims > file_bytes_ / element_bytes || dims * element_bytes > H5Dget_storage_size(set))
      fail(name, "says it is longer than the bytes there are");
    return dims;
  }

  void read(hid_t set, hid_t type, const char* name, void* out, size_t elements) const {
    if (elements == 0) return;
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) {
      throw FileError(fmt::format("{}: \"{}\" is damaged ({}); run `candor prepare` again", path_,
                                  name, hdf5_error_text()));
    }
  }

  hid_t file_;
  const std::string& path_;
  uint64_t file_bytes_;
};

}  // namespace candor::data
