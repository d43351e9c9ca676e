#include "launch/context/text_setup.h"

#include <fmt/format.h>

#include <stdexcept>

namespace candor::launch {

TextSetup::TextSetup(const std::string& model_folder, const data::PromptOptions& prompt,
                     const std::string& now)
    : clock_(prompt.date.empty() ? now : prompt.date),
      tokenizer_(data::Tokenizer::from_file(model_folder + "/tokenizer.json")),
      chat_template_(data::ChatTemplate::from_model_dir(model_folder, clock_)),
      prompt_(tokenizer_, chat_template_, prompt) {  // makes a prompt, so the clock is asked
  if (!prompt.date.empty() && !clock_.is_asked()) {
    throw std::invalid_argument(
        fmt::format("prompt.date: the chat template of {} doesn't put a day into the prompt, so {} "
                    "would change nothing; leave the key out",
                    model_folder, prompt.date));
  }
}

}  // namespace candor::launch
