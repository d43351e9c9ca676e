// Writes scalars as a TensorBoard event file, which any TensorBoard reads.
//
// Format: TFRecord frames (length, masked CRC-32C of it, payload, masked CRC-32C of that) around
// hand-encoded Event protocol buffers; the first says "brain.Event:2". Source:
// tensorflow/core/lib/io/record_writer.cc and tensorflow/core/util/event.proto;
// tensorboard/plugins/hparams/plugin_data.proto; what a restart does to the steps of before:
// tensorboard/backend/event_processing/event_accumulator.py, _CheckForRestartAndMaybePurge.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace candor::trainer {

uint32_t crc32c(std::string_view bytes);

// Removes the event files that TensorBoardEvents made in the folder, and nothing else: neither
// those of other programs nor what lies in folders below. Without the folder there is nothing to
// do. Throws std::system_error.
void remove_event_files(const std::string& folder);

class TensorBoardEvents {
 public:
  // Makes folder/events.out.tfevents.<seconds>.<host>.<process>.candor.v2. The seconds are above
  // those of all event files that are there, because TensorBoard reads a folder's files by name.
  // Throws std::system_error naming the file.
  explicit TensorBoardEvents(const std::string& folder);
  ~TensorBoardEvents();
  TensorBoardEvents(const TensorBoardEvents&) = delete;
  TensorBoardEvents& operator=(const TensorBoardEvents&) = delete;

  // What earlier files say of this step and later ones is void: they are written again.
  void restart_at(int64_t step);
  void scalar(const std::string& tag, int64_t step, float value);
  // What a run was started with, for the HParams tab: key and value; numbers become numbers.
  void hyperparameters(const std::vector<std::pair<std::string, std::string>>& values);
  void flush();

 private:
  void write_event(const std::string& body, int64_t step);

  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace candor::trainer
