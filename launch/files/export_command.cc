#include "launch/files/export_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "data_pipeline/files/read_file.h"
#include "launch/config/run_paths.h"
#include "launch/context/adapter_origin.h"
#include "launch/context/model_import.h"
#include "trainer/model/adapter_files.h"

namespace candor::launch {

int export_command(const RunConfig& config, RunContext& context) {
  ensure_model(config.model, context.group);
  if (context.group.rank() == 0) {
    const CommandArguments& arguments = context.arguments;
    const std::string from =
        arguments.adapter.empty() ? RunPaths(config.run.dir).adapter() : arguments.adapter;
    const std::string to = arguments.output.empty() ? config.run.dir + "/export" : arguments.output;
    const trainer::ModelConfig model = trainer::ModelConfig::from_model_dir(config.model.path);
    const trainer::LoraAdapter adapter = trainer::read_adapter(
        from, model, config.model.dtype == WeightsDtype::kFp64 ? at::kDouble : at::kFloat);
    std::map<std::string, std::string> texts;
    if (const std::string origin = from + "/" + kAdapterOriginName; std::filesystem::exists(origin))
      texts[kAdapterOriginName] = data::read_file(origin);
    trainer::write_adapter(to + "/adapter", adapter, config.model.path, texts);
    fmt::print(stderr, "export  adapter for PEFT: {}/adapter\n", to);
    if (arguments.merge) {
      trainer::write_merged_model(to + "/merged", config.model.path, adapter);
      fmt::print(stderr,
                 "export  merged model: {}/merged\n"
                 "export  warning: a merged model's answers, and so its accuracy, may differ from "
                 "the base model's; to keep them, answer with the base "
                 "model and turn the adapter on for the confidence only (docs/serving.md)\n",
                 to);
    }
  }
  context.group.barrier();
  return 0;
}

}  // namespace candor::launch
