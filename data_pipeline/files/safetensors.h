// Safetensors files: 8 bytes little-endian header length, a JSON header {name: {dtype, shape,
// data_offsets}}, then the tensors' bytes.
// Source: https://github.com/huggingface/safetensors (format description); its limits (header of at
// most 100 MB, no holes) are checked here too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data_pipeline/files/mapped_file.h"

namespace candor::data {

enum class DType { F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, Bool };

std::size_t dtype_bytes(DType dtype);
const char* dtype_name(DType dtype);  // as in the file: "F32", "BOOL"

// Row-major, little-endian. The bytes belong to the file object and need not be aligned to the
// element size: copy them out.
struct TensorView {
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;  // empty = a scalar
  std::span<const std::byte> bytes;
};

// Maps one file and checks its whole header at once. Tensors live as long as the object and survive
// a move.
// Throws std::system_error (can't be read), or std::invalid_argument naming the file and, where
// there is one, the tensor.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// All tensors of a model folder: model.safetensors, else the shards that
// model.safetensors.index.json names (they must lie in the same folder, as contained_path.h says,
// and index and shards must agree about every tensor).
class SafetensorsModel {
 public:
  explicit SafetensorsModel(const std::string& folder);
  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  const TensorView& at(const std::string& name)
      const;  // std::invalid_argument names the folder and the missing tensor
  std::vector<std::string> names() const;  // sorted

 private:
  std::string folder_;
  std::vector<std::unique_ptr<SafetensorsFile>> shards_;
  std::map<std::string, TensorView> tensors_;
};

struct NamedTensor {
  std::string name;
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

// Writes atomically. The same tensors and metadata give the same bytes in any order: larger element
// types first (so that each is aligned), then by name, as the reference implementation does. Throws
// std::invalid_argument for a repeated name or a shape that doesn't fit the bytes.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

// The same for tensors made one at a time, so that only one is in memory: make() is called once for
// each, in the order of the file.
struct TensorSource {
  std::string name;
  DType dtype = DType::F32;
  std::vector<std::int64_t> shape;
  std::function<std::vector<std::byte>()> make;
};
// alignment_bytes: a multiple of 8 at a multiple of which the first tensor begins. Returns
// content_hash() of the whole file.
std::string write_safetensors_streamed(const std::string& path, std::vector<TensorSource> tensors,
                                       const std::map<std::string, std::string>& metadata = {},
                                       std::size_t alignment_bytes = 8);

}  // namespace candor::data
