// A safetensors file: header, metadata, and every byte of every tensor.
#include <span>

#include "data_pipeline/files/safetensors.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const candor::data::InputFile input(data, size_bytes);
    const candor::data::SafetensorsFile file(input.path());
    std::size_t total_bytes = 0;
    volatile unsigned char sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      total_bytes += tensor.bytes.size();
      for (const std::byte byte : tensor.bytes)
        sum = static_cast<unsigned char>(sum + std::to_integer<unsigned>(byte));
    }
    candor::data::require(total_bytes <= size_bytes, "tensors don't overlap");
  });
}
