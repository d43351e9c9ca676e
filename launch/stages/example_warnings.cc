#include "launch/stages/example_warnings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "data_pipeline/questions/split_overlap.h"

namespace candor::launch {
namespace {

struct SplitUse {
  const char *split, *needed_for, *without_both;
};

constexpr SplitUse kSplits[] = {
    {"train", "`candor train`", "there is nothing to learn from them"},
    {"validation", "`candor train` and the baselines of `candor evaluate`",
     "AUROC isn't defined on them, and no baseline can be fitted"},
    {"test", "`candor evaluate`", "AUROC isn't defined in the report"}};

}  // namespace

void tell(const char* stage, const std::vector<std::string>& messages) {
  for (const std::string& message : messages) fmt::print(stderr, "{}  {}\n", stage, message);
}

std::vector<std::string> question_warnings(const std::vector<data::Question>& questions) {
  std::vector<std::string> warnings;
  std::set<std::string> splits;
  data::SplitOverlap overlap;
  for (const data::Question& question : questions) {
    splits.insert(question.split);
    overlap.add(question);
  }
  for (const SplitUse& use : kSplits) {
    if (splits.count(use.split) == 0) {
      warnings.push_back(fmt::format(
          "WARNING: none of the {} questions is in the {} split, and {} can't do without; check "
          "\"split\"",
          questions.size(), use.split, use.needed_for));
    }
  }
  for (const std::string& warning : overlap.warnings()) warnings.push_back("WARNING: " + warning);
  return warnings;
}

std::vector<std::string> label_warnings(const data::TokenData& data) {
  std::map<std::string, std::map<float, int64_t>> labels;
  for (const data::Example& example : data.examples) {
    if (example.graded) ++labels[example.split][example.target];
  }
  std::vector<std::string> warnings;
  for (const SplitUse& use : kSplits) {
    const std::map<float, int64_t>& of_split = labels[use.split];
    if (of_split.size() != 1) continue;
    const auto& [label, count] = *of_split.begin();
    // A probability ranks as both right and wrong.
    if (label > 0 && label < 1 && use.split != std::string_view("train")) continue;
    const std::string kind = label == 0   ? "are wrong"
                             : label == 1 ? "are right"
                                          : fmt::format("have the label {}", label);
    warnings.push_back(fmt::format(
        "WARNING: all {} graded {} answers {}: {}; check the grader, or choose questions that the "
        "model knows in part",
        count, use.split, kind, use.without_both));
  }
  return warnings;
}

std::string positions_warning(int64_t count, size_t all, const char* what, int64_t max_positions) {
  return fmt::format(
      "WARNING: {} of {} {} are longer than the {} tokens that the model was made for "
      "(max_position_embeddings in its config.json), so what it says of them may be poor; shorten "
      "them, or lower prepare.max_tokens",
      count, all, what, max_positions);
}

std::vector<std::string> length_warnings(const data::TokenData& data, int64_t max_positions) {
  int64_t count = 0;
  for (size_t e = 0; e < data.examples.size(); ++e)
    count += static_cast<int64_t>(data.example_length(e)) > max_positions ? 1 : 0;
  if (max_positions == 0 || count == 0) return {};
  return {positions_warning(count, data.examples.size(), "examples", max_positions)};
}

std::vector<std::string> day_warnings(const TextSetup& text) {
  if (text.day().empty() || !text.prompt().options().date.empty()) return {};
  return {fmt::format(
      "WARNING: the model's chat template puts the day into the prompt, now {0}, so that prompts "
      "and confidences change from day to day; set prompt.date: {0} to keep it "
      "(docs/serving.md)",
      text.day())};
}

std::string left_out_message(const std::map<std::string, int64_t>& left_out, size_t all,
                             int64_t max_tokens) {
  int64_t count = 0;
  std::vector<std::string> of_splits;
  for (const auto& [split, of_split] : left_out) {
    count += of_split;
    of_splits.push_back(fmt::format("{} in {}", of_split, split));
  }
  return fmt::format("left out as longer than prepare.max_tokens {}: {} of {} questions ({})",
                     max_tokens, count, all, fmt::join(of_splits, ", "));
}

}  // namespace candor::launch
