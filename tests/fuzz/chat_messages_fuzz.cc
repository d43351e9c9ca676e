// Messages through a fixed template: a byte for the role and one for the length, then the text.
#include <algorithm>
#include <vector>

#include "data_pipeline/chat/chat_template.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  static const candor::data::ChatTemplate chat(
      "{% for m in messages %}{% if m.role not in ['system', 'user', 'assistant'] %}{{ "
      "raise_exception('role ' + m.role) }}{% endif %}"
      "<|{{ m['role'] }}|>{{ m.content | trim | tojson }}{{ m.content.split('\\n')[0][:9] | title "
      "}}{{ m.content | replace('a', 'bb') | length }}"
      "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
      {});
  return candor::data::expecting_refusals([&] {
    const std::string_view bytes = candor::data::text_of(data, size_bytes);
    std::vector<candor::data::ChatMessage> messages;
    for (std::size_t at = 0; at + 2 <= bytes.size();) {
      const char* const roles[] = {"system", "user", "assistant", "tool"};
      const std::size_t length = std::min<std::size_t>(data[at + 1], bytes.size() - at - 2);
      messages.push_back({roles[data[at] % 4], std::string(bytes.substr(at + 2, length))});
      at += 2 + length;
    }
    candor::data::require(chat.render(messages, true).ends_with("<|assistant|>"),
                          "the generation prompt comes last");
  });
}
