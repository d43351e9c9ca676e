// What mpirun tells a process of its place, known before MPI starts.
#pragma once

namespace candor::launch {

int launched_rank();   // 0 without mpirun
int launched_ranks();  // 1 without mpirun

}  // namespace candor::launch
