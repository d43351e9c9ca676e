// A tokenizer.json: reading it, then a few texts there and back.
#include <vector>

#include "data_pipeline/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const candor::data::InputFile input(data, size_bytes);
    const auto tokenizer = candor::data::Tokenizer::from_file(input.path());
    for (const char* text :
         {"", "What is 17 + 25?\n\n  It's 42.",
          "<|im_start|>user\nna\xC3\xAFve e\xCC\x81t\xC3\xA9 \xF0\x9F\x98\x80<|im_end|>"}) {
      const auto encoding = tokenizer.encode_with_offsets(text);
      for (const auto& [begin, end] : encoding.byte_offsets) {
        candor::data::require(begin <= end && end <= std::string_view(text).size(),
                              "offsets lie in the text");
      }
      for (const std::uint32_t id : encoding.ids)
        candor::data::require(tokenizer.id_to_token(id).has_value(), "an id of a text has a token");
      tokenizer.decode(encoding.ids, false);
    }
    const std::vector<std::uint32_t> ids{0, 1, 255, 256, 1U << 24, ~0U};
    tokenizer.decode(ids);
  });
}
