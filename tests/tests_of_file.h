// One test program holds the tests of several files; this chooses those of one file.
#pragma once

#include <string>

namespace candor::testing_support {

// Takes --of=NAME out of the arguments that GoogleTest left over. Only the tests that NAME.cc
// declares run then, unless --gtest_filter says otherwise. Returns what is wrong with the
// arguments, or nothing.
std::string choose_tests_of_file(int argc, char** argv);

}  // namespace candor::testing_support
