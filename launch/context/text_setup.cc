#include "launch/context/text_setup.h"

namespace candor::launch {

TextSetup::TextSetup(const std::string& model_folder, const data::PromptOptions& prompt)
    : tokenizer_(data::Tokenizer::from_file(model_folder + "/tokenizer.json")),
      chat_template_(data::ChatTemplate::from_model_dir(model_folder)),
      prompt_(tokenizer_, chat_template_, prompt) {}

}  // namespace candor::launch
