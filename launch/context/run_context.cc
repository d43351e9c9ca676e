#include "launch/context/run_context.h"

#include <fmt/format.h>

#include "data_pipeline/files/sha256.h"
#include "launch/config/run_paths.h"
#include "launch/context/adapter_origin.h"
#include "trainer/model/adapter_files.h"

namespace candor::launch {

RunTokens RunContext::tokens(const RunConfig& config) {
  const std::string path = RunPaths(config.run.dir).tokens();
  const std::string& identity = model_identity(config);
  const data::PromptBuilder& prompt = text(config).prompt();
  hosts.send({path});
  RunTokens tokens{data::read_token_file(path), data::sha256_file_hex(path)};
  data::check_token_file_matches(tokens.data.origin, path,
                                 {.tokenizer_sha256 = prompt.tokenizer_sha256(),
                                  .template_sha256 = prompt.template_sha256(),
                                  .prompt_sha256 = prompt.sha256(),
                                  .model_identity = identity,
                                  .day = config.prompt.date});
  return tokens;
}

trainer::LoraAdapter RunContext::adapter(const RunConfig& config, const std::string& folder,
                                         const data::TokenOrigin& used_on) {
  if (group.rank() == 0) {
    for (const std::string& warning : check_adapter_origin(folder, used_on))
      fmt::print(stderr, "adapter  WARNING: {}\n", warning);
  }
  const trainer::LlamaModel& of = model(config);
  hosts.send({folder + "/adapter_model.safetensors", folder + "/adapter_config.json"});
  return trainer::read_adapter(folder, of.config(), of.dtype(), of.device());
}

}  // namespace candor::launch
