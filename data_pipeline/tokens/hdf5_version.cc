#include "data_pipeline/tokens/hdf5_version.h"

#include <fmt/format.h>
#include <hdf5.h>

namespace candor {

std::string hdf5_library_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace candor
