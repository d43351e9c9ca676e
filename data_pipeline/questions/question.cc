#include "data_pipeline/questions/question.h"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>

#include "data_pipeline/files/jsonl.h"

namespace candor::data {
namespace {

using nlohmann::json;

// One line's object; messages name the field (for_each_json_line puts path:line in front).
class Fields {
 public:
  explicit Fields(const json& line) : line_(line) {
    if (line.is_object()) return;
    throw std::invalid_argument(
        line.is_array()
            ? fmt::format("expected one JSON object a line, got an array: {}", kHowToUnwrapAnArray)
            : fmt::format("expected one JSON object a line, got a {}", line.type_name()));
  }

  std::string text(const char* key) const {
    const auto found = line_.find(key);
    if (found == line_.end())
      throw std::invalid_argument(
          fmt::format("\"{}\" is missing: give it as a text, as docs/formats.md says", key));
    if (!found->is_string())
      throw std::invalid_argument(
          fmt::format("\"{}\": expected a text, got {}", key, found->dump()));
    return found->get<std::string>();
  }
  std::string text_or(const char* key, const std::string& otherwise) const {
    return line_.contains(key) && !line_[key].is_null() ? text(key) : otherwise;
  }
  std::optional<bool> flag(const char* key) const {
    if (!line_.contains(key) || line_[key].is_null()) return std::nullopt;
    if (line_[key].is_boolean()) return line_[key].get<bool>();
    throw std::invalid_argument(
        fmt::format("\"{}\": expected true or false, got {}", key, line_[key].dump()));
  }
  std::string filled_text(const char* key) const {
    std::string value = text(key);
    if (value.empty())
      throw std::invalid_argument(
          fmt::format("\"{}\" is empty: expected a text with at least one character", key));
    return value;
  }
  std::string split() const {
    std::string value = text("split");
    if (value != "train" && value != "validation" && value != "test") {
      throw std::invalid_argument(
          fmt::format("\"split\": expected train, validation or test, got \"{}\"", value));
    }
    return value;
  }
  std::vector<std::string> answers(bool required) const {
    if (!line_.contains("answers")) {
      if (!required) return {};
      throw std::invalid_argument("\"answers\" is missing: give a list of the accepted answers");
    }
    const json& list = line_["answers"];
    if (!list.is_array() || (required && list.empty())) {
      throw std::invalid_argument(fmt::format(
          "\"answers\": expected a list with at least one accepted answer, got {}", list.dump()));
    }
    std::vector<std::string> answers;
    for (const json& answer : list) {
      if (!answer.is_string() || answer.get_ref<const std::string&>().empty()) {
        throw std::invalid_argument(
            fmt::format("\"answers\": expected texts that aren't empty, got {}", answer.dump()));
      }
      answers.push_back(answer.get<std::string>());
    }
    return answers;
  }
  std::optional<double> correct(bool required) const {
    if (!line_.contains("correct")) {
      if (!required) return std::nullopt;
      throw std::invalid_argument(
          "\"correct\" is missing: expected 0, 1, a probability, or null for not graded");
    }
    const json& value = line_["correct"];
    if (value.is_null()) return std::nullopt;
    if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
    const double number = value.is_number() ? value.get<double>() : -1;
    if (!(number >= 0 && number <= 1)) {
      throw std::invalid_argument(
          fmt::format("\"correct\": expected a number from 0 to 1, or null for not graded, got {}",
                      value.dump()));
    }
    return number;
  }

 private:
  const json& line_;
};

void read_question(const Fields& fields, bool answers_required, Question& question) {
  question.id = fields.filled_text("id");
  question.dataset = fields.filled_text("dataset");
  question.entity = fields.text_or("entity", question.id);
  question.split = fields.split();
  question.question = fields.filled_text("question");
  question.answers = fields.answers(answers_required);
}

void read_answer(const Fields& fields, AnsweredQuestion& answer) {
  answer.response = fields.text("response");
  answer.stated_confidence = fields.text_or("stated_confidence", "");
  answer.model = fields.text_or("model", "");
  answer.reached_max_new_tokens = fields.flag("reached_max_new_tokens");
}

template <typename Record>
std::vector<Record> read_records(
    const std::string& path,
    const std::function<void(const Fields&, size_t line_number, Record&)>& read) {
  std::vector<Record> records;
  std::unordered_map<std::string, size_t> line_of_id;
  for_each_json_line(path, [&](const json& line, size_t line_number) {
    Record record;
    read(Fields(line), line_number, record);
    const auto [earlier, is_new] = line_of_id.emplace(record.id, line_number);
    if (!is_new)
      throw std::invalid_argument(fmt::format(
          "id \"{}\" is that of line {} too; ids must be distinct", record.id, earlier->second));
    records.push_back(std::move(record));
  });
  if (records.empty())
    throw std::invalid_argument(fmt::format("{}: expected at least one record, found none", path));
  return records;
}

using Line = nlohmann::ordered_json;

Line line_of(const Question& question) {
  Line line;
  line["id"] = question.id;
  line["dataset"] = question.dataset;
  line["entity"] = question.entity;
  line["split"] = question.split;
  line["question"] = question.question;
  line["answers"] = question.answers;
  return line;
}

Line line_of(const AnsweredQuestion& answer) {
  Line line = line_of(static_cast<const Question&>(answer));
  line["response"] = answer.response;
  line["stated_confidence"] = answer.stated_confidence;
  line["model"] = answer.model;
  if (answer.reached_max_new_tokens)
    line["reached_max_new_tokens"] = *answer.reached_max_new_tokens;
  return line;
}

std::string text_of(const Line& line) {
  return line.dump(-1, ' ', false, Line::error_handler_t::replace);
}

}  // namespace

std::vector<Question> read_questions(const std::string& path) {
  return read_records<Question>(path, [](const Fields& fields, size_t, Question& question) {
    read_question(fields, true, question);
  });
}

std::vector<AnsweredQuestion> read_answered_questions(const std::string& path) {
  return read_records<AnsweredQuestion>(path,
                                        [](const Fields& fields, size_t, AnsweredQuestion& answer) {
                                          read_question(fields, true, answer);
                                          read_answer(fields, answer);
                                        });
}

std::vector<GradedQuestion> read_graded_questions(const std::string& path) {
  return read_records<GradedQuestion>(path,
                                      [](const Fields& fields, size_t, GradedQuestion& graded) {
                                        read_question(fields, false, graded);
                                        read_answer(fields, graded);
                                        graded.correct = fields.correct(true);
                                      });
}

std::vector<GradedQuestion> read_responses(const std::string& path) {
  return read_records<GradedQuestion>(
      path, [](const Fields& fields, size_t line_number, GradedQuestion& record) {
        record.id = fields.text_or("id", std::to_string(line_number));
        record.dataset = fields.text_or("dataset", "");
        record.entity = fields.text_or("entity", record.id);
        record.split = fields.text_or("split", "test");
        record.question = fields.filled_text("question");
        record.answers = fields.answers(false);
        read_answer(fields, record);
        record.correct = fields.correct(false);
      });
}

std::string to_json_line(const Question& question) { return text_of(line_of(question)); }
std::string to_json_line(const AnsweredQuestion& answer) { return text_of(line_of(answer)); }
std::string to_json_line(const GradedQuestion& graded) {
  Line line = line_of(static_cast<const AnsweredQuestion&>(graded));
  line["correct"] = graded.correct ? Line(*graded.correct) : Line(nullptr);
  return text_of(line);
}

}  // namespace candor::data
