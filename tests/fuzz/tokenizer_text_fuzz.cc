// Any text through a fixed byte-level tokenizer: what is valid UTF-8 comes back unchanged.
#include "data_pipeline/tokenizer/byte_level.h"
#include "data_pipeline/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/prompt/token_fixture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  static const candor::testing_support::TemporaryFolder folder;
  static const candor::data::Tokenizer tokenizer =
      candor::testing_support::tiny_tokenizer(folder, true);
  return candor::data::expecting_refusals([&] {
    const std::string_view text = candor::data::text_of(data, size_bytes);
    const auto encoding = tokenizer.encode_with_offsets(text);  // refuses what isn't UTF-8
    candor::data::require(candor::data::find_invalid_utf8(text) == std::string_view::npos,
                          "only UTF-8 is encoded");
    candor::data::require(tokenizer.decode(encoding.ids, false) == text, "a text comes back");
    for (const auto& [begin, end] : encoding.byte_offsets)
      candor::data::require(begin < end && end <= size_bytes, "offsets lie in the text");
  });
}
