// What the commands of one process work with: the ranks, their files, the base model and what is
// read of the run folder. Commands are functions of a config and of this.
//
// Collective: all methods, over `group`, but for those that say otherwise.
#pragma once

#include <functional>
#include <string>

#include "comm/process_group.h"
#include "data_pipeline/tokens/token_file.h"
#include "launch/config/run_config.h"
#include "launch/context/base_model.h"
#include "launch/context/command_arguments.h"
#include "launch/context/output_watch.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/lora.h"
#include "trainer/training/stop_request.h"

namespace candor::launch {

struct RunTokens {
  data::TokenData data;
  std::string sha256;  // of the file
};

class RunContext {
 public:
  comm::ProcessGroup& group;
  trainer::HostFiles& hosts;  // brings rank 0's files to hosts that don't see them
  BaseModel& base;
  CommandArguments arguments{};
  trainer::StopRequest* stop_request = nullptr;  // by which a training is asked to stop
  bool ranks_lost = false;                       // of this job, and the others go on
  OutputWatch* outputs = nullptr;                // of the stage that runs; rank 0 tells it

  // On rank 0, before the first output of a stage is replaced. Not collective, as the next.
  void begin_writing() const {
    if (outputs != nullptr) outputs->begin_writing();
  }
  // For data::AtomicFile::commit() of an output.
  std::function<void(const std::string& temporary)> claim_of(const std::string& output) const {
    if (outputs == nullptr) return {};
    return [watch = outputs, output](const std::string& temporary) {
      watch->claim(output, temporary);
    };
  }

  const std::string& model_identity(const RunConfig& config) {
    return base.identity(config.model, group, hosts);
  }
  const std::string& model_texts_identity(const RunConfig& config) {
    return base.texts_identity(config.model, group, hosts);
  }
  const trainer::LlamaModel& model(const RunConfig& config) {
    return base.weights(config.model, group, hosts);
  }
  // After model_identity(). Not collective.
  const TextSetup& text(const RunConfig& config) { return base.text(config.model, config.prompt); }

  // tokens.h5 of config.run.dir, checked against tokenizer, template, prompt and model.
  RunTokens tokens(const RunConfig& config);
  // The adapter in a folder of rank 0, for the config's model. Throws std::invalid_argument where
  // it was trained on other prompts than it is used on (adapter_origin.h).
  trainer::LoraAdapter adapter(const RunConfig& config, const std::string& folder,
                               const data::TokenOrigin& used_on);
};

}  // namespace candor::launch
