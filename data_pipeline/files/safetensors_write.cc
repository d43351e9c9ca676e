// The writing half of safetensors.h.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/safetensors.h"

namespace candor::data {
namespace {

std::uint64_t checked_bytes(const std::string& path, const TensorSource& tensor) {
  std::uint64_t bytes = dtype_bytes(tensor.dtype);
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0)
      throw std::invalid_argument(
          fmt::format("{}: tensor {} has a negative extent", path, tensor.name));
    bytes *= static_cast<std::uint64_t>(extent);
  }
  return bytes;
}

template <typename Tensor>
bool comes_first(const Tensor& left, const Tensor& right) {
  const std::size_t left_bytes = dtype_bytes(left.dtype), right_bytes = dtype_bytes(right.dtype);
  return left_bytes != right_bytes ? left_bytes > right_bytes : left.name < right.name;
}

void write_header(AtomicFile& file, const std::string& path,
                  const std::vector<TensorSource>& tensors,
                  const std::map<std::string, std::string>& metadata, std::size_t alignment_bytes) {
  std::set<std::string> seen;
  std::string text = "{";
  if (!metadata.empty())
    text += fmt::format("\"__metadata__\":{}", nlohmann::json(metadata).dump());
  std::uint64_t offset = 0;
  for (const TensorSource& tensor : tensors) {
    if (tensor.name == "__metadata__" || !seen.insert(tensor.name).second) {
      throw std::invalid_argument(
          fmt::format("{}: two tensors (or the metadata) share the name {}", path, tensor.name));
    }
    const std::uint64_t end = offset + checked_bytes(path, tensor);
    text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}",
                        text.size() > 1 ? "," : "", nlohmann::json(tensor.name).dump(),
                        dtype_name(tensor.dtype), nlohmann::json(tensor.shape).dump(), offset, end);
    offset = end;
  }
  text += "}";
  const std::size_t begin = (sizeof(std::uint64_t) + text.size() + alignment_bytes - 1) /
                            alignment_bytes * alignment_bytes;
  text.resize(begin - sizeof(std::uint64_t), ' ');
  const std::uint64_t header_bytes = text.size();
  file.write(&header_bytes, sizeof(header_bytes));
  file.write(text);
}

void check_size(const std::string& path, const TensorSource& tensor, std::size_t size_bytes) {
  const std::uint64_t expected = checked_bytes(path, tensor);
  if (expected != size_bytes) {
    throw std::invalid_argument(fmt::format("{}: tensor {} needs {} bytes for its shape, got {}",
                                            path, tensor.name, expected, size_bytes));
  }
}

}  // namespace

std::string write_safetensors_streamed(const std::string& path, std::vector<TensorSource> tensors,
                                       const std::map<std::string, std::string>& metadata,
                                       std::size_t alignment_bytes) {
  std::sort(tensors.begin(), tensors.end(), comes_first<TensorSource>);
  AtomicFile file(path);
  write_header(file, path, tensors, metadata, alignment_bytes);
  for (const TensorSource& tensor : tensors) {
    const std::vector<std::byte> bytes = tensor.make();
    check_size(path, tensor, bytes.size());
    file.write(bytes.data(), bytes.size());
  }
  file.commit();
  return file.hash();
}

void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<NamedTensor> sorted = tensors;
  std::sort(sorted.begin(), sorted.end(), comes_first<NamedTensor>);
  std::vector<TensorSource> layout;
  for (const NamedTensor& tensor : sorted) {
    layout.push_back({tensor.name, tensor.dtype, tensor.shape, {}});
    check_size(path, layout.back(), tensor.bytes.size());
  }
  AtomicFile file(path);
  write_header(file, path, layout, metadata, 8);
  for (const NamedTensor& tensor : sorted) file.write(tensor.bytes.data(), tensor.bytes.size());
  file.commit();
}

}  // namespace candor::data
