// The losses by name, once: what the config offers, what a step computes and what the report calls
// them all read this table. To add one: its function in a file of its own (objective.h), and its
// lines here.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace candor::trainer {

enum class Loss { kTokenizedBrier, kExpectationLogLoss, kMeanBrier, kSoftTarget };

struct LossEntry {
  Loss loss;
  const char* name;
  // The loss of one example and its gradient, as objective.h has them. `log_normalizer` is the
  // log-sum-exp of all V logits where the loss reads the vocabulary, else 0.
  double (*of_example)(std::span<const double> f_K, double y, double log_normalizer,
                       std::span<double> gradient_K);
  bool reads_vocabulary = false;
};

// In the order in which they are listed to users.
const std::vector<LossEntry>& loss_table();

const LossEntry& entry_of(Loss loss);
std::vector<std::string> loss_names();

// Throws std::invalid_argument naming the known losses.
Loss loss_from_name(const std::string& name);
const char* loss_name(Loss loss);

}  // namespace candor::trainer
