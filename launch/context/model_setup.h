// What every command that touches the model starts with: the base model, its tokenizer and chat
// template, and the config's prompt over them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "data_pipeline/chat/chat_template.h"
#include "data_pipeline/prompt/prompt.h"
#include "data_pipeline/tokenizer/tokenizer.h"
#include "data_pipeline/tokens/token_file.h"
#include "launch/config/run_config.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/llama.h"

namespace candor::launch {

// The text side. Holds what PromptBuilder points into, so it lives on the heap and doesn't move.
class TextSetup {
 public:
  explicit TextSetup(const RunConfig& config);
  TextSetup(const TextSetup&) = delete;
  TextSetup& operator=(const TextSetup&) = delete;

  const data::Tokenizer& tokenizer() const { return tokenizer_; }
  const data::PromptBuilder& prompt() const { return prompt_; }

 private:
  data::Tokenizer tokenizer_;
  data::ChatTemplate chat_template_;
  data::PromptBuilder prompt_;
};

// On the device that model.device names: "cuda" is the GPU of this rank's number on its host.
// Collective where model.shared_weights is set.
trainer::LlamaModel load_model(const ModelSection& model, comm::ProcessGroup& group);

// What results may depend on beside the weights: dtype and products.
std::string precision_text(const ModelSection& model);

// Computed on rank 0, known to all. Collective; imports the model first where it has to
// (ensure_model), and then has it on all hosts.
std::string agreed_model_identity(const ModelSection& model, comm::ProcessGroup& group,
                                  trainer::HostFiles& hosts);

// The adapter in rank 0's folder. Collective.
trainer::LoraAdapter adapter_of_all_hosts(const std::string& folder,
                                          const trainer::LlamaModel& model,
                                          trainer::HostFiles& hosts);

trainer::LoraOptions lora_options(const LoraSection& section);

// tokens.h5 of the run, checked against tokenizer, template, prompt and model.
data::TokenData read_run_tokens(const RunConfig& config, const TextSetup& text,
                                const std::string& identity);

// Makes the run folder and writes the resolved config.yaml into it, on rank 0. Collective.
void open_run_folder(const RunConfig& config, comm::ProcessGroup& group);

}  // namespace candor::launch
