// --set key.path=value over a small config.
#include "launch/config/run_config.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const std::string text(candor::data::text_of(data, size_bytes));
    const std::size_t line_end = text.find('\n');
    std::vector<std::string> overrides{text.substr(0, line_end)};
    if (line_end != std::string::npos) overrides.push_back(text.substr(line_end + 1));
    candor::launch::parse_run_config(
        "run: {dir: r}\nmodel: {path: m}\ndata: {questions: q.jsonl}\n", "my.yaml", overrides);
  });
}
