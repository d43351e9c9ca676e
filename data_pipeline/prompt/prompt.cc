#include "data_pipeline/prompt/prompt.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data_pipeline/files/sha256.h"
#include "data_pipeline/prompt/level_tokens.h"

namespace candor::data {
namespace {

constexpr std::string_view kPlaceholder = "{question}";

// Length first, so that no two different option sets write the same bytes.
void append_field(std::string& out, std::string_view value) {
  out += fmt::format("{}:{};", value.size(), value);
}

}  // namespace

size_t PromptBuilder::Scored::rows_read() const {
  const size_t before = std::min(response_begin, ids.size());
  return ids.size() - (before == 0 ? 0 : before - 1);
}

PromptBuilder::PromptBuilder(const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                             PromptOptions options)
    : tokenizer_(&tokenizer), chat_template_(&chat_template), options_(std::move(options)) {
  if (options_.question_template.find(kPlaceholder) == std::string::npos) {
    throw std::invalid_argument(
        fmt::format("prompt.question_template: expected a text with {}, got \"{}\"", kPlaceholder,
                    options_.question_template));
  }
  if (options_.marker.empty())
    throw std::invalid_argument(
        "prompt.marker: expected the text before the confidence, such as \"\\nConfidence: \", got "
        "none");
  find_levels();
}

void PromptBuilder::find_levels() {
  // The levels must be single tokens in the place they're used, so the check runs on a whole
  // prompt; an empty response is legal, so on that too.
  const std::string prompt = answer_prompt("?");
  const auto scale = static_cast<int>(options_.scale);
  level_ids_ = find_level_tokens(*tokenizer_, prompt + "x" + options_.marker, scale);
  if (find_level_tokens(*tokenizer_, prompt + options_.marker, scale) != level_ids_) {
    throw std::invalid_argument(
        "prompt.marker: the level tokens differ after an empty response; choose a marker that ends "
        "in a space");
  }
}

std::string PromptBuilder::user_text(std::string_view question) const {
  // One pass over the template, so a question that itself says "{question}" stays as it is.
  std::string text;
  size_t from = 0;
  for (size_t at; (at = options_.question_template.find(kPlaceholder, from)) != std::string::npos;
       from = at + kPlaceholder.size()) {
    text.append(options_.question_template, from, at - from).append(question);
  }
  return text.append(options_.question_template, from);
}

std::string PromptBuilder::answer_prompt(std::string_view question) const {
  std::vector<ChatMessage> messages;
  if (!options_.system.empty()) messages.push_back({"system", options_.system});
  for (const FewShot& turn : options_.few_shot) {
    messages.push_back({"user", user_text(turn.question)});
    messages.push_back({"assistant", turn.answer});
  }
  messages.push_back({"user", user_text(question)});
  return chat_template_->render(messages, /*add_generation_prompt=*/true);
}

PromptBuilder::Scored PromptBuilder::scored_prompt(std::string_view question,
                                                   std::string_view response) const {
  std::string text = answer_prompt(question);
  const size_t response_byte = text.size();
  text.append(response);
  const size_t marker_byte = text.size();
  text.append(options_.marker);

  auto encoding = tokenizer_->encode_with_offsets(text);
  Scored scored;
  size_t token = 0;
  const auto& offsets = encoding.byte_offsets;
  while (token < offsets.size() && offsets[token].first < response_byte) ++token;
  scored.response_begin = token;
  // A token with no bytes past the marker's start ends at or before it. The first that has some may
  // begin in the prompt if the response is empty.
  token = 0;
  while (token < offsets.size() && offsets[token].second <= marker_byte) ++token;
  scored.marker_position = token;
  if (token == offsets.size())
    throw std::invalid_argument("prompt.marker: the tokenizer gives no token for the marker");
  if (scored.response_begin > token) scored.response_begin = token;
  scored.response_end = token;
  scored.ids = std::move(encoding.ids);
  return scored;
}

std::vector<double> PromptBuilder::level_values() const {
  return level_value_grid(static_cast<int>(options_.scale));
}

std::string PromptBuilder::sha256() const {
  std::string bytes;
  append_field(bytes, "candor prompt 1");
  append_field(bytes, options_.system);
  append_field(bytes, std::to_string(options_.few_shot.size()));
  for (const FewShot& turn : options_.few_shot) {
    append_field(bytes, turn.question);
    append_field(bytes, turn.answer);
  }
  append_field(bytes, options_.question_template);
  append_field(bytes, options_.marker);
  append_field(bytes, std::to_string(options_.scale));
  return sha256_hex(bytes);
}

const std::string& PromptBuilder::tokenizer_sha256() const { return tokenizer_->sha256(); }
const std::string& PromptBuilder::template_sha256() const { return chat_template_->sha256(); }

}  // namespace candor::data
