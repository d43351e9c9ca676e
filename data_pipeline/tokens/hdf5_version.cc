#include "data_pipeline/tokens/hdf5_version.h"

#include "data_pipeline/tokens/hdf5_handle.h"

namespace candor::data {

std::string hdf5_library_version() {
  const Hdf5Session session;
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace candor::data
