// Element types of GGUF tensors that are read here, and their conversion to fp32, bit-equal to
// gguf.dequantize of the Python package `gguf`.
// A quantised row is cut into blocks of 32 elements that share a scale d (fp16) and, in the _1
// types, an offset m (fp16):
// w = d q (Q4_0, Q5_0, Q8_0; q signed) or w = d q + m (Q4_1, Q5_1). Nibble i of a block is element
// i (low half) or element i + 16 (high half). Source: ggml-common.h and ggml-quants.c of llama.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace candor::data {

enum class GgufType : std::uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  BF16 = 30
};

struct GgufTypeInfo {
  const char* name;
  std::size_t block_numel;
  std::size_t block_bytes;
};

// nullptr for a type that isn't read.
const GgufTypeInfo* gguf_type_info(GgufType type);

// "Q4_K" for 12, also for types that aren't read; "type 99" for an unknown number.
std::string gguf_type_name(std::uint32_t type);

// Needs a whole number of blocks and out.size() elements in them; std::invalid_argument otherwise.
void gguf_dequantize(GgufType type, std::span<const std::byte> blocks, std::span<float> out);

}  // namespace candor::data
