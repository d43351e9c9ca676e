// The MPI library in use, as it names itself: "Open MPI v4.1.4". May be called before MPI starts.
#pragma once

#include <string>

namespace candor::comm {

std::string mpi_library_version();

}  // namespace candor::comm
