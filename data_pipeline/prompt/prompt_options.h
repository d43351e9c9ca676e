// What a prompt (prompt.h) is made of, apart from it because a config is read without a tokenizer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace candor::data {

struct FewShot {
  std::string question;
  std::string answer;  // the assistant's turn, verbatim: it holds a confidence line only if the
                       // config writes one
  bool operator==(const FewShot&) const = default;
};

struct PromptOptions {
  std::string system{};  // "" = no system turn
  std::vector<FewShot> few_shot{};
  std::string question_template = "{question}";  // for few-shot questions too
  std::string marker = "\nConfidence: ";
  int64_t scale = 9;  // N of the levels 0..N: 9 where the tokenizer splits digits, 100 where
                      // "0".."100" are single tokens
  std::string
      date{};  // the day that a template with the day in it is told, as 2026-05-01; "" = today
  bool operator==(const PromptOptions&) const = default;
};

}  // namespace candor::data
