// A model's own chat template, rendered as transformers' apply_chat_template does.
//
// Templates are Jinja2 with trim_blocks and lstrip_blocks; a subset is read: what the templates of
// Llama 3, Qwen 2.5, Mistral and SmolLM2 use (set, namespace, macros, loops with loop.*, slices,
// tests, filters, string methods, raise_exception, strftime_now).
// Usage:   const auto chat = ChatTemplate::from_model_dir(dir);   chat.render({{"user", "Hi"}},
// /*add_generation_prompt=*/true);
// Thread-safe, immutable; a copy shares the parsed template.
// Throws std::invalid_argument that names construct and line for anything else, and with the
// template's own words where it calls raise_exception. Source:
// https://jinja.palletsprojects.com/en/stable/templates/
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace candor::data {

struct ChatMessage {
  std::string role, content;
};

class ChatTemplate {
 public:
  // special_tokens: variables such as bos_token and eos_token. clock: the time for
  // strftime_now(format) (template_clock.h); empty: the local one now.
  using Clock = std::function<std::string(const std::string& format)>;
  ChatTemplate(std::string source, std::map<std::string, std::string> special_tokens,
               Clock clock = {});

  // chat_template.jinja, else "chat_template" of tokenizer_config.json; special tokens from the
  // latter.
  static ChatTemplate from_model_dir(const std::string& dir, Clock clock = {});

  std::string render(const std::vector<ChatMessage>& messages, bool add_generation_prompt) const;

  // Of the source and the special tokens, as 64 hex digits.
  const std::string& sha256() const { return sha256_; }

 private:
  struct Parsed;
  std::shared_ptr<const Parsed> parsed_;
  std::map<std::string, std::string> special_tokens_;
  Clock clock_;
  std::string sha256_;
};

}  // namespace candor::data
