#include "launch/ranks/launched_rank.h"

#include <cstdlib>

namespace candor::launch {
namespace {

int environment_number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

}  // namespace

int launched_rank() { return environment_number("OMPI_COMM_WORLD_RANK", 0); }

int launched_ranks() { return environment_number("OMPI_COMM_WORLD_SIZE", 1); }

}  // namespace candor::launch
