// What each grader calls equal and what not: every case of data/grading_cases.jsonl, and the table
// of docs/data.md, which is made of those that say `in_table`.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/questions/grading.h"

namespace candor::data {
namespace {

struct GradingCase {
  std::string id, grader, kind, accepted, response;
  bool right = false, in_table = false;
};

std::vector<GradingCase> grading_cases() {
  std::vector<GradingCase> cases;
  for_each_json_line(CANDOR_SOURCE_DIR "/tests/questions/data/grading_cases.jsonl",
                     [&](const nlohmann::json& line, size_t) {
                       cases.push_back({.id = line.at("id"),
                                        .grader = line.at("grader"),
                                        .kind = line.at("kind"),
                                        .accepted = line.at("accepted"),
                                        .response = line.at("response"),
                                        .right = line.at("right"),
                                        .in_table = line.at("in_table")});
                     });
  return cases;
}

TEST(GradingCases, AreGradedAsACarefulPersonWould) {
  size_t of_grader = 0;
  for (const std::string& grader : grader_names()) {
    of_grader = 0;
    for (const GradingCase& one : grading_cases()) {
      if (one.grader != grader) continue;
      ++of_grader;
      AnsweredQuestion answer;
      answer.answers = {one.accepted};
      answer.response = one.response;
      EXPECT_EQ(make_grader(grader)->grade(answer), one.right ? 1.0 : 0.0)
          << one.id << " (" << one.kind << "): accepted " << one.accepted << ", response "
          << one.response;
    }
    EXPECT_GT(of_grader, 5U) << grader;
  }
}

std::string table_of(const std::vector<GradingCase>& cases) {
  std::string table =
      "| grader | kind | accepted: a right response | accepted: a wrong response "
      "|\n|---|---|---|---|\n";
  for (size_t begin = 0; begin < cases.size();) {
    const GradingCase& first = cases[begin];
    std::string of_right[2];
    size_t i = begin;
    for (; i < cases.size() && cases[i].grader == first.grader && cases[i].kind == first.kind;
         ++i) {
      if (!cases[i].in_table) continue;
      std::string& cell = of_right[cases[i].right ? 0 : 1];
      cell += fmt::format("{}`{}`: `{}`", cell.empty() ? "" : ", ", cases[i].accepted,
                          cases[i].response);
    }
    begin = i;
    if (!of_right[0].empty() || !of_right[1].empty())
      table += fmt::format("| `{}` | {} | {} | {} |\n", first.grader, first.kind, of_right[0],
                           of_right[1]);
  }
  return table;
}

TEST(GradingCases, AreTheTableOfTheDocs) {
  const std::string docs = read_file(CANDOR_SOURCE_DIR "/docs/data.md");
  const std::string table = table_of(grading_cases());
  EXPECT_NE(docs.find(table), std::string::npos)
      << "docs/data.md, section Graders, should have this table:\n"
      << table;
}

}  // namespace
}  // namespace candor::data
