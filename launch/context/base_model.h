// The base model of a process, made once and shared by everything that it runs: the stages of
// `candor run`, the trainings of a sweep's ranks.
//
// A part is made anew only where it is asked for of another section of a config than the last time.
// Rank 0 says on stderr when weights are hashed and when they are loaded: both take long for a
// large model.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "comm/process_group.h"
#include "launch/config/run_config.h"
#include "launch/context/text_setup.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/llama.h"

namespace candor::launch {

class BaseModel {
 public:
  // data::model_identity, computed on rank 0 and known to all. Imports the model first where it has
  // to (ensure_model), and then has it on all hosts. Collective.
  const std::string& identity(const ModelSection& model, comm::ProcessGroup& group,
                              trainer::HostFiles& hosts);
  // data::model_texts_identity, in the same way. Collective.
  const std::string& texts_identity(const ModelSection& model, comm::ProcessGroup& group,
                                    trainer::HostFiles& hosts);
  // On the device that model.device names: "cuda" is the GPU of this rank's number on its host. The
  // last weights are freed before others are loaded. Collective.
  const trainer::LlamaModel& weights(const ModelSection& model, comm::ProcessGroup& group,
                                     trainer::HostFiles& hosts);
  // After identity(), which has the files on this host. Not collective.
  const TextSetup& text(const ModelSection& model, const data::PromptOptions& prompt);

  // After ranks were lost: those that are left may have come to different parts.
  void forget();

 private:
  ModelSection identified_, loaded_, text_of_model_;
  data::PromptOptions text_of_prompt_;
  std::string identity_, texts_identity_;
  std::string now_;  // rank 0's time when it first identified a model, for chat templates
  std::optional<trainer::LlamaModel> weights_;
  std::unique_ptr<TextSetup> text_;
};

// This process' own weights, not shared ones. Not collective.
trainer::LlamaModel load_weights(const ModelSection& model, at::Device device);

}  // namespace candor::launch
