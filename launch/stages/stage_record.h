// stages.json: which stages of a run folder are done, and with what, so that the next run does only
// what isn't, and replaces only what candor made (docs/formats.md).
//
// A stage is done if its outputs are there and it was last finished with the same keys of the
// config, the same model and the same bytes in its input files, and if its outputs, where nobody
// edits them, have the bytes that they had then. Files are compared by content, and named by their
// place in the run folder, so the folder may be renamed or written differently.
// Rank 0 uses it. Throws std::system_error for the disk, std::invalid_argument for a record that
// isn't JSON.
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
  bool people_edit = false;          // the outputs: they may be a person's work
  std::function<void()> run{};
};

enum class Verdict {
  kSkip,    // done
  kRun,     // what it replaces, if anything, was made by candor
  kKeep,    // its outputs are there, and candor didn't make them
  kRefuse,  // it would have to run, and its outputs were edited since candor made them
};

struct Decision {
  Verdict verdict = Verdict::kSkip;
  std::string reason{};  // why it has to run, or would
};

class StageRecord {
 public:
  explicit StageRecord(const std::string& run_dir);

  Decision decide(const Stage& stage) const;

  // Of a stage that a person asks for by name: the outputs that running it would replace though
  // candor didn't make them so; empty where there is none.
  std::string work_in_the_way(const Stage& stage) const;

  void started(const Stage& stage);
  void finished(const Stage& stage);
  void failed(const Stage& stage);  // after started(), with an error: nothing was replaced

 private:
  std::string reason(const Stage& stage) const;
  bool has_hash(const nlohmann::json& files, const std::string& file) const;
  nlohmann::json hashes_of(const std::vector<std::string>& files) const;
  void save() const;

  std::string folder_;
  std::string path_;
  nlohmann::json record_ = nlohmann::json::object();
};

}  // namespace candor::launch
