// The text side of a run: the model's tokenizer and chat template, and the config's prompt over
// them.
#pragma once

#include "data_pipeline/chat/chat_template.h"
#include "data_pipeline/prompt/prompt.h"
#include "data_pipeline/tokenizer/tokenizer.h"
#include "launch/config/run_config.h"

namespace candor::launch {

// Holds what PromptBuilder points into, so it lives on the heap and doesn't move.
class TextSetup {
 public:
  TextSetup(const std::string& model_folder, const data::PromptOptions& prompt);
  TextSetup(const TextSetup&) = delete;
  TextSetup& operator=(const TextSetup&) = delete;

  const data::Tokenizer& tokenizer() const { return tokenizer_; }
  const data::PromptBuilder& prompt() const { return prompt_; }

 private:
  data::Tokenizer tokenizer_;
  data::ChatTemplate chat_template_;
  data::PromptBuilder prompt_;
};

}  // namespace candor::launch
