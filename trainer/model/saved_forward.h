// What a forward pass keeps for backward: the inputs of every operation whose gradient needs them.
//
// LlamaModel makes it (forward_to_train) and reads it (backward); others only hold it. The adapter
// must outlive it and keep its parameters until backward is done. Tensors own their memory.
// Legend: T packed rows that were computed, R head rows, D width, J half a head.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "trainer/model/attention.h"
#include "trainer/model/lora.h"

namespace candor::trainer {

// Which rows of a micro-batch are computed, and which of them somebody reads.
struct RowsPlan {
  std::vector<int64_t> head_rows;                 // They count among the computed rows.
  std::optional<PackedAttention> attention;       // This one has queries of all computed rows,
  std::optional<PackedAttention> last_attention;  // and the last layer's those of the head rows.
  at::Tensor cos_TJ, sin_TJ;
  // Which rows of the micro-batch are computed, on the device; undefined where all are.
  at::Tensor active_rows;
};

// What one decoder layer keeps. The names follow its computation: x_in -> h_in -> qkv -> attention
// -> x_mid
// -> h_mid -> gate_up -> act; rstd_in, rstd_mid and lse are what backward of the norms and of
// attention would have to sum again.
struct LayerActivations {
  at::Tensor x_in, rstd_in, h_in, qkv, attention, lse, x_mid, rstd_mid, h_mid, gate_up, act;
  // With aLoRA, the keys and values of all rows; those that aren't computed came from the base
  // model.
  at::Tensor keys_values;
  std::array<at::Tensor, 7> lora_z;  // Each adapted module keeps A dropout(x), [rows, rank].
};

struct SavedForward {
  const LoraAdapter* adapter = nullptr;
  uint64_t dropout_key = 0;
  RowsPlan rows;
  std::vector<LayerActivations> layers;  // Those below the lowest adapted one are empty.
  at::Tensor final_in_RD, final_rstd_R;  // They belong to the norm before the head.
};

}  // namespace candor::trainer
