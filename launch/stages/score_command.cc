#include "launch/stages/score_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <numeric>
#include <optional>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/journal_file.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"
#include "data_pipeline/prompt/token_builder.h"
#include "launch/config/run_paths.h"
#include "launch/progress/progress.h"
#include "launch/stages/stage_list.h"
#include "trainer/evaluation/scoring.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;

// Examples between two saves: fixed, so that the micro-batches and thus the digits don't depend on
// where a killed run stopped.
constexpr int64_t kBatchesPerPart = 64;

std::string part_path(const std::string& journal, int64_t part) {
  return fmt::format("{}/part_{:06}.jsonl", journal, part);
}

void open_journal(const std::string& journal, const std::string& identity) {
  const std::string path = journal + "/identity";
  if (fs::exists(path) && data::read_file(path) == identity) return;
  if (fs::exists(journal))
    fmt::print(
        stderr,
        "score  the unfinished scores are of another input, model or adapter: starting anew\n");
  fs::remove_all(journal);
  fs::create_directories(journal);
  data::write_file_atomically(path, identity);
}

}  // namespace

int score_command(const RunConfig& config, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const CommandArguments& arguments = context.arguments;
  const std::string& identity = context.model_identity(config);
  const TextSetup& text = context.text(config);
  context.hosts.send({arguments.input});
  const std::vector<data::GradedQuestion> questions = data::read_responses(arguments.input);
  const data::TokenData data = data::build_token_data(
      questions, text.prompt(),
      {.max_tokens = static_cast<size_t>(config.prepare.max_tokens), .model_identity = identity});
  const trainer::LlamaModel& model = context.model(config);
  const std::string adapter_folder =
      arguments.adapter.empty() ? RunPaths(config.run.dir).adapter() : arguments.adapter;
  const trainer::LoraAdapter adapter = context.adapter(config, adapter_folder);

  const std::string journal = arguments.output + ".partial";
  const std::string& texts_identity = context.model_texts_identity(config);
  if (group.rank() == 0) {
    open_journal(journal, data::sha256_hex(
                              identity + texts_identity + data::sha256_file_hex(arguments.input) +
                              data::sha256_file_hex(adapter_folder + "/adapter_model.safetensors") +
                              data::sha256_file_hex(adapter_folder + "/adapter_config.json") +
                              key_text(config, stage_named("score"))));
  }
  group.barrier();
  const auto total = static_cast<int64_t>(data.examples.size()),
             part_examples = kBatchesPerPart * config.evaluate.batch_examples;
  const int64_t parts = (total + part_examples - 1) / part_examples;
  Progress progress(
      {.name = "score", .unit = "examples", .total = total, .visible = group.rank() == 0});
  for (int64_t part = 0; part < parts; ++part) {
    // Rank 0 decides: a file system may show a new file to one rank before another.
    std::string there = "no";
    if (group.rank() == 0) {
      if (data::read_journal_file(part_path(journal, part))) {
        there = "yes";
      } else if (fs::exists(part_path(journal, part))) {
        fmt::print(stderr, "score  WARNING: {} is damaged: its examples are scored again\n",
                   part_path(journal, part));
      }
    }
    group.broadcast_bytes(there, 0);
    const int64_t begin = part * part_examples, end = std::min(begin + part_examples, total);
    if (there == "no") {
      std::vector<int64_t> examples(static_cast<size_t>(end - begin));
      std::iota(examples.begin(), examples.end(), begin);
      trainer::ScoringOptions options{.batch_examples = config.evaluate.batch_examples,
                                      .share_prefix = config.train.share_prefix};
      options.on_progress = [&](int64_t done, int64_t mine) {
        progress.update(begin + (end - begin) * done / mine);
      };
      const trainer::ScoringResult result =
          trainer::score_examples(model, &adapter, data, examples, options, group);
      if (group.rank() == 0) {
        std::string lines;
        for (const trainer::ScoredExample& example : result.examples)
          lines += trainer::to_json_line(example);
        data::write_journal_file(part_path(journal, part), lines);
      }
    }
    progress.update(end);
  }
  group.barrier();
  if (group.rank() == 0) {
    data::AtomicFile output(arguments.output);
    for (int64_t part = 0; part < parts; ++part) {
      const std::optional<std::string> lines = data::read_journal_file(part_path(journal, part));
      if (!lines) {
        throw data::FileError(fmt::format(
            "{} is damaged; give the same command again, it scores those examples again",
            part_path(journal, part)));
      }
      output.write(*lines);
    }
    output.commit();
    fs::remove_all(journal);
  }
  group.barrier();
  progress.finish(fmt::format("in {}", arguments.output));
  return 0;
}

}  // namespace candor::launch
