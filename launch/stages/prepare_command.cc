#include "launch/stages/prepare_command.h"

#include <fmt/format.h>

#include "data_pipeline/prompt/token_builder.h"
#include "launch/config/run_paths.h"

namespace candor::launch {

int prepare_command(const RunConfig& config, RunContext& context) {
  const std::string& identity = context.model_identity(config);
  if (context.group.rank() == 0) {
    const RunPaths paths(config.run.dir);
    const TextSetup& text = context.text(config);
    const std::vector<data::GradedQuestion> questions = data::read_graded_questions(paths.graded());
    const data::TokenData data = data::build_token_data(
        questions, text.prompt(),
        {.max_tokens = static_cast<size_t>(config.prepare.max_tokens), .model_identity = identity});
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
