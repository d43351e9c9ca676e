// The HDF5 library in use: "1.10.8".
#pragma once

#include <string>

namespace candor::data {

std::string hdf5_library_version();

}  // namespace candor::data
