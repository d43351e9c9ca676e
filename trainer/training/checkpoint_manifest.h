// state.json of a checkpoint: where the training stood, and the size and SHA-256 of the files
// beside it.
//
// It holds a hash of itself, so that a flipped bit in it is seen as well. Knows no tensors;
// trainer/training/checkpoint.h has the rest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace candor::trainer {

struct TrainState {
  int64_t step = 0;       // steps done
  int64_t best_step = 0;  // 0: none yet
  double best_brier = 0;  // tokenized Brier on validation; infinity: none yet
  int64_t skipped_steps =
      0;                   // of them, those whose gradient wasn't finite and that changed nothing
  std::string identity{};  // of data, options, threads, processor and dtype: what fixes the bits
  std::string base_model{};
};

struct FileStamp {
  uint64_t size_bytes = 0;
  std::string sha256{};
  bool operator==(const FileStamp&) const = default;
};

struct CheckpointManifest {
  TrainState state{};
  std::map<std::string, FileStamp> files{};  // by name, without a folder
};

std::string manifest_text(const CheckpointManifest& manifest);

// path: for messages. Throws std::invalid_argument for anything but a whole manifest of this
// version.
CheckpointManifest parse_manifest(std::string_view text, const std::string& path);

}  // namespace candor::trainer
