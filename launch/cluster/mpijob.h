// The manifest that starts a run under Kubernetes: a ConfigMap with the resolved config, and an
// MPIJob of the MPI Operator (kubeflow.org/v2beta1).
//
// In a pod there are only two places: the claim, mounted at kClaimFolder and the working folder, so
// that what the config names by a relative path lies on it; and the image's copy of this repository
// at kImageFolder (launch/k8s/Dockerfile). The launcher gives mpirun again until the run is done
// (launch/keep_running.sh); ranks run in the workers. Pods that have to go are given kGraceSeconds,
// in which a training saves.
// Source: MPI Operator v0.6.0, pkg/apis/kubeflow/v2beta1/types.go; tests/k8s holds the manifest to
// its fields.
#pragma once

#include <string>

#include "launch/config/run_config.h"
#include "launch/context/mpijob_options.h"

namespace candor::launch {

inline constexpr const char* kClaimFolder = "/data";
inline constexpr const char* kImageFolder = "/opt/candor";
inline constexpr int kGraceSeconds = 120;

// YAML of two documents. run.threads_per_rank says how many CPUs a rank is given (0: 4), and is set
// in the ConfigMap.
// Throws std::invalid_argument for a path that no pod can see, a device that contradicts
// gpus_per_worker, or a name that Kubernetes refuses.
std::string mpijob_yaml(RunConfig config, const MpiJobOptions& options);

}  // namespace candor::launch
