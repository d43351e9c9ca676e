#include "launch/stages/answer_command.h"

#include <fmt/format.h>

#include "launch/config/run_paths.h"
#include "launch/progress/progress.h"
#include "launch/stages/example_warnings.h"
#include "launch/stages/question_checks.h"
#include "launch/stages/stage_list.h"
#include "trainer/generation/answering.h"

namespace candor::launch {
namespace {

// On rank 0.
void tell_of_cut_answers(const std::string& path, int64_t max_new_tokens) {
  int64_t cut = 0, all = 0;
  for (const data::AnsweredQuestion& answer : data::read_answered_questions(path)) {
    ++all;
    cut += answer.reached_max_new_tokens.value_or(false) ? 1 : 0;
  }
  if (cut == 0) return;
  fmt::print(stderr,
             "answer  warning: {} of {} answers were still going on at answer.max_new_tokens ({}) "
             "and are cut there; \"reached_max_new_tokens\" marks them in {}\n",
             cut, all, max_new_tokens, path);
}

}  // namespace

int answer_command(const RunConfig& config, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const std::string& identity = context.model_identity(config);
  const TextSetup& text = context.text(config);
  if (!config.data.questions.empty()) context.hosts.send({config.data.questions});
  const auto [questions, messages] = questions_to_answer(config, text);
  if (group.rank() == 0) {
    tell("answer", messages);
    tell("answer", day_warnings(text));
  }
  const trainer::LlamaModel& model = context.model(config);
  const RunPaths paths(config.run.dir);
  const auto groups = (static_cast<int64_t>(questions.size()) + config.answer.group_size - 1) /
                      config.answer.group_size;
  Progress progress(
      {.name = "answer", .unit = "groups", .total = groups, .visible = group.rank() == 0});
  trainer::AnsweringOptions options{config.answer};
  options.model_identity = identity;
  options.identity = key_text(config, stage_named("answer")) + context.model_texts_identity(config);
  options.answers_path = paths.answers();
  options.before_rename = context.claim_of(paths.answers());
  options.journal_folder = paths.answers() + ".partial";
  options.hosts = &context.hosts;
  // Rank 0 tells of its own groups; the others are as fast, so all are done at the same share.
  options.on_progress = [&](int64_t done, int64_t mine) {
    progress.update(groups * done / mine, fmt::format("{} questions in all", questions.size()));
  };
  if (group.rank() == 0)
    options.on_message = [](const std::string& message) {
      fmt::print(stderr, "answer  {}\n", message);
    };
  trainer::answer_questions(model, text.tokenizer(), text.prompt(), questions, options, group);
  progress.finish(fmt::format("{} questions", questions.size()));
  if (group.rank() == 0) tell_of_cut_answers(paths.answers(), config.answer.max_new_tokens);
  return 0;
}

}  // namespace candor::launch
