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
                                     const PromptBuilder& prompt) {
  // This is written so that NaN fails too.
  if (question.correct && !(*question.correct >= 0.0 && *question.correct <= 1.0)) {
    throw std::invalid_argument(fmt::format(
        "{}: \"correct\" must be null or between 0 and 1, got {}", record, *question.correct));
  }
  cut_stated_confidence(question, prompt.options().marker);
  PromptBuilder::Scored example = prompt.scored_prompt(question.question, question.response);
  if (example.response_begin == 0)
    throw std::invalid_argument(
        fmt::format("{}: the chat template gives no tokens before the response", record));
  return example;
}

[[noreturn]] void refuse_too_long(const std::string& record, size_t tokens, size_t more,
                                  size_t max_tokens) {
  throw std::invalid_argument(fmt::format(
      "{}: it has {} tokens, the limit max_tokens is {}{}; raise the limit (prepare.max_tokens), "
      "shorten or remove such records, or let `candor prepare` leave them out "
      "(prepare.leave_out_too_long)",
      record, tokens, max_tokens,
      more == 0 ? "" : fmt::format(", and {} more are longer than that", more)));
}

// The prompts, and which questions they are of.
struct CheckedPrompts {
  std::vector<const GradedQuestion*> questions;
  std::vector<PromptBuilder::Scored> scored;
};

CheckedPrompts checked_prompts(const std::vector<GradedQuestion>& questions,
                               const PromptBuilder& prompt, const BuildOptions& options) {
  CheckedPrompts checked;
  std::unordered_map<std::string, size_t> record_of_id;
  std::string first_too_long;
  size_t too_long = 0, its_tokens = 0;
  for (size_t i = 0; i < questions.size(); ++i) {
    const GradedQuestion& question = questions[i];
    const std::string record = fmt::format("question \"{}\" (record {})", question.id, i + 1);
    const auto [earlier, is_new] = record_of_id.emplace(question.id, i + 1);
    if (!is_new)
      throw std::invalid_argument(fmt::format(
          "{}: its id is also that of record {}; ids must be distinct", record, earlier->second));
    PromptBuilder::Scored scored = checked_prompt(question, record, prompt);
    if (scored.ids.size() > options.max_tokens) {
      if (++too_long > 1) continue;
      first_too_long = record;
      its_tokens = scored.ids.size();
      continue;
    }
    checked.questions.push_back(&question);
    checked.scored.push_back(std::move(scored));
  }
  if (too_long > 0 && (!options.leave_out_too_long || checked.questions.empty()))
    refuse_too_long(first_too_long, its_tokens, too_long - 1, options.max_tokens);
  return checked;
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
  const auto [kept, scored] = checked_prompts(questions, prompt, options);
  TokenData data;
  std::vector<PrefixedSequence> sequences;
  for (const PromptBuilder::Scored& example : scored)
    sequences.push_back({example.ids, example.rows_read()});
  const size_t prefix_length = common_prefix_length(sequences);
  if (prefix_length > 0) data.add_prefix(std::span(scored[0].ids).first(prefix_length));
  for (size_t i = 0; i < kept.size(); ++i)
    data.add_example(example_of(*kept[i], scored[i], prefix_length),
                     std::span(scored[i].ids).subspan(prefix_length));
  data.levels = {.ids = prompt.level_ids(), .values = prompt.level_values()};
  data.origin = {.tokenizer_sha256 = prompt.tokenizer_sha256(),
                 .template_sha256 = prompt.template_sha256(),
                 .prompt_sha256 = prompt.sha256(),
                 .model_identity = options.model_identity,
                 .day = options.day};
  validate_token_data(data, "prepare");
  return data;
}

}  // namespace candor::data
