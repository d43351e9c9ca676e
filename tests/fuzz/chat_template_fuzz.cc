// A Jinja chat template, rendered over a conversation. It must end within its limits, whatever it
// says.
#include "data_pipeline/chat/chat_template.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const candor::data::ChatTemplate chat(
        std::string(candor::data::text_of(data, size_bytes)),
        {{"bos_token", "<s>"}, {"eos_token", "</s>"}},
        [](const std::string&) { return std::string("01 Jan 2025"); });
    chat.render({{"system", "Be brief."},
                 {"user", "Capital of \"France\"?\n"},
                 {"assistant", " Paris "},
                 {"user", "Sure?"}},
                true);
    chat.render({}, false);
  });
}
