#include "data_pipeline/files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "data_pipeline/files/contained_path.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"

namespace candor::data {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit

struct DTypeRow {
  DType dtype;
  const char* name;
  std::size_t bytes;
};
constexpr std::array<DTypeRow, 13> kDTypes{{{DType::F64, "F64", 8},
                                            {DType::F32, "F32", 4},
                                            {DType::F16, "F16", 2},
                                            {DType::BF16, "BF16", 2},
                                            {DType::I64, "I64", 8},
                                            {DType::I32, "I32", 4},
                                            {DType::I16, "I16", 2},
                                            {DType::I8, "I8", 1},
                                            {DType::U64, "U64", 8},
                                            {DType::U32, "U32", 4},
                                            {DType::U16, "U16", 2},
                                            {DType::U8, "U8", 1},
                                            {DType::Bool, "BOOL", 1}}};

const DTypeRow& dtype_row(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  throw std::logic_error("dtype_row: no such DType");
}

// Bytes of a tensor, or nothing if they don't fit 63 bits.
std::optional<std::uint64_t> tensor_bytes(DType dtype, const std::vector<std::int64_t>& shape) {
  constexpr std::uint64_t kLimit = std::numeric_limits<std::int64_t>::max();
  std::uint64_t bytes = dtype_bytes(dtype);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  for (const std::int64_t extent : shape) {
    if (bytes > kLimit / static_cast<std::uint64_t>(extent)) return std::nullopt;
    bytes *= static_cast<std::uint64_t>(extent);
  }
  return bytes;
}

}  // namespace

std::size_t dtype_bytes(DType dtype) { return dtype_row(dtype).bytes; }
const char* dtype_name(DType dtype) { return dtype_row(dtype).name; }

namespace {

// One entry of the header, checked against the data_bytes that follow it.
TensorView parse_tensor(const std::string& where, const nlohmann::json& entry,
                        std::span<const std::byte> data) {
  const auto fail = [&](const std::string& what) -> void {
    throw std::invalid_argument(fmt::format("{}: {}", where, what));
  };
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets")) {
    fail("its header entry must have exactly dtype, shape and data_offsets");
  }
  TensorView tensor;
  const nlohmann::json& dtype = entry["dtype"];
  const auto row = std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeRow& candidate) {
    return dtype.is_string() && dtype == candidate.name;
  });
  if (row == kDTypes.end())
    fail(fmt::format("element type {} isn't read; convert it to F32, BF16 or F16", dtype.dump()));
  tensor.dtype = row->dtype;
  const nlohmann::json& shape = entry["shape"];
  if (!shape.is_array()) fail("shape must be a list of numbers");
  for (const nlohmann::json& extent : shape) {
    if (!extent.is_number_unsigned() ||
        extent.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
      fail(fmt::format("shape {} must hold whole numbers of at least 0", shape.dump()));
    }
    tensor.shape.push_back(extent.get<std::int64_t>());
  }
  const nlohmann::json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    fail("data_offsets must be two whole numbers");
  }
  const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  if (begin > end) fail(fmt::format("data_offsets [{}, {}] run backwards", begin, end));
  if (end > data.size()) {
    fail(
        fmt::format("the file is truncated: the tensor ends at data byte {}, but only {} are "
                    "there; copy or download it again",
                    end, data.size()));
  }
  const std::optional<std::uint64_t> expected_bytes = tensor_bytes(tensor.dtype, tensor.shape);
  if (!expected_bytes || *expected_bytes != end - begin) {
    fail(fmt::format("shape {} of {} doesn't fit the {} bytes that its data_offsets give it",
                     shape.dump(), row->name, end - begin));
  }
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

// Every byte of the data must belong to exactly one tensor.
void check_cover(const std::string& path, const std::map<std::string, TensorView>& tensors,
                 std::span<const std::byte> data) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& [name, tensor] : tensors) {
    const auto begin = static_cast<std::size_t>(tensor.bytes.data() - data.data());
    ranges.emplace_back(begin, begin + tensor.bytes.size());
  }
  std::sort(ranges.begin(), ranges.end());
  std::size_t covered = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != covered) {
      throw std::invalid_argument(
          fmt::format("{}: {} at data byte {}: the header is damaged", path,
                      begin < covered ? "tensors overlap" : "there is a hole", begin));
    }
    covered = end;
  }
  if (covered != data.size()) {
    throw std::invalid_argument(
        fmt::format("{}: {} bytes follow the last tensor; the header doesn't belong to this data",
                    path, data.size() - covered));
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path) {
  const std::span<const std::byte> bytes = file_.bytes();
  if (bytes.size() < 8)
    throw std::invalid_argument(
        fmt::format("{}: {} bytes are too few for a safetensors file", path, bytes.size()));
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > kMaxHeaderBytes) {
    throw std::invalid_argument(
        fmt::format("{}: this is no safetensors file: it announces a header of {} bytes (limit {})",
                    path, header_bytes, kMaxHeaderBytes));
  }
  if (header_bytes > bytes.size() - 8) {
    throw std::invalid_argument(
        fmt::format("{}: the file is truncated within its header of {} bytes ({} are there); copy "
                    "or download it again",
                    path, header_bytes, bytes.size() - 8));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
  const nlohmann::json header = parse_json(text, fmt::format("{}: safetensors header", path));
  if (!header.is_object())
    throw std::invalid_argument(
        fmt::format("{}: the safetensors header must be a JSON object", path));
  const std::span<const std::byte> data = bytes.subspan(8 + header_bytes);
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") {
      tensors_.emplace(name, parse_tensor(fmt::format("{}: tensor {}", path, name), entry, data));
      continue;
    }
    if (!entry.is_object())
      throw std::invalid_argument(fmt::format("{}: __metadata__ must be an object", path));
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string())
        throw std::invalid_argument(fmt::format("{}: __metadata__ {} must be a string", path, key));
      metadata_.emplace(key, value.get<std::string>());
    }
  }
  check_cover(path, tensors_, data);
}

SafetensorsModel::SafetensorsModel(const std::string& folder) : folder_(folder) {
  const std::string single = folder + "/model.safetensors",
                    index_path = folder + "/model.safetensors.index.json";
  if (std::filesystem::exists(single)) {
    shards_.push_back(std::make_unique<SafetensorsFile>(single));
    tensors_ = shards_.back()->tensors();
    return;
  }
  if (!std::filesystem::exists(index_path)) {
    throw std::invalid_argument(
        fmt::format("{} has neither model.safetensors nor model.safetensors.index.json; is it the "
                    "model's folder?",
                    folder));
  }
  const nlohmann::json index = parse_json(read_file(index_path), index_path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw std::invalid_argument(
        fmt::format("{}: weight_map (tensor to file) is missing", index_path));
  }
  std::map<std::string, std::set<std::string>> names_by_shard;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) {
      throw std::invalid_argument(
          fmt::format("{}: the file of tensor {} must be a plain file name, got {}", index_path,
                      name, shard.dump()));
    }
    names_by_shard[shard.get<std::string>()].insert(name);
  }
  for (const auto& [shard, names] : names_by_shard) {
    const std::string path = contained_path(
        folder, shard, fmt::format("{}: the file of tensor {}", index_path, *names.begin()));
    shards_.push_back(std::make_unique<SafetensorsFile>(path));
    const auto& tensors = shards_.back()->tensors();
    for (const std::string& name : names) {
      const auto tensor = tensors.find(name);
      if (tensor == tensors.end())
        throw std::invalid_argument(fmt::format("{}: tensor {} is missing, though {} puts it there",
                                                path, name, index_path));
      tensors_.insert(*tensor);
    }
    for (const auto& [name, tensor] : tensors) {
      if (names.count(name) == 0)
        throw std::invalid_argument(
            fmt::format("{}: tensor {} isn't listed for this file in {}", path, name, index_path));
    }
  }
}

const TensorView& SafetensorsModel::at(const std::string& name) const {
  const auto tensor = tensors_.find(name);
  if (tensor == tensors_.end())
    throw std::invalid_argument(fmt::format("the model in {} has no tensor {}", folder_, name));
  return tensor->second;
}

std::vector<std::string> SafetensorsModel::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

}  // namespace candor::data
