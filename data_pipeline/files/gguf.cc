#include "data_pipeline/files/gguf.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace candor::data {
namespace {

enum class ValueType : std::uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64
};
constexpr std::uint32_t kValueTypes = 13;
constexpr std::uint64_t kMinPairBytes = 8 + 4 + 1;  // length of the key, type, one byte of value
constexpr std::uint64_t kMinTensorBytes =
    8 + 4 + 8 + 12;  // length of the name, number of dimensions, one dimension, type and offset
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::int64_t kMaxAlignment = 1 << 20;

std::uint64_t value_bytes(ValueType type) {
  switch (type) {
    case ValueType::U8:
    case ValueType::I8:
    case ValueType::Bool: return 1;
    case ValueType::U16:
    case ValueType::I16: return 2;
    case ValueType::U32:
    case ValueType::I32:
    case ValueType::F32: return 4;
    case ValueType::String:
    case ValueType::U64:
    case ValueType::I64:
    case ValueType::F64:
    case ValueType::Array: return 8;  // a string at least: its length
  }
  return 1;
}

// Walks the header; every read is checked against the end of the file. `where_` names what is being
// read, for messages.
class Cursor {
 public:
  Cursor(const std::string& path, std::span<const std::byte> bytes) : path_(path), bytes_(bytes) {}

  void reading(std::string where) { where_ = std::move(where); }
  std::uint64_t position() const { return position_; }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument(fmt::format("{}: {}: {}", path_, where_, what));
  }

  void need(std::uint64_t count, std::uint64_t each_bytes) const {
    const std::uint64_t left = bytes_.size() - position_;
    if (count > left / each_bytes) {
      fail(
          fmt::format("the file is truncated or damaged: {} items of at least {} bytes are "
                      "announced at byte {}, but only {} bytes follow; download it again",
                      count, each_bytes, position_, left));
    }
  }

  template <typename T>
  T number() {
    need(1, sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::string text() {
    const auto length = number<std::uint64_t>();
    need(length, 1);
    std::string value(reinterpret_cast<const char*>(bytes_.data()) + position_, length);
    position_ += length;
    return value;
  }

  ValueType value_type() {
    const auto type = number<std::uint32_t>();
    if (type >= kValueTypes) fail(fmt::format("unknown value type {}", type));
    return static_cast<ValueType>(type);
  }

  std::int64_t integer(ValueType type) {
    switch (type) {
      case ValueType::U8: return number<std::uint8_t>();
      case ValueType::I8: return number<std::int8_t>();
      case ValueType::U16: return number<std::uint16_t>();
      case ValueType::I16: return number<std::int16_t>();
      case ValueType::U32: return number<std::uint32_t>();
      case ValueType::I32: return number<std::int32_t>();
      case ValueType::I64: return number<std::int64_t>();
      case ValueType::U64: {
        const auto value = number<std::uint64_t>();
        if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
          fail(fmt::format("the number {} is too large", value));
        return static_cast<std::int64_t>(value);
      }
      case ValueType::Bool: {
        const auto value = number<std::uint8_t>();
        if (value > 1) fail(fmt::format("a truth value must be 0 or 1, got {}", value));
        return value;
      }
      default: fail("expected an integer");
    }
  }

  GgufValue value(ValueType type) {
    switch (type) {
      case ValueType::Bool: return integer(type) != 0;
      case ValueType::F32: return number<float>();
      case ValueType::F64: return number<double>();
      case ValueType::String: return text();
      case ValueType::Array: return array();
      default: return integer(type);
    }
  }

 private:
  GgufValue array() {
    const ValueType type = value_type();
    if (type == ValueType::Array) fail("arrays of arrays aren't read");
    const auto count = number<std::uint64_t>();
    need(count, value_bytes(type));
    if (type == ValueType::String) return items<std::string>(count, [this] { return text(); });
    if (type == ValueType::F32)
      return items<double>(count, [this] { return static_cast<double>(number<float>()); });
    if (type == ValueType::F64) return items<double>(count, [this] { return number<double>(); });
    return items<std::int64_t>(count, [this, type] { return integer(type); });
  }

  template <typename T, typename Read>
  std::vector<T> items(std::uint64_t count, Read read) {
    std::vector<T> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) values.push_back(read());
    return values;
  }

  const std::string& path_;
  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
  std::string where_;
};

struct TensorHead {
  GgufTensor tensor;
  std::uint64_t offset = 0;  // from the start of the data section
  std::uint64_t size_bytes = 0;
};

TensorHead read_tensor_head(Cursor& cursor, std::uint64_t index) {
  cursor.reading(fmt::format("tensor number {}", index));
  TensorHead head;
  head.tensor.name = cursor.text();
  cursor.reading(fmt::format("tensor {}", head.tensor.name));
  const auto dimensions = cursor.number<std::uint32_t>();
  if (dimensions == 0 || dimensions > kMaxDimensions)
    cursor.fail(fmt::format("{} dimensions, expected 1 to {}", dimensions, kMaxDimensions));
  std::uint64_t numel = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto extent = cursor.number<std::uint64_t>();
    // A limit of 2^48 elements keeps every later product within 64 bits.
    if (extent == 0 || extent > (std::uint64_t{1} << 48) / numel)
      cursor.fail(fmt::format("dimension {} is {}: empty or too large", i, extent));
    numel *= extent;
    head.tensor.shape.insert(head.tensor.shape.begin(), static_cast<std::int64_t>(extent));
  }
  const auto type = cursor.number<std::uint32_t>();
  const GgufTypeInfo* info = gguf_type_info(static_cast<GgufType>(type));
  if (info == nullptr) {
    cursor.fail(
        fmt::format("its elements are {}, which isn't read; use a file with F32, F16, BF16, Q8_0, "
                    "Q4_0, Q4_1, Q5_0 or Q5_1",
                    gguf_type_name(type)));
  }
  head.tensor.type = static_cast<GgufType>(type);
  const auto row_numel = static_cast<std::uint64_t>(head.tensor.shape.back());
  if (row_numel % info->block_numel != 0)
    cursor.fail(fmt::format("rows of {} elements don't divide into {} blocks of {}", row_numel,
                            info->name, info->block_numel));
  head.size_bytes = numel / info->block_numel * info->block_bytes;
  head.offset = cursor.number<std::uint64_t>();
  return head;
}

}  // namespace

std::int64_t GgufTensor::numel() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) product *= extent;
  return product;
}

GgufFile::GgufFile(const std::string& path) : file_(path) {
  const std::span<const std::byte> bytes = file_.bytes();
  Cursor cursor(path, bytes);
  cursor.reading("start of the file");
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0)
    cursor.fail("this is no GGUF file (it doesn't begin with GGUF)");
  cursor.number<std::uint32_t>();
  version_ = cursor.number<std::uint32_t>();
  if ((version_ & 0xffffU) == 0)
    cursor.fail("big-endian GGUF isn't read; convert it to little-endian");
  if (version_ != 2 && version_ != 3)
    cursor.fail(fmt::format("GGUF version {} isn't read, only 2 and 3", version_));
  const auto tensors = cursor.number<std::uint64_t>(), pairs = cursor.number<std::uint64_t>();

  cursor.reading("metadata");
  cursor.need(pairs, kMinPairBytes);
  for (std::uint64_t i = 0; i < pairs; ++i) {
    cursor.reading(fmt::format("metadata number {}", i));
    std::string key = cursor.text();
    cursor.reading(fmt::format("metadata {}", key));
    GgufValue value = cursor.value(cursor.value_type());
    if (!metadata_.emplace(std::move(key), std::move(value)).second)
      cursor.fail("the key appears twice");
  }
  std::int64_t alignment = 32;
  if (const auto* given = find<std::int64_t>("general.alignment")) alignment = *given;
  cursor.reading("metadata general.alignment");
  if (alignment < 1 || alignment > kMaxAlignment ||
      !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
    cursor.fail(fmt::format("{} is no power of two up to {}", alignment, kMaxAlignment));
  }

  cursor.reading("tensor list");
  cursor.need(tensors, kMinTensorBytes);
  std::vector<TensorHead> heads;
  for (std::uint64_t i = 0; i < tensors; ++i) heads.push_back(read_tensor_head(cursor, i));
  const auto unit = static_cast<std::uint64_t>(alignment);
  const std::uint64_t data_begin = (cursor.position() + unit - 1) / unit * unit;
  const std::uint64_t data_bytes = bytes.size() > data_begin ? bytes.size() - data_begin : 0;
  for (TensorHead& head : heads) {
    cursor.reading(fmt::format("tensor {}", head.tensor.name));
    if (head.offset % unit != 0)
      cursor.fail(
          fmt::format("offset {} is no multiple of the alignment {}", head.offset, alignment));
    if (head.offset > data_bytes || head.size_bytes > data_bytes - head.offset) {
      cursor.fail(
          fmt::format("the file is truncated: the tensor has {} bytes from data byte {}, but there "
                      "are only {}; download it again",
                      head.size_bytes, head.offset, data_bytes));
    }
    head.tensor.bytes = bytes.subspan(data_begin + head.offset, head.size_bytes);
    if (!tensor_index_.emplace(head.tensor.name, tensors_.size()).second)
      cursor.fail("the name appears twice");
    tensors_.push_back(std::move(head.tensor));
  }
}

const GgufTensor* GgufFile::find_tensor(const std::string& name) const {
  const auto entry = tensor_index_.find(name);
  return entry == tensor_index_.end() ? nullptr : &tensors_[entry->second];
}

void GgufFile::refuse(const std::string& what) const {
  throw std::invalid_argument(fmt::format("{}: {}", path(), what));
}

void GgufFile::fail_key(const std::string& key, const char* what) const {
  refuse(fmt::format("metadata {} {}", key, what));
}

}  // namespace candor::data
