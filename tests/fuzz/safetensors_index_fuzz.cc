// model.safetensors.index.json of a folder that has two shards beside it.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "data_pipeline/files/safetensors.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

// Made once: the shards stay the same, only the index is written anew.
const std::string& model_folder() {
  static const std::string folder = [] {
    std::string pattern = (std::filesystem::temp_directory_path() / "candor_fuzz_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    static const std::string remove_at_exit = pattern;
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(remove_at_exit, ignored);
    });
    const float values[] = {1.0F, 2.0F};
    candor::data::write_safetensors(
        pattern + "/1.safetensors",
        {{"a", candor::data::DType::F32, {2}, std::as_bytes(std::span(values))}});
    candor::data::write_safetensors(
        pattern + "/2.safetensors",
        {{"b", candor::data::DType::F32, {2}, std::as_bytes(std::span(values))}});
    return pattern;
  }();
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const std::string path = model_folder() + "/model.safetensors.index.json";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size_bytes));
    const candor::data::SafetensorsModel model(model_folder());
    for (const std::string& name : model.names())
      candor::data::require(name == "a" || name == "b", "only tensors of the folder are read");
  });
}
