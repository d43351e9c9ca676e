// A folder from which one micro-batch is computed again that gave a loss or gradient that isn't
// finite: the adapter before that step, the micro-batch's examples as tokens.h5, and
// reproducer.json with everything else that the result depends on.
//
// Throws std::system_error for the disk, std::invalid_argument naming the file for a folder that
// isn't one.
#pragma once

#include <string>
#include <vector>

#include "data_pipeline/tokens/token_file.h"
#include "trainer/model/llama.h"
#include "trainer/objectives/schedule.h"

namespace candor::trainer {

struct Reproducer {
  int64_t step = 0;  // from 1
  int64_t micro_batch = 0;
  std::string base_model{};         // folder
  std::string dtype{}, products{};  // as in the config's model section
  bool share_prefix = true;
  std::vector<LossWeight> losses{};
  double lm_weight_per_token = 0;
  uint64_t dropout_key = 0;
  std::vector<double> weight_B{};
};

void write_reproducer(const std::string& folder, const Reproducer& reproducer,
                      const data::TokenData& data, const std::vector<int64_t>& examples,
                      const LoraAdapter& adapter);

Reproducer read_reproducer(const std::string& folder);

// Computes it with the model that it names, and says what isn't finite: the loss of each example by
// itself, and the gradient by tensor.
std::string replay(const std::string& folder, const LlamaModel& model);

}  // namespace candor::trainer
