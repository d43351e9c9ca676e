#include "data_pipeline/prompt/token_builder.h"

#include <limits>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

#include "data_pipeline/prompt/prefix.h"

namespace candor::data {
namespace {

PromptBuilder::Scored checked_prompt(const GradedQuestion& question, const std::string& record,
                                     const PromptBuilder& prompt, size_t max_tokens) {
  // This is written so that NaN fails too.
  if (question.correct && !(*question.correct >= 0.0 && *question.correct <= 1.0)) {
    throw std::invalid_argument(fmt::format(
        "{}: \"correct\" must be null or between 0 and 1, got {}", record, *question.correct));
  }
  PromptBuilder::Scored example = prompt.scored_prompt(question.question, question.response);
  if (example.ids.size() > max_tokens) {
    throw std::invalid_argument(
        fmt::format("{}: it has {} tokens, the limit max_tokens is {}; raise the limit or "
                    "shorten or remove the record",
                    record, example.ids.size(), max_tokens));
  }
  if (example.response_begin == 0)
    throw std::invalid_argument(
        fmt::format("{}: the chat template gives no tokens before the response", record));
  return example;
}

std::vector<PromptBuilder::Scored> checked_prompts(const std::vector<GradedQuestion>& questions,
                                                   const PromptBuilder& prompt, size_t max_tokens) {
  std::vector<PromptBuilder::Scored> scored;
  scored.reserve(questions.size());
  std::unordered_map<std::string, size_t> record_of_id;
  for (size_t i = 0; i < questions.size(); ++i) {
    const GradedQuestion& question = questions[i];
    const std::string record = fmt::format("question \"{}\" (record {})", question.id, i + 1);
    const auto [earlier, is_new] = record_of_id.emplace(question.id, i + 1);
    if (!is_new)
      throw std::invalid_argument(fmt::format(
          "{}: its id is also that of record {}; ids must be distinct", record, earlier->second));
    scored.push_back(checked_prompt(question, record, prompt, max_tokens));
  }
  return scored;
}

}  // namespace

TokenData build_token_data(const std::vector<GradedQuestion>& questions,
                           const PromptBuilder& prompt, const BuildOptions& options) {
  if (questions.empty())
    throw std::invalid_argument(
        "prepare: there are no graded questions to tokenise; check the input file and the data "
        "sets chosen");
  const std::vector<PromptBuilder::Scored> scored =
      checked_prompts(questions, prompt, options.max_tokens);
  TokenData data;
  const size_t prefix_length = common_prefix_length(scored);
  data.prefix_offsets.push_back(0);
  if (prefix_length > 0) {
    data.prefix_tokens.assign(scored[0].ids.begin(),
                              scored[0].ids.begin() + static_cast<std::ptrdiff_t>(prefix_length));
    data.prefix_offsets.push_back(prefix_length);
    data.prefix_parent.push_back(-1);
  }
  data.offsets.push_back(0);
  for (size_t i = 0; i < questions.size(); ++i) {
    const GradedQuestion& question = questions[i];
    const PromptBuilder::Scored& example = scored[i];
    const auto in_suffix = [&](size_t position) {
      return static_cast<uint32_t>(position - prefix_length);
    };
    data.tokens.insert(data.tokens.end(),
                       example.ids.begin() + static_cast<std::ptrdiff_t>(prefix_length),
                       example.ids.end());
    data.offsets.push_back(data.tokens.size());
    data.prefix_index.push_back(prefix_length > 0 ? 0 : -1);
    data.confidence_position.push_back(in_suffix(example.ids.size() - 1));
    data.marker_position.push_back(in_suffix(example.marker_position));
    data.response_begin.push_back(in_suffix(example.response_begin));
    data.response_end.push_back(in_suffix(example.response_end));
    data.target.push_back(static_cast<float>(question.correct.value_or(0.0)));
    data.graded.push_back(question.correct.has_value() ? 1 : 0);
    data.example_id.push_back(question.id);
    data.dataset.push_back(question.dataset);
    data.entity.push_back(question.entity);
    data.split.push_back(question.split);
  }
  data.level_ids = prompt.level_ids();
  data.level_values = prompt.level_values();
  data.tokenizer_sha256 = prompt.tokenizer_sha256();
  data.template_sha256 = prompt.template_sha256();
  data.prompt_sha256 = prompt.sha256();
  data.model_identity = options.model_identity;
  validate_token_data(data, "prepare");
  return data;
}

}  // namespace candor::data
