#include "launch/stages/prepare_command.h"

#include <fmt/format.h>

#include <map>

#include "data_pipeline/prompt/token_builder.h"
#include "launch/config/run_paths.h"
#include "launch/stages/example_warnings.h"
#include "trainer/model/model_config.h"

namespace candor::launch {

namespace {

std::vector<std::string> messages_of(const std::vector<data::GradedQuestion>& questions,
                                     const data::TokenData& data, const RunConfig& config) {
  std::vector<std::string> messages = question_warnings({questions.begin(), questions.end()});
  const auto add = [&](const std::vector<std::string>& more) {
    messages.insert(messages.end(), more.begin(), more.end());
  };
  add(label_warnings(data));
  add(length_warnings(data, trainer::ModelConfig::from_model_dir(config.model.path).max_positions));
  std::map<std::string, int64_t> left_out;
  for (const data::GradedQuestion& question : questions) ++left_out[question.split];
  for (const data::Example& example : data.examples) --left_out[example.split];
  std::erase_if(left_out, [](const auto& of_split) { return of_split.second == 0; });
  if (!left_out.empty())
    add({left_out_message(left_out, questions.size(), config.prepare.max_tokens)});
  return messages;
}

}  // namespace

int prepare_command(const RunConfig& config, RunContext& context) {
  const std::string& identity = context.model_identity(config);
  if (context.group.rank() == 0) {
    const RunPaths paths(config.run.dir);
    const TextSetup& text = context.text(config);
    const std::vector<data::GradedQuestion> questions = data::read_graded_questions(paths.graded());
    const data::TokenData data =
        data::build_token_data(questions, text.prompt(),
                               {.max_tokens = static_cast<size_t>(config.prepare.max_tokens),
                                .leave_out_too_long = config.prepare.leave_out_too_long,
                                .day = text.day(),
                                .model_identity = identity});
    tell("prepare", day_warnings(text));
    tell("prepare", messages_of(questions, data, config));
    context.begin_writing();
    data::write_token_file(paths.tokens(), data);
    const size_t shared = data.prefixes.size() > 0 ? data.full_prefix(0).size() : 0;
    fmt::print(
        stderr, "prepare  {} examples; {} tokens shared by all, {:.1f} of its own in each\n",
        data.examples.size(), shared,
        static_cast<double>(data.suffixes.ids.size()) / static_cast<double>(data.examples.size()));
  }
  context.group.barrier();
  return 0;
}

}  // namespace candor::launch
