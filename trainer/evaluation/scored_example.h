// What a model said about one response: its distribution over the confidence levels and the truth,
// the unit of every calibration figure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace candor::trainer {

struct ScoredExample {
  int64_t example_index =
      0;  // place in the token file; examples are gathered and written in this order
  std::string id, dataset, entity, split;
  double target =
      0;  // correctness in [0, 1]; fractional for soft labels; meaningless unless graded
  bool graded = true;  // false: the grader could not decide; counted, and left out of every metric
  std::vector<double> q;   // [K] probability of each level given that a level is said; sums to 1
  double format_mass = 0;  // what the full softmax puts on the K confidence tokens
  int argmax_level =
      -1;  // level of the full vocabulary's argmax; -1: it is no confidence token ("unparsed")

  double expectation() const;   // sum_i q_i i/(K-1)
  double entropy() const;       // of q, in nats
  double argmax_value() const;  // argmax_level/(K-1); 0 when unparsed, so that an unparsed example
                                // stays in every metric and costs what it should
};

// scored.jsonl: one object a line with the fields above, plus "expectation" and "entropy" for the
// reader's convenience (not read back).
// Doubles are written with the shortest digits that read back as the same bits.
// Throws std::invalid_argument naming file, line and key; std::system_error for the disk.
std::string to_json_line(const ScoredExample& example);
void write_scored_examples(const std::string& path, const std::vector<ScoredExample>& examples);
std::vector<ScoredExample> read_scored_examples(const std::string& path);

}  // namespace candor::trainer
