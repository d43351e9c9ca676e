// Main of every *_mpi_test: initialises MPI, lets only rank 0 print passes, and fails on all ranks
// if one failed.
#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdio>

#include "tests/tests_of_file.h"

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  ::testing::InitGoogleTest(&argc, argv);
  const std::string problem = candor::testing_support::choose_tests_of_file(argc, argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank != 0) {
    ::testing::TestEventListeners& listeners = ::testing::UnitTest::GetInstance()->listeners();
    listeners.Append(new ::testing::EmptyTestEventListener);
  }
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  int failed = problem.empty() ? RUN_ALL_TESTS() : 2;
  int any_failed = 0;
  MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return any_failed;
}
