#include "data_pipeline/files/gguf_dequantize.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <stdexcept>

namespace candor::data {
namespace {

static_assert(std::endian::native == std::endian::little,
              "GGUF and safetensors bytes are used as they are");

constexpr std::size_t kBlock = 32;

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU, mantissa = half & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;  // subnormal: exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

float scale_at(const std::byte* from) { return half_to_float(load<std::uint16_t>(from)); }

std::uint32_t nibble(const std::byte* nibbles, std::size_t element) {
  const std::uint32_t byte = std::to_integer<std::uint32_t>(nibbles[element % 16]);
  return element < 16 ? byte & 0xfU : byte >> 4;
}

std::uint32_t five_bits(std::uint32_t high_bits, const std::byte* nibbles, std::size_t element) {
  return nibble(nibbles, element) | (((high_bits >> element) & 1U) << 4);
}

// d has 11 significant bits and q at most 8, so d * q is exact in fp32: whether the compiler fuses
// it with the addition of m makes no difference.
void dequantize_block(GgufType type, const std::byte* block, float* out) {
  switch (type) {
    case GgufType::F32: out[0] = load<float>(block); return;
    case GgufType::F16: out[0] = half_to_float(load<std::uint16_t>(block)); return;
    case GgufType::BF16:
      out[0] = std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(block)) << 16);
      return;
    case GgufType::Q4_0: {
      const float d = scale_at(block);
      for (std::size_t i = 0; i < kBlock; ++i)
        out[i] = d * static_cast<float>(static_cast<int>(nibble(block + 2, i)) - 8);
      return;
    }
    case GgufType::Q4_1: {
      const float d = scale_at(block), m = scale_at(block + 2);
      for (std::size_t i = 0; i < kBlock; ++i)
        out[i] = d * static_cast<float>(nibble(block + 4, i)) + m;
      return;
    }
    case GgufType::Q5_0: {
      const float d = scale_at(block);
      const auto high_bits = load<std::uint32_t>(block + 2);
      for (std::size_t i = 0; i < kBlock; ++i)
        out[i] = d * static_cast<float>(static_cast<int>(five_bits(high_bits, block + 6, i)) - 16);
      return;
    }
    case GgufType::Q5_1: {
      const float d = scale_at(block), m = scale_at(block + 2);
      const auto high_bits = load<std::uint32_t>(block + 4);
      for (std::size_t i = 0; i < kBlock; ++i)
        out[i] = d * static_cast<float>(five_bits(high_bits, block + 8, i)) + m;
      return;
    }
    case GgufType::Q8_0: {
      const float d = scale_at(block);
      for (std::size_t i = 0; i < kBlock; ++i)
        out[i] = d * static_cast<float>(load<std::int8_t>(block + 2 + i));
      return;
    }
  }
}

}  // namespace

const GgufTypeInfo* gguf_type_info(GgufType type) {
  static const std::map<GgufType, GgufTypeInfo> kTypes{
      {GgufType::F32, {"F32", 1, 4}},         {GgufType::F16, {"F16", 1, 2}},
      {GgufType::BF16, {"BF16", 1, 2}},       {GgufType::Q4_0, {"Q4_0", kBlock, 18}},
      {GgufType::Q4_1, {"Q4_1", kBlock, 20}}, {GgufType::Q5_0, {"Q5_0", kBlock, 22}},
      {GgufType::Q5_1, {"Q5_1", kBlock, 24}}, {GgufType::Q8_0, {"Q8_0", kBlock, 34}}};
  const auto entry = kTypes.find(type);
  return entry == kTypes.end() ? nullptr : &entry->second;
}

std::string gguf_type_name(std::uint32_t type) {
  // "" marks numbers that ggml has withdrawn.
  static constexpr std::array<const char*, 31> kNames{
      "F32",     "F16",    "Q4_0",    "Q4_1",  "",       "",      "Q5_0",  "Q5_1",
      "Q8_0",    "Q8_1",   "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",
      "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
      "I8",      "I16",    "I32",     "I64",   "F64",    "IQ1_M", "BF16"};
  if (type < kNames.size() && kNames[type][0] != '\0') return kNames[type];
  return fmt::format("type {}", type);
}

void gguf_dequantize(GgufType type, std::span<const std::byte> blocks, std::span<float> out) {
  const GgufTypeInfo* info = gguf_type_info(type);
  if (info == nullptr)
    throw std::invalid_argument(fmt::format("GGUF elements of {} aren't read",
                                            gguf_type_name(static_cast<std::uint32_t>(type))));
  const std::size_t count = out.size() / info->block_numel;
  if (count * info->block_numel != out.size() || count * info->block_bytes != blocks.size()) {
    throw std::invalid_argument(fmt::format("{} bytes of {} don't make {} elements", blocks.size(),
                                            info->name, out.size()));
  }
  for (std::size_t i = 0; i < count; ++i)
    dequantize_block(type, blocks.data() + i * info->block_bytes,
                     out.data() + i * info->block_numel);
}

}  // namespace candor::data
