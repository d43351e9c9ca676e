// What the graders say to each line of standard input, {"grader", "answers", "response"}: 1, 0 or
// null, one a line; for grading_oracle.py.
// Usage: grading_dump < lines
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data_pipeline/questions/grading.h"

int main() {
  try {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
      const auto input = nlohmann::json::parse(line);
      candor::data::AnsweredQuestion answer;
      answer.answers = input.at("answers").get<std::vector<std::string>>();
      answer.response = input.at("response");
      const auto grade = candor::data::make_grader(input.at("grader"))->grade(answer);
      std::cout << (grade ? nlohmann::json(*grade) : nlohmann::json()).dump() << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << "grading_dump: " << error.what() << '\n';
    return 1;
  }
}
