// The program: command line, config, threads, ranks, the command, and the one place where errors
// become a line and an exit code.
#pragma once

namespace candor::launch {

// Returns the exit code. Errors from before the command are compared over all ranks and told once;
// a rank that fails later says why, in one line with its rank, and ends the job.
int run_candor(int argc, char** argv);

}  // namespace candor::launch
