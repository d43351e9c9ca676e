// tokenizer_config.json of a model folder: special tokens and chat template.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "data_pipeline/chat/chat_template.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/prompt/token_fixture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  static const candor::testing_support::TemporaryFolder folder;
  return candor::data::expecting_refusals([&] {
    std::ofstream(folder.file("tokenizer_config.json"), std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size_bytes));
    candor::data::ChatTemplate::from_model_dir(folder.path().string())
        .render({{"user", "Hi"}}, true);
  });
}
