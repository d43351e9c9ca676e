#include "comm/mpi_version.h"

#include <mpi.h>

namespace candor::comm {

std::string mpi_library_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));  // the rest is who packaged it
}

}  // namespace candor::comm
