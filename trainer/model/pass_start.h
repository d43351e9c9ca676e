// Where a forward pass begins: at the embedding, at a layer above it, or (aLoRA) at a layer with
// only the rows from the confidence marker on.
//
// Usage:   model.forward(batch, options);                                      at the embedding
//          model.forward(batch, options, start_from_base(...));                (frozen_trunk.h)
// A start is moved into the pass that begins there, because the pass writes the keys and values of
// the rows that it computes between those of the base model. So it can't be copied.
// Shapes: T packed rows, D width; keys (rotated) and values lie side by side, [T, 2 * K *
// head_size].
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace candor::trainer {

// What the base model computes of a micro-batch.
struct BaseStates {
  at::Tensor entering_TD;               // These are the hidden states that enter a layer.
  std::vector<at::Tensor> keys_values;  // They belong to the layers from that one on.
};

class PassStart {
 public:
  PassStart() = default;  // The pass begins at the embedding, with all rows.
  PassStart(PassStart&&) = default;
  PassStart& operator=(PassStart&&) = default;
  PassStart(const PassStart&) = delete;
  PassStart& operator=(const PassStart&) = delete;

  // All rows are computed from `layer` on, which entering_TD enters.
  static PassStart at_layer(int64_t layer, at::Tensor entering_TD);
  // aLoRA: only active_rows (ascending, in T, at least one) are computed from `layer` on; of the
  // others base.keys_values has what the layers from there on need. Throws std::logic_error
  // without rows, hidden states or keys and values.
  static PassStart at_marker(int64_t layer, BaseStates base, std::vector<int64_t> active_rows);

  bool at_embedding() const { return !base_.entering_TD.defined(); }
  int64_t layer() const { return layer_; }
  // It is undefined for a pass from the embedding.
  const at::Tensor& entering_TD() const { return base_.entering_TD; }
  // They are empty where all rows are computed.
  const std::vector<int64_t>& active_rows() const { return active_rows_; }
  // Hands over the base model's keys and values of `layer`; undefined where all rows are computed.
  at::Tensor take_keys_values(int64_t layer);

 private:
  int64_t layer_ = 0;
  BaseStates base_;
  std::vector<int64_t> active_rows_;
};

}  // namespace candor::trainer
