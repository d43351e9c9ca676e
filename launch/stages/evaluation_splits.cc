#include "launch/stages/evaluation_splits.h"

#include <fmt/format.h>

#include <stdexcept>

#include "data_pipeline/tokens/sampler.h"

namespace candor::launch {
namespace {

void need_graded(const data::TokenData& data, const char* split, const char* purpose) {
  if (!data::examples_of_split(data, split, /*graded_only=*/true).empty()) return;
  const size_t all = data::examples_of_split(data, split, /*graded_only=*/false).size();
  throw std::invalid_argument(
      fmt::format("evaluate: expected graded examples in the {} split {}, got none ({} ungraded "
                  "ones); check \"split\" in "
                  "data.questions, and \"correct\" in graded.jsonl",
                  split, purpose, all));
}

}  // namespace

void check_evaluation_splits(const data::TokenData& data, const EvaluateSection& evaluate) {
  need_graded(data, "test", "to report on");
  if (evaluate.baselines || evaluate.probe)
    need_graded(data, "validation",
                "to fit baselines on (or set evaluate.baselines and evaluate.probe to false)");
  if (evaluate.probe)
    need_graded(data, "train", "to fit probes on (or set evaluate.probe to false)");
}

}  // namespace candor::launch
