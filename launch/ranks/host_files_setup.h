// How rank 0's files come to hosts that don't see them (host_files.h), for a run: what it says of
// it on stderr.
#pragma once

#include <string>

#include "trainer/hosts/host_files.h"

namespace candor::launch {

// run_dir: by which ranks find out who shares rank 0's file system.
trainer::HostFilesOptions host_files_options(const std::string& run_dir);

}  // namespace candor::launch
