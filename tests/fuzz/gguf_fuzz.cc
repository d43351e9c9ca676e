// A GGUF file: metadata, tensors, their elements as fp32, and the tokenizer that is made of the
// metadata.
#include <vector>

#include "data_pipeline/files/gguf.h"
#include "data_pipeline/files/gguf_tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const candor::data::InputFile input(data, size_bytes);
    const candor::data::GgufFile file(input.path());
    std::size_t left_bytes =
        std::size_t{1} << 20;  // tensors may lie over each other: not all of thousands of them
    for (const candor::data::GgufTensor& tensor : file.tensors()) {
      if (tensor.bytes.size() > left_bytes) break;
      left_bytes -= tensor.bytes.size();
      std::vector<float> values(static_cast<std::size_t>(tensor.numel()));
      candor::data::gguf_dequantize(tensor.type, tensor.bytes, values);
    }
    candor::data::gguf_tokenizer_json(file);
    candor::data::gguf_tokenizer_config_json(file);
  });
}
