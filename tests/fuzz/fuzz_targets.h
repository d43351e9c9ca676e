// The table of fuzz targets that the build makes from tests/fuzz/*_fuzz.cc: each file's
// LLVMFuzzerTestOneInput under a name of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace candor::data {

struct FuzzTarget {
  std::string name;  // of the file, without _fuzz.cc; its folder in corpus/ and findings/
  int (*run)(const std::uint8_t* data, std::size_t size_bytes);  // 0, or it ends the program
};

std::vector<FuzzTarget> fuzz_targets();

}  // namespace candor::data
