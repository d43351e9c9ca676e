// stages.json: which stages of `candor run` are done, and with what, so that the next run does only
// what isn't (docs/formats.md).
//
// A stage is done if its outputs are there and it was last finished with the same keys of the
// config, the same model and the same bytes in its input files, and if its outputs, where nobody
// edits them, have the bytes that they had then. Rank 0 uses it. Throws std::system_error for the
// disk, std::invalid_argument for a record that isn't JSON.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace candor::launch {

struct Stage {
  std::string name;
  std::string keys;                  // the part of the config that it reads, as text
  std::string model{};               // identity of the model that it uses; empty: none
  std::string model_texts{};         // of the model's further files
  std::vector<std::string> inputs;   // files
  std::vector<std::string> outputs;  // files
  bool nobody_edits = false;         // the outputs
  std::function<void()> run{};
};

class StageRecord {
 public:
  explicit StageRecord(std::string path);

  // Why the stage has to run; empty if it hasn't.
  std::string reason(const Stage& stage) const;

  void started(const Stage& stage);
  void finished(const Stage& stage);

 private:
  void save() const;

  std::string path_;
  nlohmann::json record_ = nlohmann::json::object();
};

}  // namespace candor::launch
