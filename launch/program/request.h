// What a process was asked for, and that all ranks were asked for the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "launch/config/run_config.h"
#include "launch/program/command_line.h"
#include "launch/program/command_table.h"
#include "launch/ranks/exit_codes.h"

namespace candor::launch {

struct Request {
  CommandLine line;
  const Command* command = nullptr;   // null: line.text is the answer, or there is a failure
  RunConfig config;                   // without one its defaults, but for the section run
  bool threads_are_default = false;   // neither the config nor the run folder says them
  std::vector<std::string> warnings;  // of reading the config, which rank 0 tells
  std::optional<Failure> failure;     // why there is no request, or none that can be done

  bool has_config() const { return !line.config_path.empty(); }
};

// Command line, config and threads; where the threads' environment has to change, the process is
// executed again. Throws nothing: under mpirun a failure is compared with the other ranks'.
Request read_request(int argc, char** argv);

// Collective. Where one rank or more failed to read the request, the first of them says so and all
// get its exit code. Else throws std::invalid_argument on all where the requests differ.
std::optional<int> agree_on_request(const Request& request, comm::ProcessGroup& group);

}  // namespace candor::launch
