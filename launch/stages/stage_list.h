// The stages, declared once: what each is called, which keys of the config and which files it
// reads, which it writes, and its function. `candor run`, the identities of journals and
// checkpoints, a sweep's shared folder and `candor STAGE --help` all derive from this list.
//
// To add a stage: its function in a file of its own, and an entry in stage_list.cc.
// A test runs each of them with a config that records what is read: a key that isn't declared, or
// is declared and not read, fails (tests/commands/stage_keys_mpi_test.cc).
#pragma once

#include <string>
#include <vector>

#include "launch/config/config_part.h"
#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

struct StageDeclaration {
  std::string name;     // of the command
  std::string purpose;  // a sentence of its --help
  // Rises when the stage makes other bytes of the same inputs: what was made before is made anew.
  int version = 1;
  KeyList result_keys;  // whose values may change what it writes
  KeyList other_keys;   // that it reads too: where things lie, how often, how long
  KeyList file_keys{};  // of those, the ones whose file's bytes are an input
  bool reads_model = false;
  std::vector<std::string> (*inputs)(const RunConfig&);   // files whose bytes it depends on
  std::vector<std::string> (*outputs)(const RunConfig&);  // files that it makes
  bool nobody_edits = false;                              // the outputs
  bool people_edit = false;                               // the outputs: labels made by hand
  int (*run)(const RunConfig&, RunContext&);              // collective
};

// In the order in which `candor run` does them; score, which it doesn't do, is last.
const std::vector<StageDeclaration>& stage_list();

// Throws std::logic_error for a name that isn't in the list.
const StageDeclaration& stage_named(const std::string& name);

// What of the config may change a stage's outputs, as text, for hashing and comparing.
std::string key_text(const RunConfig& config, const StageDeclaration& stage);

}  // namespace candor::launch
