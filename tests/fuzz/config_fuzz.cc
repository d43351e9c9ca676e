// A run's config: YAML, then every key's rules. What is accepted is written and read back the same.
#include "launch/config/run_config.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const candor::launch::RunConfig config =
        candor::launch::parse_run_config(candor::data::text_of(data, size_bytes), "my.yaml");
    const std::string written = candor::launch::to_yaml(config);
    candor::launch::RunConfig again;
    try {
      again = candor::launch::parse_run_config(written, "written.yaml");
    } catch (const std::invalid_argument& error) {
      candor::data::require(false, (written + error.what()).c_str());
    }
    candor::data::require(again == config, "a config that was written reads the same");
  });
}
