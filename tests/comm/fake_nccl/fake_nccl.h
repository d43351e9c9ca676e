// A NCCL that works on host memory over MPI: the symbols NcclGroup uses, nonblocking as the real
// ones.
//
// Faults, read from the environment at each call; the call is init, all_reduce, broadcast or id:
//   FAKE_NCCL_FAIL=call        that call returns ncclSystemError      FAKE_NCCL_FAIL_LATER=call it
//   fails while in progress FAKE_NCCL_HANG=call        it never finishes
#pragma once

// Communicators that were initialised and not yet aborted.
int fake_nccl_live_communicators();
