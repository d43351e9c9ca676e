// The text side of a run: the model's tokenizer and chat template, and the config's prompt over
// them.
#pragma once

#include "data_pipeline/chat/chat_template.h"
#include "data_pipeline/chat/template_clock.h"
#include "data_pipeline/prompt/prompt.h"
#include "data_pipeline/tokenizer/tokenizer.h"
#include "launch/config/run_config.h"

namespace candor::launch {

// Holds what PromptBuilder points into, so it lives on the heap and doesn't move.
class TextSetup {
 public:
  // now: as data::local_time_text() gives it, for a template that asks where prompt.date says none.
  // Throws std::invalid_argument for a prompt.date that the template doesn't ask for.
  TextSetup(const std::string& model_folder, const data::PromptOptions& prompt,
            const std::string& now);
  TextSetup(const TextSetup&) = delete;
  TextSetup& operator=(const TextSetup&) = delete;

  const data::Tokenizer& tokenizer() const { return tokenizer_; }
  const data::PromptBuilder& prompt() const { return prompt_; }
  // That the prompts name, as 2026-05-01; empty where the template doesn't ask for the time.
  std::string day() const { return clock_.is_asked() ? clock_.day() : ""; }

 private:
  data::TemplateClock clock_;
  data::Tokenizer tokenizer_;
  data::ChatTemplate chat_template_;
  data::PromptBuilder prompt_;
};

}  // namespace candor::launch
