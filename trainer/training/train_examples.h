// Which graded train examples are trained on, and how much each counts.
//
// Where splits keep entities apart (data.md), a model that knows few answers gives many train
// questions the name of a held-out entity: in train "Japan" is then wrong every time, in test it is
// often right. Such examples teach that an answer is wrong, not when the model knows one. With
// never_right_repeats = n above 0, train examples whose response was given n times or more in its
// data set and was never right are left out, and the wrong ones that stay weigh more, so that right
// and wrong weigh as before. Only train labels are looked at. A pure function of the data: the same
// on every rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data_pipeline/tokens/token_data.h"

namespace candor::trainer {

struct TrainExamples {
  std::vector<int64_t> examples;  // indices into the token data, ascending
  std::vector<double> weight;     // of each; mean 1
  int64_t left_out = 0;           // examples
  int64_t left_out_responses = 0;
};

// A response counts as right with a target above 0. If every wrong example would be left out, none
// is.
TrainExamples choose_train_examples(const data::TokenData& data, int64_t never_right_repeats);

// What each example of the token data counts, by its index; 0 where it isn't trained on.
std::vector<double> weights_by_index(const TrainExamples& chosen, std::size_t examples);

}  // namespace candor::trainer
