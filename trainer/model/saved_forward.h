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
  std::vector<int64_t> head_rows;  // in T; with active_rows among these
  // Of all rows, and of the head rows in the last layer.
  std::optional<PackedAttention> attention, last_attention;
  at::Tensor cos_TJ, sin_TJ;
  at::Tensor active_rows;  // in the micro-batch, on the device; undefined: all are computed
};

// Of one decoder layer. The names follow its computation: x_in -> h_in -> qkv -> attention -> x_mid
// -> h_mid -> gate_up -> act; rstd_in, rstd_mid and lse are what backward of the norms and of
// attention would have to sum again.
struct LayerActivations {
  at::Tensor x_in, rstd_in, h_in, qkv, attention, lse, x_mid, rstd_mid, h_mid, gate_up, act;
  at::Tensor keys_values;  // aLoRA: of all rows, where the others' came from the base model
  std::array<at::Tensor, 7> lora_z;  // A dropout(x) of each adapted module, [rows, rank]
};

struct SavedForward {
  const LoraAdapter* adapter = nullptr;
  uint64_t dropout_key = 0;
  RowsPlan rows;
  std::vector<LayerActivations> layers;  // by layer; empty below the lowest adapted one
  at::Tensor final_in_RD, final_rstd_R;  // of the norm before the head
};

}  // namespace candor::trainer
