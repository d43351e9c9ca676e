// What the base model computes of every example whatever the adapter is, so it is computed once per
// data set: the hidden states that enter the lowest adapted layer, and for an aLoRA adapter the
// keys and values from that layer on, which all rows before the marker keep.
//
// Usage:   FrozenTrunk trunk(model, data, examples, {.layer = 20, .path = ...}, group);
//          model.forward(batch, {.adapter = &adapter},
//                        start_from_base(model, batch, &trunk, &adapter));
// It lies in one safetensors file that the ranks of a host map; a prefix is stored once. They are
// computed in micro-batches of their own, cut before ranks are considered, so the file has the same
// bytes for any number of ranks, and a micro-batch gets the same rows whatever else is in it.
// Memory: of the page cache, rows x width x 4 bytes (8 in fp64), with keys and values rows x (width
// + layers x 2 x K x head_size) x 4.
// Shapes: T packed rows, D width.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/token_data.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/llama.h"

namespace candor::trainer {

struct FrozenTrunkOptions {
  int64_t layer = 1;         // It is the first that is not computed here.
  bool keys_values = false;  // Whether those of the layers from `layer` on are kept too.
  // The size of a micro-batch is part of what fixes the last bits.
  int64_t batch_examples = 32;
  std::string path{};  // Rank 0 writes it unless a file of the same identity is there.
  // It names model, tokens, dtype and processor; layer, micro-batches and examples are added here.
  std::string identity{};
  // It brings the file to hosts that have file systems of their own; null where all see rank 0's.
  HostFiles* hosts = nullptr;
  // It counts micro-batches of all ranks.
  std::function<void(int64_t done, int64_t total)> on_progress{};
};

class FrozenTrunk {
 public:
  // Collective. `examples` ascend. Throws std::system_error for the disk, CommError, and what the
  // model's forward throws.
  FrozenTrunk(const LlamaModel& model, const data::TokenData& data,
              std::span<const int64_t> examples, FrozenTrunkOptions options,
              comm::ProcessGroup& group);

  int64_t layer() const { return options_.layer; }
  bool reused() const { return reused_; }  // Whether the file was there.
  int64_t size_bytes() const;

  bool has_keys_values() const { return options_.keys_values; }

  // On the model's device, tensors of the caller's own. Throws std::out_of_range for an example
  // that wasn't among `examples`.
  at::Tensor rows(const data::MicroBatch& batch) const;  // [T, D]
  // Those of the layers from layer() on, [T, 2 * K * head_size] each.
  std::vector<at::Tensor> keys_values(const data::MicroBatch& batch) const;

 private:
  struct Piece {
    int64_t begin, length;  // They count rows of one micro-batch.
  };
  struct Stored {
    std::vector<int64_t> examples;
    // These are the suffixes, and the prefixes that no micro-batch before this one stored.
    std::vector<Piece> pieces;
    int64_t rows = 0;  // All pieces have this many.
  };
  struct Place {
    int64_t micro_batch = -1;  // -1 says that it isn't stored.
    int64_t row = 0;           // It counts the micro-batch's stored rows.
  };

  void plan(std::span<const int64_t> examples);
  bool is_there(const std::string& identity, comm::ProcessGroup& group) const;
  void compute(const std::string& identity, comm::ProcessGroup& group) const;
  std::string stored_bytes(const Stored& stored) const;
  // Says what the file holds of a row, as part of its identity.
  std::string rows_text() const;
  // f(where the rows lie, how many they are, row in T where they go) for every prefix and suffix of
  // the batch.
  template <typename F>
  void each_piece(const data::MicroBatch& batch, F&& f) const;

  const LlamaModel& model_;
  const data::TokenData& data_;
  FrozenTrunkOptions options_;
  std::vector<Stored> micro_batches_;
  std::vector<Place> suffix_;  // They are indexed as the token data is,
  std::vector<Place> prefix_;  // and these as its prefixes are.
  bool reused_ = false;
  std::optional<data::SafetensorsFile> file_;
  // Each micro-batch has one of both: [rows, D] and [layers, rows, 2 * K * head_size].
  std::vector<data::TensorView> entering_, keys_values_;
};

// Where forward starts with `adapter` (null: the base model): at the embedding where all layers are
// computed; from what `trunk` holds where there is one; for an aLoRA adapter from the base model's
// states, computed here unless the trunk has them. Throws std::invalid_argument where an example's
// marker isn't the adapter's.
PassStart start_from_base(const LlamaModel& model, const data::MicroBatch& batch,
                          const FrozenTrunk* trunk, const LoraAdapter* adapter);

}  // namespace candor::trainer
