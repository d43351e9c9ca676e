// Builds the text and the token ids of every prompt: the same block of options for answering,
// training and scoring, so that the three can't drift apart.
//
// Usage:   PromptBuilder prompt(tokenizer, chat_template, options);
// prompt.answer_prompt(question);   prompt.scored_prompt(question, response); Owns nothing: the
// tokenizer and the template must outlive the builder. Immutable after construction, so any number
// of threads may use it.
// Text:    chat template of [system, (user, assistant) per few-shot turn, user] with the generation
// prompt, then response, then marker; tokenised as one
//          string, because joining separately tokenised pieces gives ids the model never sees in
//          use.
// Throws std::invalid_argument from the constructor if the options are unusable or a level isn't
// one token of its own after the marker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data_pipeline/chat/chat_template.h"
#include "data_pipeline/prompt/prompt_options.h"
#include "data_pipeline/tokenizer/tokenizer.h"

namespace candor::data {

class PromptBuilder {
 public:
  // All positions count tokens of ids. A token that spans a boundary isn't one the model would have
  // said: it belongs to neither side's response.
  struct Scored {
    std::vector<uint32_t> ids;   // the last id's row predicts the level
    size_t response_begin = 0;   // response tokens are [response_begin, response_end): those wholly
                                 // inside the response's bytes
    size_t response_end = 0;     // == response_begin for an empty response
    size_t marker_position = 0;  // first token that holds a byte of the marker

    // How many rows at the end are read: those from the row that predicts the response's first
    // token on, and at least the last.
    size_t rows_read() const;
  };

  PromptBuilder(const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                PromptOptions options);

  std::string answer_prompt(std::string_view question) const;
  Scored scored_prompt(std::string_view question, std::string_view response) const;

  std::vector<uint32_t> level_ids() const {
    return level_ids_;
  }                                          // N+1 distinct ids, in the order of the levels
  std::vector<double> level_values() const;  // i/N

  // Hash of every option but the date, which the template reads; the template's and the
  // tokenizer's are their own.
  std::string sha256() const;
  const std::string& tokenizer_sha256() const;
  const std::string& template_sha256() const;
  const PromptOptions& options() const { return options_; }

 private:
  std::string user_text(std::string_view question) const;
  void find_levels();

  const Tokenizer* tokenizer_;
  const ChatTemplate* chat_template_;
  PromptOptions options_;
  std::vector<uint32_t> level_ids_;
};

}  // namespace candor::data
