// The files of a run folder, by their fixed names (docs/formats.md).
#pragma once

#include <string>

namespace candor::launch {

struct RunPaths {
  explicit RunPaths(const std::string& run_dir) : dir(run_dir) {}

  std::string dir;
  std::string config() const { return dir + "/config.yaml"; }
  std::string answers() const { return dir + "/answers.jsonl"; }
  std::string graded() const { return dir + "/graded.jsonl"; }
  std::string tokens() const { return dir + "/tokens.h5"; }
  std::string checkpoints() const { return dir + "/checkpoints"; }
  std::string adapter() const { return dir + "/adapter"; }
  std::string adapter_weights() const { return adapter() + "/adapter_model.safetensors"; }
  std::string adapter_config() const { return adapter() + "/adapter_config.json"; }
  std::string metrics() const { return dir + "/metrics.jsonl"; }
  std::string tensorboard() const { return dir + "/tensorboard"; }
  // What the layers below the lowest adapted one give, for train and validation, and for test.
  std::string trunk() const { return dir + "/frozen_trunk.safetensors"; }
  std::string test_trunk() const { return dir + "/frozen_trunk_test.safetensors"; }
  std::string report_html() const { return dir + "/report.html"; }
  std::string report_json() const { return dir + "/report.json"; }
  // The same for an adapter that acts from the confidence marker on, with keys and values.
  std::string alora_trunk() const { return dir + "/frozen_trunk_alora.safetensors"; }
  std::string non_finite() const { return dir + "/non_finite"; }
  // Where the adapter of a comparison lies, with checkpoints and metrics as above.
  RunPaths comparison(const std::string& name) const { return RunPaths(dir + "/compare/" + name); }
};

}  // namespace candor::launch
