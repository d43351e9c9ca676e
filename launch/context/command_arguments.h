// What a command line gives a command beside its config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/context/mpijob_options.h"

namespace candor::launch {

struct DoctorArguments {
  std::string config{};                  // whose files every rank reads and compares (empty: none)
  std::vector<std::string> overrides{};  // of that config
  bool bandwidth = false;
  double expected_gbit = 0;  // the link's rate; above 0 it asks for the bandwidth too
  double timeout_s = 60;     // the longest wait for another rank
};

// Filled from the command line; each command reads only those that its --help lists.
struct CommandArguments {
  bool resume = false;          // train: go on from the newest checkpoint
  bool force = false;           // run, answer, grade, score, k8s: replace what candor didn't make
  int64_t pause_at = 0;         // train: the step at which to save and leave; 0: only at the end
  int64_t ranks_per_trial = 1;  // pool: of a group
  bool merge = false;           // export: also write the merged model
  std::string input{};    // score: questions and responses (JSONL). import: the GGUF file. inspect:
                          // the file or folder. value: the config
  std::string output{};   // score: scored JSONL. import: model folder. export: folder (empty:
                          // <run.dir>/export). k8s: file (empty: standard output)
  std::string adapter{};  // score, export, evaluate: adapter folder (empty: <run.dir>/adapter)
  std::string tokenizer{};  // inspect: model folder or tokenizer.json that decodes tokens.h5
                            // (empty: model.path of config.yaml beside it)
  std::string key{};        // value: of the config
  int64_t max_records = 3;  // inspect: examples, lines or tensors to print in full
  MpiJobOptions job{};      // k8s
  DoctorArguments doctor{};
};

}  // namespace candor::launch
