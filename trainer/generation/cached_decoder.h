// A forward pass that remembers keys and values: the shared prompt prefix is computed once and
// stays; sequences come and go behind it.
//
// Rows of the cache: [0, prefix) hold the prefix, and slot s owns [prefix + s * capacity, prefix +
// (s+1) * capacity). Every sequence attends to the prefix where it lies, so nothing of it is copied
// per sequence. Base model only: answers never come from the adapter.
// Legend: N rows of this call, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "trainer/model/llama.h"

namespace candor::trainer {

class CachedDecoder {
 public:
  // Computes the prefix (may be empty). The model must outlive the decoder.
  CachedDecoder(const LlamaModel& model, std::vector<uint32_t> prefix);

  const LlamaModel& model() const { return model_; }

  // Forgets all sequences and makes room for `slots` of at most `capacity` tokens each; the prefix
  // stays.
  void begin_group(int64_t slots, int64_t capacity);

  // Forgets the slot's sequence, so that another may begin there.
  void restart(int64_t slot) { lengths_.at(static_cast<size_t>(slot)) = 0; }

  struct Append {
    int64_t slot;
    std::span<const uint32_t> tokens;  // at least one
  };
  // Appends tokens to sequences and returns the logits after the last token of each: [appends, V].
  at::Tensor append(const std::vector<Append>& appends);

 private:
  struct Row {
    uint32_t token;
    int64_t position, cache_row;
    // The run of the sequence's own rows in the cache; the prefix comes on top.
    int64_t own_begin, own_length;
  };
  at::Tensor forward(const std::vector<Row>& rows, const std::vector<int64_t>& head_rows,
                     bool attend_to_prefix);

  const LlamaModel& model_;
  int64_t prefix_length_ = 0, capacity_ = 0;
  // Each layer has [cache rows, 2 * K * head_size]: keys, then values.
  std::vector<at::Tensor> keys_values_;
  std::vector<int64_t> lengths_;  // Each slot has one.
};

}  // namespace candor::trainer
