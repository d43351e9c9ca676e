// Writes scalars as a TensorBoard event file, which any TensorBoard reads.
//
// Format: TFRecord frames (length, masked CRC-32C of it, payload, masked CRC-32C of that) around
// hand-encoded Event protocol buffers; the first says "brain.Event:2". Source:
// tensorflow/core/lib/io/record_writer.cc and tensorflow/core/util/event.proto;
// tensorboard/plugins/hparams/plugin_data.proto.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace candor::trainer {

uint32_t crc32c(std::string_view bytes);

class TensorBoardEvents {
 public:
  // Makes folder/events.out.tfevents.<seconds>.<host>. Throws std::system_error naming the file.
  explicit TensorBoardEvents(const std::string& folder);
  ~TensorBoardEvents();
  TensorBoardEvents(const TensorBoardEvents&) = delete;
  TensorBoardEvents& operator=(const TensorBoardEvents&) = delete;

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
