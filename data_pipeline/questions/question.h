// The records of a run as they go from stage to stage: a question, its answer, its grade; one JSON
// object a line (docs/formats.md).
//
// Reading is strict: every problem is a std::invalid_argument that begins with path:line and says
// which field, what was expected and what was found. Files that can't be read are a
// std::system_error. A missing `entity` becomes the id: such a question is linked to no other.
// Keys we don't know are left alone on reading and dropped on writing.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace candor::data {

struct Question {
  std::string id, dataset;
  std::string entity;  // what the question is about; a split never shares one with another
  std::string split;   // train, validation or test
  std::string question;
  std::vector<std::string> answers;  // accepted, at least one
};

struct AnsweredQuestion : Question {
  std::string response;           // without the stated confidence
  std::string stated_confidence;  // as the model wrote it; empty if it wrote none
  std::string model;              // identity of the model that answered
  // Whether the answer was still going on at answer.max_new_tokens; none: not known, as of answers
  // that were made elsewhere.
  std::optional<bool> reached_max_new_tokens{};
};

struct GradedQuestion : AnsweredQuestion {
  std::optional<double> correct;  // in [0, 1]; none: not graded
};

// Ids must be distinct, and there must be at least one record.
std::vector<Question> read_questions(const std::string& path);
std::vector<AnsweredQuestion> read_answered_questions(const std::string& path);
// `answers` may be missing here: a grade may come from elsewhere.
std::vector<GradedQuestion> read_graded_questions(const std::string& path);
// What `candor score` reads: question and response are required; a missing id becomes the line's
// number, other fields may be missing too.
std::vector<GradedQuestion> read_responses(const std::string& path);

// One line without its end, keys in a fixed order.
std::string to_json_line(const Question& question);
std::string to_json_line(const AnsweredQuestion& question);
std::string to_json_line(const GradedQuestion& question);

}  // namespace candor::data
