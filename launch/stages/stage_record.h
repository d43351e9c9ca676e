// stages.json: which stages of a run folder are done, and with what, so that the next run does only
// what isn't, and replaces only what candor made (docs/formats.md).
//
// A stage is done if its outputs are there and it was last finished with the same keys of the
// config, the same model and the same bytes in its input files, and if its outputs, where nobody
// edits them, have the bytes that they had then. Files are compared by content, and named by their
// place in the run folder, so the folder may be renamed or written differently.
// An output is candor's own if its bytes are those that a stage claimed before it gave them their
// name; a kill at any point leaves that true. Any other file is a person's.
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
  bool people_edit = false;          // the outputs: a run goes on from a person's
  bool records_config = true;        // its start puts its config into the run folder
  std::function<void()> run{};
};

enum class Verdict {
  kSkip,    // done
  kRun,     // what it replaces, if anything, was made by candor, or can be moved aside
  kKeep,    // its outputs are there, and candor didn't make them
  kRefuse,  // it would have to run, and its outputs were edited since candor made them
};

struct Decision {
  Verdict verdict = Verdict::kSkip;
  std::string reason{};  // why it has to run, or would
};

struct WritingBegun {
  std::vector<std::string> said{};  // of what was moved aside, a line for each
  nlohmann::json entry_before{};    // null: none
  nlohmann::json outputs_before{};  // their hashes
};

class StageRecord {
 public:
  explicit StageRecord(const std::string& run_dir)
      : folder_(run_dir), path_(run_dir + "/stages.json") {}

  Decision decide(const Stage& stage) const;

  // The output that people edit and that running the stage would replace though candor didn't make
  // it so; empty where there is none.
  std::string work_in_the_way(const Stage& stage) const;

  // The stage is about to write its outputs: from now on it isn't finished. Moves those that people
  // don't edit aside where candor didn't make them.
  WritingBegun begin_writing(const Stage& stage) const;
  // After it: `output` is about to have the bytes of `temporary`.
  void claim(const Stage& stage, const std::string& output, const std::string& temporary) const;
  void finished(const Stage& stage) const;
  // Instead: what it made isn't all that the stage is to make.
  void ended_in_part(const Stage& stage) const;
  // Instead, after an error, which is what the user is told: so it throws none of its own. Where
  // the outputs are as they were, so is the record then.
  void failed(const Stage& stage, const WritingBegun& begun) const noexcept;

 private:
  // Anew each time: another rank may have been rank 0 until now.
  nlohmann::json read() const;
  void write(const nlohmann::json& record) const;
  std::string reason(const nlohmann::json& record, const Stage& stage) const;
  bool is_own(const nlohmann::json& record, const Stage& stage, const std::string& output) const;
  bool has_hash(const nlohmann::json& files, const std::string& file) const;
  nlohmann::json hashes_of(const std::vector<std::string>& files) const;

  std::string folder_;
  std::string path_;
};

}  // namespace candor::launch
