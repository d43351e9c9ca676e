// candor k8s my.yaml: the manifest that starts this run under Kubernetes (mpijob.h), printed or
// written to arguments.output. Needs no ranks and no cluster.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// `config` as the file and --set say it: threads not yet resolved for this machine.
int k8s_command(const RunConfig& config, const CommandArguments& arguments);

}  // namespace candor::launch
