#include "launch/context/text_setup.h"

namespace candor::launch {
namespace {

data::PromptOptions prompt_options(const PromptSection& section) {
  data::PromptOptions options{.system = section.system,
                              .question_template = section.question,
                              .marker = section.marker,
                              .scale = static_cast<int>(section.scale)};
  for (const FewShotTurn& turn : section.few_shot)
    options.few_shot.push_back({turn.question, turn.answer});
  return options;
}

}  // namespace

TextSetup::TextSetup(const std::string& model_folder, const PromptSection& prompt)
    : tokenizer_(data::Tokenizer::from_file(model_folder + "/tokenizer.json")),
      chat_template_(data::ChatTemplate::from_model_dir(model_folder)),
      prompt_(tokenizer_, chat_template_, prompt_options(prompt)) {}

}  // namespace candor::launch
