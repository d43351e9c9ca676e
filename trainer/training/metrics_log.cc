#include "trainer/training/metrics_log.h"

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/read_file.h"

namespace candor::trainer {
namespace {

// The lines of steps 1..last_step; a line cut short by a kill is dropped with those after it.
std::string lines_up_to(const std::string& text, int64_t last_step, int64_t& found_step) {
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const nlohmann::json line =
        nlohmann::json::parse(text.substr(begin, end - begin), nullptr, false);
    if (!line.is_object() || line.value("step", int64_t{0}) > last_step ||
        line.value("step", int64_t{0}) < 1)
      break;
    found_step = line.value("step", int64_t{0});
    begin = end + 1;
  }
  return text.substr(0, begin);
}

}  // namespace

std::string to_json_line(const StepRecord& record) {
  nlohmann::ordered_json line;
  line["step"] = record.step;
  line["max_steps"] = record.max_steps;
  if (std::isfinite(record.loss)) line["loss"] = record.loss;  // JSON has no NaN
  if (record.skipped) line["skipped"] = true;
  line["gradient_norm"] = record.gradient_norm;
  line["learning_rate"] = record.learning_rate;
  for (const LossWeight& part : record.losses) line["losses"][loss_name(part.loss)] = part.weight;
  line["examples_per_s"] = record.examples_per_s;
  line["tokens_per_s"] = record.tokens_per_s;
  line["unshared_tokens_per_s"] = record.unshared_tokens_per_s;
  if (record.share_of_peak > 0) line["share_of_peak"] = record.share_of_peak;
  if (record.validation) {
    nlohmann::ordered_json figures;
    for (const ValidationEntry& entry : validation_table()) {
      const double value = entry.of(*record.validation);
      if (!std::isfinite(value)) continue;
      figures[entry.name] = value;
      if (entry.whole) figures[entry.name] = static_cast<int64_t>(value);
    }
    line["validation"] = figures;
  }
  return line.dump() + "\n";
}

MetricsLog::MetricsLog(std::string path, const std::string& events_folder, int64_t resumed_step)
    : path_(std::move(path)) {
  const std::string kept = resumed_step > 0 && std::filesystem::exists(path_)
                               ? lines_up_to(data::read_file(path_), resumed_step, last_step_)
                               : "";
  data::write_file_atomically(path_, kept);
  file_ = std::fopen(path_.c_str(), "ab");
  if (file_ == nullptr) throw std::system_error(errno, std::generic_category(), path_);
  if (!events_folder.empty()) {
    if (resumed_step == 0) remove_event_files(events_folder);
    events_ = std::make_unique<TensorBoardEvents>(events_folder);
    if (resumed_step > 0) events_->restart_at(resumed_step + 1);
  }
}

MetricsLog::~MetricsLog() {
  if (file_ != nullptr) std::fclose(file_);
}

void MetricsLog::write(const StepRecord& record) {
  const std::string line = to_json_line(record);
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0) {
    throw std::system_error(errno, std::generic_category(), path_);
  }
  last_step_ = record.step;
  if (events_ == nullptr) return;
  const auto scalar = [&](const std::string& tag, double value) {
    events_->scalar(tag, record.step, static_cast<float>(value));
  };
  scalar("train/loss", record.loss);
  scalar("train/gradient_norm", record.gradient_norm);
  scalar("train/learning_rate", record.learning_rate);
  scalar("speed/examples_per_s", record.examples_per_s);
  if (record.share_of_peak > 0) scalar("speed/share_of_peak", record.share_of_peak);
  if (record.validation) {
    for (const ValidationEntry& entry : validation_table()) {
      if (entry.on_board)
        scalar(std::string("validation/") + entry.name, entry.of(*record.validation));
    }
  }
  events_->flush();
}

}  // namespace candor::trainer
