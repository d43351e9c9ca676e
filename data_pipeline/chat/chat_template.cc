#include "data_pipeline/chat/chat_template.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "data_pipeline/chat/jinja_parser.h"
#include "data_pipeline/chat/jinja_renderer.h"
#include "data_pipeline/chat/template_clock.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"

namespace candor::data {
namespace {

constexpr std::size_t kLongestSource = std::size_t{1}
                                       << 20;  // the longest that models come with have some 20 KB

const std::string& checked(const std::string& source) {
  if (source.size() > kLongestSource) {
    throw std::invalid_argument(
        fmt::format("chat template: {} bytes, expected at most {}; is it a template?",
                    source.size(), kLongestSource));
  }
  return source;
}

// A special token is a text, or an object whose "content" is the text.
std::map<std::string, std::string> special_tokens_of(const nlohmann::json& config) {
  std::map<std::string, std::string> tokens;
  for (const auto& [key, value] : config.items()) {
    if (!key.ends_with("_token")) continue;
    if (value.is_string()) tokens[key] = value.get<std::string>();
    if (value.is_object() && value.contains("content") && value["content"].is_string())
      tokens[key] = value["content"].get<std::string>();
  }
  return tokens;
}

std::string source_of(const nlohmann::json& config, const std::string& path) {
  if (!config.contains("chat_template")) {
    throw std::invalid_argument(
        fmt::format("{}: no chat_template: expected an instruction-tuned model, or a "
                    "chat_template.jinja beside it",
                    path));
  }
  const nlohmann::json& value = config["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {  // several named ones
    for (const nlohmann::json& one : value) {
      if (one.is_object() && one.contains("name") && one["name"] == "default" &&
          one.contains("template") && one["template"].is_string()) {
        return one["template"].get<std::string>();
      }
    }
  }
  throw std::invalid_argument(fmt::format(
      "{}: chat_template: expected a text, or a list with one named \"default\"", path));
}

}  // namespace

struct ChatTemplate::Parsed {
  jinja::Block block;
};

ChatTemplate::ChatTemplate(std::string source, std::map<std::string, std::string> special_tokens,
                           Clock clock)
    : parsed_(std::make_shared<Parsed>(Parsed{jinja::parse(checked(source))})),
      special_tokens_(std::move(special_tokens)),
      clock_(clock ? std::move(clock) : TemplateClock(local_time_text())) {
  std::string text = source;
  for (const auto& [name, token] : special_tokens_) text += fmt::format("\n{}={}", name, token);
  sha256_ = sha256_hex(text);
}

ChatTemplate ChatTemplate::from_model_dir(const std::string& dir, Clock clock) {
  const std::string config_path = dir + "/tokenizer_config.json",
                    jinja_path = dir + "/chat_template.jinja";
  const nlohmann::json config = parse_json(read_file(config_path), config_path);
  if (!config.is_object())
    throw std::invalid_argument(fmt::format("{}: expected a JSON object", config_path));
  const std::string source =
      std::filesystem::exists(jinja_path) ? read_file(jinja_path) : source_of(config, config_path);
  return ChatTemplate(source, special_tokens_of(config), std::move(clock));
}

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages,
                                 bool add_generation_prompt) const {
  using jinja::Dict, jinja::List, jinja::Value;
  List list;
  for (const ChatMessage& message : messages)
    list.emplace_back(Dict{{"role", Value(message.role)}, {"content", Value(message.content)}});
  Dict variables{{"messages", Value(list)},
                 {"add_generation_prompt", Value(add_generation_prompt)}};
  // As transformers passes them where the caller gives none.
  variables.emplace_back("tools", Value(jinja::None{}));
  variables.emplace_back("documents", Value(jinja::None{}));
  variables.emplace_back(
      "strftime_now",
      Value(jinja::Function([this](const jinja::Arguments& arguments, jinja::Site site) {
        return Value(clock_(jinja::to_text(arguments.get(0, "format"), site)));
      })));
  for (const auto& [name, token] : special_tokens_) variables.emplace_back(name, Value(token));
  return jinja::render(parsed_->block, variables);
}

}  // namespace candor::data
