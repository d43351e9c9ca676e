// What stands in several splits of a run's questions though it should stand in one: an entity, or
// the same question under several entities. What is learned of it in train then helps in test, so
// the report looks better than it is; docs/data.md has the rule.
//
// Usage:   SplitOverlap overlap;   for (question : questions) overlap.add(question);
//          for (const std::string& warning : overlap.warnings()) ...
// Question texts are compared without capitals, other forms of the same letters and white space.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "data_pipeline/questions/question.h"

namespace candor::data {

class SplitOverlap {
 public:
  void add(const Question& question);

  // One for entities and one for texts, each with the count and the first of them by name; empty
  // where each stands in one split.
  std::vector<std::string> warnings() const;

 private:
  struct Members {
    std::map<std::string, int64_t> of_split;
    std::map<std::string, std::string> first_id;  // by split
    std::string entity;                           // of the first
    bool several_entities = false;
  };
  using MembersByName = std::map<std::string, Members>;

  static void add(Members& members, const Question& question);

  MembersByName by_entity_, by_text_;
};

}  // namespace candor::data
