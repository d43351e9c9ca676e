// What the model says about examples of a token file, computed by all ranks together: the same
// digits for any number of ranks.
//
// The examples are cut into fixed micro-batches before ranks are considered; each rank computes
// whole micro-batches, and the results are gathered in example order on every rank. Collective:
// every rank calls with the same arguments. Nothing is kept for gradients.
// Shapes: hidden, if asked for, is [examples][layers * width], fp32: the row that predicts the
// level, after every decoder layer.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "comm/process_group.h"
#include "data_pipeline/tokens/token_data.h"
#include "trainer/base_cache/frozen_trunk.h"
#include "trainer/evaluation/scored_example.h"
#include "trainer/evaluation/scoring_batch.h"
#include "trainer/model/llama.h"

namespace candor::trainer {

struct ScoringOptions {
  // The size of a micro-batch is part of what fixes the last bits.
  int64_t batch_examples = kScoringBatchExamples;
  bool share_prefix = true;
  bool collect_hidden = false;
  const FrozenTrunk* trunk = nullptr;  // with all examples asked for; not with collect_hidden
  std::function<void(int64_t done, int64_t total)> on_progress{};  // micro-batches of this rank
};

struct ScoringResult {
  std::vector<ScoredExample> examples;  // in the order asked for
  std::vector<std::vector<float>> hidden;
};

// adapter: null for the base model. Throws what the model's forward throws, NonFiniteError for
// logits that aren't numbers, CommError.
ScoringResult score_examples(const LlamaModel& model, const LoraAdapter* adapter,
                             const data::TokenData& data, std::span<const int64_t> examples,
                             const ScoringOptions& options, comm::ProcessGroup& group);

}  // namespace candor::trainer
