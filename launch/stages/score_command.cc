#include "launch/stages/score_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "data_pipeline/files/output_place.h"
#include "data_pipeline/files/sha256.h"
#include "data_pipeline/prompt/token_builder.h"
#include "launch/config/run_paths.h"
#include "launch/context/writer_lock.h"
#include "launch/progress/progress.h"
#include "launch/stages/example_warnings.h"
#include "launch/stages/stage_list.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/hosts/work_journal.h"

namespace candor::launch {
namespace {

// Examples between two saves: fixed, so that the micro-batches and thus the digits don't depend on
// where a killed run stopped.
constexpr int64_t kBatchesPerPart = 64;

// What is scored, and with what.
struct ScoredInput {
  data::TokenData data;
  const trainer::LlamaModel& model;
  trainer::LoraAdapter adapter;
  std::string identity;  // of all that the scores depend on
};

ScoredInput read_input(const RunConfig& config, RunContext& context) {
  const CommandArguments& arguments = context.arguments;
  const std::string& identity = context.model_identity(config);
  const TextSetup& text = context.text(config);
  context.hosts.send({arguments.input});
  data::TokenData data =
      data::build_token_data(data::read_responses(arguments.input), text.prompt(),
                             {.max_tokens = static_cast<size_t>(config.prepare.max_tokens),
                              .day = text.day(),
                              .model_identity = identity});
  const std::string adapter_folder =
      arguments.adapter.empty() ? RunPaths(config.run.dir).adapter() : arguments.adapter;
  trainer::LoraAdapter adapter = context.adapter(config, adapter_folder, data.origin);
  const trainer::LlamaModel& model = context.model(config);
  if (context.group.rank() == 0) tell("score", length_warnings(data, model.config().max_positions));
  const std::string& texts_identity = context.model_texts_identity(config);
  std::string of_scores;
  if (context.group.rank() == 0) {
    of_scores = data::sha256_hex(
        identity + texts_identity + data.origin.day + data::sha256_file_hex(arguments.input) +
        data::sha256_file_hex(adapter_folder + "/adapter_model.safetensors") +
        data::sha256_file_hex(adapter_folder + "/adapter_config.json") +
        key_text(config, stage_named("score")));
  }
  return {std::move(data), model, std::move(adapter), std::move(of_scores)};
}

// All ranks score the examples [begin, end) together; rank 0 gets their lines.
std::string scored_lines(const ScoredInput& input, int64_t begin, int64_t end,
                         const trainer::ScoringOptions& options, comm::ProcessGroup& group) {
  std::vector<int64_t> examples(static_cast<size_t>(end - begin));
  std::iota(examples.begin(), examples.end(), begin);
  const trainer::ScoringResult result =
      trainer::score_examples(input.model, &input.adapter, input.data, examples, options, group);
  std::string lines;
  if (group.rank() == 0) {
    for (const trainer::ScoredExample& example : result.examples)
      lines += trainer::to_json_line(example);
  }
  return lines;
}

// Beside the output, where a killed run is gone on from; for a pipe or a device, which no file can
// lie beside, in the run folder. Rank 0 keeps it.
std::string journal_folder(const RunConfig& config, const std::string& output,
                           const std::string& identity) {
  if (!data::output_place(output).is_stream) return output + ".partial";
  return fmt::format("{}/scores_{:.12}.partial", config.run.dir, identity);
}

}  // namespace

int score_command(const RunConfig& config, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const std::string& output = context.arguments.output;
  const ScoredInput input = read_input(config, context);
  const auto total = static_cast<int64_t>(input.data.examples.size()),
             part_examples = kBatchesPerPart * config.evaluate.batch_examples;
  const std::string folder =
      group.rank() == 0 ? journal_folder(config, output, input.identity) : "";
  const WriterLock lock(folder, "score", context);
  trainer::WorkJournal journal(
      {.folder = folder,
       .identity = input.identity,
       .piece_name = "part",
       .pieces = static_cast<size_t>((total + part_examples - 1) / part_examples),
       .on_message = [](const std::string& message) { fmt::print(stderr, "score  {}\n", message); },
       .of_another = "the unfinished scores are of another input, model or adapter",
       .done_again = "its examples are scored again",
       .give_again = "it scores those examples again"},
      group);
  Progress progress(
      {.name = "score", .unit = "examples", .total = total, .visible = group.rank() == 0});
  for (const size_t part : journal.missing()) {
    const int64_t begin = static_cast<int64_t>(part) * part_examples,
                  end = std::min(begin + part_examples, total);
    trainer::ScoringOptions options{.batch_examples = config.evaluate.batch_examples,
                                    .share_prefix = config.train.computing.share_prefix};
    options.on_progress = [&](int64_t done, int64_t mine) {
      progress.update(begin + (end - begin) * done / mine);
    };
    const std::string lines = scored_lines(input, begin, end, options, group);
    if (group.rank() == 0) journal.finish(part, lines);
    progress.update(end);
  }
  journal.join(output);
  progress.finish(fmt::format("in {}", output));
  return 0;
}

}  // namespace candor::launch
