#include "data_pipeline/prompt/token_builder.h"

#include <span>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

#include "data_pipeline/prompt/prefix.h"
#include "data_pipeline/questions/stated_confidence.h"

namespace candor::data {
namespace {

PromptBuilder::Scored checked_prompt(GradedQuestion question, const std::string& record,
                                     const PromptBuilder& prompt, size_t max_tokens) {
  // This is written so that NaN fails too.
  if (question.correct && !(*question.correct >= 0.0 && *question.correct <= 1.0)) {
    throw std::invalid_argument(fmt::format(
        "{}: \"correct\" must be null or between 0 and 1, got {}", record, *question.correct));
  }
  cut_stated_confidence(question, prompt.options().marker);
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

Example example_of(const GradedQuestion& question, const PromptBuilder::Scored& scored,
                   size_t prefix_length) {
  const auto in_suffix = [&](size_t position) {
    return static_cast<uint32_t>(position - prefix_length);
  };
  return {.id = question.id,
          .dataset = question.dataset,
          .entity = question.entity,
          .split = question.split,
          .prefix = prefix_length > 0 ? 0 : -1,
          .confidence_position = in_suffix(scored.ids.size() - 1),
          .marker_position = in_suffix(scored.marker_position),
          .response_begin = in_suffix(scored.response_begin),
          .response_end = in_suffix(scored.response_end),
          .target = static_cast<float>(question.correct.value_or(0.0)),
          .graded = question.correct.has_value()};
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
  std::vector<PrefixedSequence> sequences;
  for (const PromptBuilder::Scored& example : scored)
    sequences.push_back({example.ids, example.rows_read()});
  const size_t prefix_length = common_prefix_length(sequences);
  if (prefix_length > 0) data.add_prefix(std::span(scored[0].ids).first(prefix_length));
  for (size_t i = 0; i < questions.size(); ++i)
    data.add_example(example_of(questions[i], scored[i], prefix_length),
                     std::span(scored[i].ids).subspan(prefix_length));
  data.levels = {.ids = prompt.level_ids(), .values = prompt.level_values()};
  data.origin = {.tokenizer_sha256 = prompt.tokenizer_sha256(),
                 .template_sha256 = prompt.template_sha256(),
                 .prompt_sha256 = prompt.sha256(),
                 .model_identity = options.model_identity};
  validate_token_data(data, "prepare");
  return data;
}

}  // namespace candor::data
