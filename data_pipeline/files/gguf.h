// Reader of GGUF, llama.cpp's model files (versions 2 and 3, little-endian): metadata by key, and
// tensors as views into the mapped file.
// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "data_pipeline/files/gguf_dequantize.h"
#include "data_pipeline/files/mapped_file.h"

namespace candor::data {

// Integers of any width become int64 (a uint64 beyond its range is an error); arrays of bool become
// integers. Nested arrays aren't read.
using GgufValue =
    std::variant<bool, std::int64_t, float, double, std::string, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // row-major, outermost first: the reverse of the file's order,
                                    // the order of Hugging Face
  GgufType type = GgufType::F32;
  std::span<const std::byte> bytes;

  std::int64_t numel() const;
};

// Checks the whole header when opened: every count and length against the bytes that are left
// *before* anything is allocated for it.
// Throws std::system_error (can't be read), or std::invalid_argument that names the file and key or
// tensor: no GGUF, wrong version, big-endian, truncated, a tensor of a type that isn't read, a
// shape that doesn't fit the blocks, a repeated key or name, a misplaced tensor.
class GgufFile {
 public:
  explicit GgufFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  std::uint32_t version() const { return version_; }
  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in the file's order
  const GgufTensor* find_tensor(const std::string& name) const;        // nullptr if there is none

  // The value of a key as one of GgufValue's types; std::invalid_argument naming file and key if it
  // is missing (get) or of another type (both).
  template <typename T>
  const T& get(const std::string& key) const;
  template <typename T>
  const T* find(const std::string& key) const;

  // Throws std::invalid_argument that begins with the file's path.
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  [[noreturn]] void fail_key(const std::string& key, const char* what) const;

  MappedFile file_;
  std::uint32_t version_ = 0;
  std::map<std::string, GgufValue> metadata_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t> tensor_index_;
};

template <typename T>
const T* GgufFile::find(const std::string& key) const {
  const auto entry = metadata_.find(key);
  if (entry == metadata_.end()) return nullptr;
  const T* value = std::get_if<T>(&entry->second);
  if (value == nullptr) fail_key(key, "has a value of another type than expected");
  return value;
}

template <typename T>
const T& GgufFile::get(const std::string& key) const {
  const T* value = find<T>(key);
  if (value == nullptr) fail_key(key, "is missing");
  return *value;
}

}  // namespace candor::data
