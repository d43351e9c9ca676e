// The main function of every test program without MPI.
#include <gmock/gmock.h>

#include <cstdio>

#include "tests/tests_of_file.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  const std::string problem = candor::testing_support::choose_tests_of_file(argc, argv);
  if (!problem.empty()) {
    std::fprintf(stderr, "%s\n", problem.c_str());
    return 2;
  }
  return RUN_ALL_TESTS();
}
