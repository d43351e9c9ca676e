// tokens.h5 byte for byte. Most changes die at HDF5's checksums; token_data tries the contents.
#include "data_pipeline/tokens/token_file.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const candor::data::InputFile input(data, size_bytes);
    const candor::data::TokenData read = candor::data::read_token_file(input.path());
    for (std::size_t e = 0; e < read.examples.size(); ++e) {
      candor::data::require(
          read.full_prefix(read.examples[e].prefix).size() + read.suffix(e).size() ==
              read.example_length(e),
          "lengths add up");
    }
  });
}
