// Greedy generation for a fixed group of prompts that share a prefix: what a sequence says depends
// on its group only, never on ranks.
//
// Some sequences of the group run at a time, the longest prompts first; when one ends, the next
// takes its slot in the very next step, so that a step's products stay large until the group runs
// out.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "trainer/generation/cached_decoder.h"

namespace candor::trainer {

struct GreedyOptions {
  int64_t max_new_tokens = 32;
  int64_t slots = 32;                 // sequences that run at a time
  std::vector<int64_t> end_tokens{};  // a sequence ends before one of these
  std::function<bool(std::span<const uint32_t> generated)>
      is_complete{};  // asked after each token; may be empty
};

class GreedyGenerator {
 public:
  // prefix: tokens that all prompts of all groups begin with; its keys and values are computed
  // here, once.
  GreedyGenerator(const LlamaModel& model, std::vector<uint32_t> prefix)
      : decoder_(model, std::move(prefix)) {}

  // suffixes: what follows the prefix in each prompt, at least one token each. Returns the new
  // tokens of each, without the end token.
  // Ties between logits go to the lower id. Throws NonFiniteError for logits that aren't numbers.
  std::vector<std::vector<uint32_t>> generate(std::span<const std::vector<uint32_t>> suffixes,
                                              const GreedyOptions& options);

 private:
  CachedDecoder decoder_;
};

}  // namespace candor::trainer
