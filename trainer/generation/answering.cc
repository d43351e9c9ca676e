#include "trainer/generation/answering.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "data_pipeline/files/sha256.h"
#include "data_pipeline/prompt/prefix.h"
#include "data_pipeline/questions/response.h"
#include "trainer/generation/greedy_generator.h"
#include "trainer/hosts/work_journal.h"

namespace candor::trainer {
namespace {

// Of everything that an answer depends on: a journal with another identity is another run's.
std::string identity_of(const std::vector<data::Question>& questions,
                        const AnsweringOptions& options) {
  std::string text = fmt::format("answers 7\n{}\n{}\n", options.model_identity, options.identity);
  for (const data::Question& question : questions) text += to_json_line(question) + "\n";
  return data::sha256_hex(text);
}

WorkJournal open_journal(const std::vector<data::Question>& questions,
                         const AnsweringOptions& options, comm::ProcessGroup& group) {
  const auto group_size = static_cast<size_t>(options.group_size);
  const size_t groups = (questions.size() + group_size - 1) / group_size;
  WorkJournal journal(
      {.folder = options.journal_folder,
       .identity = identity_of(questions, options),
       .piece_name = "group",
       .pieces = groups,
       .hosts = options.hosts,
       .on_message = options.on_message,
       .of_another = "the unfinished answers are of another model, prompt or question file",
       .done_again = "its questions are answered again",
       .give_again = "it answers those questions again"},
      group);
  const size_t done = groups - journal.missing().size();
  if (done > 0 && group.rank() == 0 && options.on_message) {
    options.on_message(fmt::format("going on: {} of {} questions are answered",
                                   std::min(done * group_size, questions.size()),
                                   questions.size()));
  }
  return journal;
}

// What one rank answers: whole groups, with the prompts' common beginning computed once.
class GroupAnswerer {
 public:
  GroupAnswerer(const LlamaModel& model, const data::Tokenizer& tokenizer,
                const data::PromptBuilder& prompt, const std::vector<data::Question>& questions,
                const AnsweringOptions& options)
      : model_(model),
        tokenizer_(tokenizer),
        marker_(prompt.options().marker),
        questions_(questions),
        options_(options) {
    for (const data::Question& question : questions)
      prompts_.push_back(tokenizer.encode(prompt.answer_prompt(question.question)));
    std::vector<data::PrefixedSequence> sequences;
    for (const std::vector<uint32_t>& ids : prompts_) sequences.push_back({ids});
    prefix_ = static_cast<std::ptrdiff_t>(data::common_prefix_length(sequences));
  }

  // A line for each of its questions, in order.
  std::string lines_of_group(size_t group) {
    if (!generator_)
      generator_.emplace(model_,
                         std::vector<uint32_t>(prompts_[0].begin(), prompts_[0].begin() + prefix_));
    const auto group_size = static_cast<size_t>(options_.group_size);
    const size_t begin = group * group_size, end = std::min(begin + group_size, questions_.size());
    std::vector<std::vector<uint32_t>> suffixes;
    for (size_t q = begin; q < end; ++q)
      suffixes.emplace_back(prompts_[q].begin() + prefix_, prompts_[q].end());
    const std::vector<std::vector<uint32_t>> generated = generator_->generate(
        suffixes, {.max_new_tokens = options_.max_new_tokens,
                   .slots = options_.slots,
                   .end_tokens = model_.config().end_tokens,
                   .is_complete = [&](std::span<const uint32_t> ids) {
                     return data::is_complete_response(tokenizer_.decode(ids), marker_);
                   }});
    std::string lines;
    for (size_t q = begin; q < end; ++q) {
      const std::vector<uint32_t>& tokens = generated[q - begin];
      const std::string text = tokenizer_.decode(tokens);
      const data::Response response = data::read_response(text, marker_);
      const data::AnsweredQuestion answer{
          questions_[q], response.answer, response.stated_confidence, options_.model_identity,
          static_cast<int64_t>(tokens.size()) >= options_.max_new_tokens &&
              !data::answer_has_ended(text, marker_)};
      lines += to_json_line(answer) + "\n";
    }
    return lines;
  }

 private:
  const LlamaModel& model_;
  const data::Tokenizer& tokenizer_;
  const std::string marker_;
  const std::vector<data::Question>& questions_;
  const AnsweringOptions& options_;
  std::vector<std::vector<uint32_t>> prompts_;
  std::ptrdiff_t prefix_ = 0;
  std::optional<GreedyGenerator> generator_;  // made once there is a group to answer
};

}  // namespace

void answer_questions(const LlamaModel& model, const data::Tokenizer& tokenizer,
                      const data::PromptBuilder& prompt,
                      const std::vector<data::Question>& questions, const AnsweringOptions& options,
                      comm::ProcessGroup& group) {
  if (questions.empty())
    throw std::invalid_argument(
        "answer: there are no questions; check data.questions and data.max_*");
  WorkJournal journal = open_journal(questions, options, group);
  GroupAnswerer answerer(model, tokenizer, prompt, questions, options);
  const std::vector<size_t> mine = journal.deal();
  for (size_t m = 0; m < mine.size(); ++m) {
    journal.finish(mine[m], answerer.lines_of_group(mine[m]));
    if (options.on_progress)
      options.on_progress(static_cast<int64_t>(m + 1), static_cast<int64_t>(mine.size()));
  }
  journal.join(options.answers_path, options.before_rename);
}

}  // namespace candor::trainer
