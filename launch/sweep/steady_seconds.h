// Seconds since some moment, by a clock that is never set.
#pragma once

#include <chrono>

namespace candor::launch {

inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace candor::launch
