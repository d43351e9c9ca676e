#include "data_pipeline/questions/split_overlap.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data_pipeline/questions/folded_text.h"

namespace candor::data {
namespace {

std::string without_writing(const std::string& text) {
  std::u32string kept;
  for (const char32_t c : folded_text(text)) {
    if (!is_space(c)) kept += c;
  }
  return utf8_of(kept);
}

}  // namespace

void SplitOverlap::add(Members& members, const Question& question) {
  if (members.of_split.empty()) members.entity = question.entity;
  members.several_entities |= members.entity != question.entity;
  ++members.of_split[question.split];
  members.first_id.emplace(question.split, question.id);
}

void SplitOverlap::add(const Question& question) {
  add(by_entity_[question.entity], question);
  add(by_text_[without_writing(question.question)], question);
}

std::vector<std::string> SplitOverlap::warnings() const {
  std::vector<std::string> warnings;
  const auto first_of = [](const MembersByName& all, const auto& counts, int64_t& found) {
    const MembersByName::value_type* first = nullptr;
    found = 0;
    for (const auto& one : all) {
      if (one.second.of_split.size() < 2 || !counts(one.second)) continue;
      if (++found == 1) first = &one;
    }
    return first;
  };
  int64_t found = 0;
  if (const auto* one = first_of(
          by_entity_, [](const Members&) { return true; }, found)) {
    std::vector<std::string> splits;
    for (const auto& [split, count] : one->second.of_split)
      splits.push_back(fmt::format("{} in {}", count, split));
    warnings.push_back(fmt::format(
        "{} {} in several splits, among them \"{}\" (questions: {}): what is learned of it in "
        "train "
        "helps in test, so the report looks better than it is; put all questions of an entity into "
        "one split",
        found, found == 1 ? "entity is" : "entities are", one->first, fmt::join(splits, ", ")));
  }
  // Those of one entity are in the first warning already.
  if (const auto* one = first_of(
          by_text_, [](const Members& m) { return m.several_entities; }, found)) {
    std::vector<std::string> places;
    for (const auto& [split, id] : one->second.first_id)
      places.push_back(fmt::format("\"{}\" in {}", id, split));
    warnings.push_back(fmt::format(
        "{} in several splits under several entities, among them that of {}: what is learned in "
        "train helps in test; give such questions one entity and one split",
        found == 1 ? "the same question is" : fmt::format("{} questions are", found),
        fmt::join(places, " and ")));
  }
  return warnings;
}

}  // namespace candor::data
