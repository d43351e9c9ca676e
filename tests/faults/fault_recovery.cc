// Preloaded beside fault_points.cc where the job's MPI has fault tolerance: faults while the
// survivors of a lost rank put themselves in order.
// A library of its own, because a program that looks whether its MPI has these functions would find
// them under any MPI.
#include <dlfcn.h>

#include "tests/faults/fault_plan.h"

namespace {

using candor::faults::Fault;
using candor::faults::Plan;

template <typename... Arguments>
int recovery_call(const char* name, Arguments... arguments) {
  Plan& plan = Plan::of_process();
  const auto next = reinterpret_cast<int (*)(Arguments...)>(dlsym(RTLD_NEXT, name));
  if (const Fault* fault = plan.due(name, "before")) Plan::send_signal(*fault);
  const int code = next(arguments...);
  if (const Fault* fault = plan.due(name, "after")) Plan::send_signal(*fault);
  return code;
}

}  // namespace

extern "C" {

int MPIX_Comm_shrink(void* comm, void** survivors) {
  return recovery_call("MPIX_Comm_shrink", comm, survivors);
}
int MPIX_Comm_agree(void* comm, int* flag) { return recovery_call("MPIX_Comm_agree", comm, flag); }
int MPIX_Comm_revoke(void* comm) { return recovery_call("MPIX_Comm_revoke", comm); }

}  // extern "C"
