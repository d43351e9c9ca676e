// candor doctor: what was built, with which libraries, and what this job would run with: ranks,
// hosts, devices, threads, processors, clocks; with a config also what every host reads, with
// --bandwidth how fast the ranks add up. Ends with a verdict: "ready: ..." or "not ready: N
// problems".
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective over the ranks of MPI; rank 0 prints. Returns 0 or, with problems, 2; warnings change
// nothing. CommError where ranks or network fail.
int doctor_command(RunContext& context);

// Threads, deadlines and heartbeat that a doctor of these arguments runs with: threads as a run of
// the config would have them.
RunSection run_section_of(const DoctorArguments& arguments);

}  // namespace candor::launch
