// MPI's life in a program that was started without mpirun.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "comm/mpi_session.h"

// The MPI library leaks, and leaks are looked for in the tests without MPI.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

namespace candor::comm {
namespace {

TEST(MpiSession, AProgramWithoutMpirunIsAGroupOfOne) {
  MpiSession session(nullptr, nullptr);
  {
    MpiSession nested(nullptr, nullptr);  // doesn't own MPI
    nested.finalize();
  }
  const auto group = make_mpi_process_group({.timeout_s = 30});
  EXPECT_EQ(group->world_size(), 1);
  EXPECT_EQ(group->rank_info().local_world_size, 1);
  at::Tensor tensor = at::ones({2}, at::kDouble);
  group->all_reduce_sum(tensor);
  EXPECT_EQ(tensor[1].item<double>(), 1.0);
  EXPECT_EXIT(group->abort(42), ::testing::ExitedWithCode(42), "^$");
  session.finalize();
  session.finalize();
}

}  // namespace
}  // namespace candor::comm
