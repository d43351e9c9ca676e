#include "trainer/training/train_examples.h"

#include <map>
#include <utility>

#include "data_pipeline/tokens/sampler.h"

namespace candor::trainer {
namespace {

using Response = std::pair<std::string, std::vector<uint32_t>>;  // data set, tokens

Response response_of(const data::TokenData& data, int64_t example) {
  const auto i = static_cast<size_t>(example);
  const data::Example& of = data.examples[i];
  const auto suffix = data.suffix(i).begin();
  return {of.dataset, {suffix + of.response_begin, suffix + of.response_end}};
}

}  // namespace

TrainExamples choose_train_examples(const data::TokenData& data, int64_t never_right_repeats) {
  const std::vector<int64_t> all = data::examples_of_split(data, "train", /*graded_only=*/true);
  const auto target_of = [&](int64_t example) {
    return static_cast<double>(data.examples[static_cast<size_t>(example)].target);
  };
  struct Count {
    int64_t given = 0;
    bool right = false;
  };
  std::map<Response, Count> counts;
  double right = 0, wrong = 0;
  for (const int64_t example : all) {
    Count& count = counts[response_of(data, example)];
    ++count.given;
    count.right |= target_of(example) > 0;
    right += target_of(example);
    wrong += 1 - target_of(example);
  }
  const auto is_left_out = [&](const Count& count) {
    return never_right_repeats > 0 && !count.right && count.given >= never_right_repeats;
  };

  TrainExamples chosen;
  double kept_wrong = 0;
  for (const int64_t example : all) {
    if (is_left_out(counts[response_of(data, example)])) continue;
    chosen.examples.push_back(example);
    kept_wrong += 1 - target_of(example);
  }
  if (chosen.examples.size() == all.size() || kept_wrong <= 0) {
    chosen.examples = all;
    chosen.weight.assign(all.size(), 1.0);
    return chosen;
  }
  chosen.left_out = static_cast<int64_t>(all.size() - chosen.examples.size());
  for (const auto& [response, count] : counts)
    chosen.left_out_responses += is_left_out(count) ? 1 : 0;
  const double mean = (right + wrong) / static_cast<double>(chosen.examples.size());
  for (const int64_t example : chosen.examples) {
    const double y = target_of(example);
    chosen.weight.push_back((y + (1 - y) * wrong / kept_wrong) / mean);
  }
  return chosen;
}

std::vector<double> weights_by_index(const TrainExamples& chosen, std::size_t examples) {
  std::vector<double> weights(examples, 0.0);
  for (size_t i = 0; i < chosen.examples.size(); ++i)
    weights[static_cast<size_t>(chosen.examples[i])] = chosen.weight[i];
  return weights;
}

}  // namespace candor::trainer
