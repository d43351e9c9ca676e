// The PCRE2 library in use, with its Unicode version and whether it compiles patterns: "10.42
// 2022-12-11, Unicode 14.0.0, JIT".
#pragma once

#include <string>

namespace candor::data {

std::string pcre2_library_version();

}  // namespace candor::data
