// A GGUF file as `candor import` converts it, up to the model folder that it writes.
#include <cstdlib>
#include <filesystem>

#include "data_pipeline/files/gguf_import.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  std::string folder = (std::filesystem::temp_directory_path() / "candor_fuzz_XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) std::abort();
  const int result = candor::data::expecting_refusals([&] {
    const candor::data::InputFile input(data, size_bytes);
    candor::data::import_gguf(input.path(), folder + "/model");
  });
  std::filesystem::remove_all(folder);
  return result;
}
