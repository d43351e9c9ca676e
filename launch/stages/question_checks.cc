#include "launch/stages/question_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "launch/stages/example_warnings.h"
#include "trainer/model/model_config.h"
#include "trainer/training/learning_rate.h"

namespace candor::launch {
namespace {

std::vector<data::Question> chosen_questions(const DataSection& data) {
  if (data.questions.empty())
    throw std::invalid_argument("data.questions: expected a questions.jsonl to answer, got none");
  const std::map<std::string, int64_t> limits = {
      {"train", data.max_train}, {"validation", data.max_validation}, {"test", data.max_test}};
  std::map<std::string, int64_t> taken;
  std::vector<data::Question> chosen;
  for (data::Question& question : data::read_questions(data.questions)) {
    const int64_t limit = limits.at(question.split);
    if (limit == 0 || taken[question.split]++ < limit) chosen.push_back(std::move(question));
  }
  return chosen;
}

// Lengths of prompts that have no answer yet.
struct PromptLengths {
  std::vector<int64_t> to_answer;  // what the model reads before it answers
  std::vector<int64_t> to_score;   // with the marker; an answer makes it longer
};

PromptLengths prompt_lengths(const std::vector<data::Question>& questions, const TextSetup& text) {
  PromptLengths lengths;
  for (const data::Question& question : questions) {
    const data::PromptBuilder::Scored scored = text.prompt().scored_prompt(question.question, "");
    lengths.to_answer.push_back(static_cast<int64_t>(scored.marker_position));
    lengths.to_score.push_back(static_cast<int64_t>(scored.ids.size()));
  }
  return lengths;
}

[[noreturn]] void refuse_too_long(const RunConfig& config, const data::Question& first,
                                  int64_t tokens, int64_t count) {
  throw std::invalid_argument(fmt::format(
      "{}: question \"{}\" has {} tokens before it has an answer, the limit prepare.max_tokens is "
      "{}{}; raise the limit, shorten or remove such questions, or leave them out "
      "(prepare.leave_out_too_long: true)",
      config.data.questions, first.id, tokens, config.prepare.max_tokens,
      count == 1 ? "" : fmt::format(", and {} more are longer than that", count - 1)));
}

// Takes the questions that are too long away, with their lengths.
void leave_out_too_long(const RunConfig& config, QuestionsToAnswer& chosen,
                        PromptLengths& lengths) {
  QuestionsToAnswer kept;
  PromptLengths kept_lengths;
  std::map<std::string, int64_t> left_out;
  size_t first = 0;
  for (size_t q = 0; q < chosen.questions.size(); ++q) {
    if (lengths.to_score[q] > config.prepare.max_tokens) {
      if (left_out.empty()) first = q;
      ++left_out[chosen.questions[q].split];
      continue;
    }
    kept.questions.push_back(chosen.questions[q]);
    kept_lengths.to_answer.push_back(lengths.to_answer[q]);
    kept_lengths.to_score.push_back(lengths.to_score[q]);
  }
  if (left_out.empty()) return;
  const auto count = static_cast<int64_t>(chosen.questions.size() - kept.questions.size());
  if (!config.prepare.leave_out_too_long || kept.questions.empty())
    refuse_too_long(config, chosen.questions[first], lengths.to_score[first], count);
  kept.messages.push_back(
      left_out_message(left_out, chosen.questions.size(), config.prepare.max_tokens));
  chosen = std::move(kept);
  lengths = std::move(kept_lengths);
}

int64_t count_above(const std::vector<int64_t>& lengths, int64_t limit) {
  return std::count_if(lengths.begin(), lengths.end(),
                       [limit](int64_t length) { return length > limit; });
}

}  // namespace

void check_questions_of_run(const RunConfig& config) {
  std::map<std::string, int64_t> count = {{"train", 0}, {"validation", 0}, {"test", 0}};
  for (const data::Question& question : chosen_questions(config.data)) ++count[question.split];
  for (const auto& [split, found] : count) {
    if (found > 0) continue;
    throw std::invalid_argument(fmt::format(
        "{}: expected questions in the splits train, validation and test, got none in "
        "the {} split ({} in train, {} in validation, {} in test); check \"split\"",
        config.data.questions, split, count["train"], count["validation"], count["test"]));
  }
  const trainer::BatchOptions& batches = config.train.batches;
  if (batches.max_steps > 0) return;
  // At most: ungraded answers are not trained on.
  const int64_t steps_per_epoch =
      (count["train"] + batches.global_batch_examples - 1) / batches.global_batch_examples;
  trainer::check_warmup(config.train.update.learning_rate, batches.epochs * steps_per_epoch,
                        steps_per_epoch);
}

QuestionsToAnswer questions_to_answer(const RunConfig& config, const TextSetup& text) {
  QuestionsToAnswer chosen{.questions = chosen_questions(config.data)};
  PromptLengths lengths = prompt_lengths(chosen.questions, text);
  leave_out_too_long(config, chosen, lengths);
  const std::vector<std::string> overlaps =
      question_warnings({chosen.questions.begin(), chosen.questions.end()});
  chosen.messages.insert(chosen.messages.end(), overlaps.begin(), overlaps.end());
  const auto all = chosen.questions.size();
  const bool refused_later = !config.prepare.leave_out_too_long;
  const int64_t answer = config.answer.max_new_tokens;
  if (const int64_t long_ones = count_above(lengths.to_score, config.prepare.max_tokens - answer);
      refused_later && long_ones > 0) {
    chosen.messages.push_back(fmt::format(
        "WARNING: {} of {} questions would be over prepare.max_tokens {} with an answer of "
        "answer.max_new_tokens {}, and `candor prepare` refuses those that are; raise the limit, "
        "or set prepare.leave_out_too_long",
        long_ones, all, config.prepare.max_tokens, answer));
  }
  const int64_t positions = trainer::ModelConfig::from_model_dir(config.model.path).max_positions;
  if (const int64_t long_ones = count_above(lengths.to_answer, positions - answer);
      long_ones > 0 && positions > 0)
    chosen.messages.push_back(
        positions_warning(long_ones, all, "prompts with an answer", positions));
  return chosen;
}

}  // namespace candor::launch
