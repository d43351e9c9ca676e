#include "launch/cluster/mpijob.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace candor::launch {
namespace {

constexpr int64_t kDefaultThreads = 4;
constexpr int64_t kMemoryGibPerRank = 16, kMemoryGibPerGpu = 32;
constexpr size_t kMostNameLetters = 40;  // "-worker-999" is added, and a host's name has at most 63

// JSON's strings are YAML's in double quotes.
std::string in_quotes(const std::string& text) { return nlohmann::json(text).dump(); }

bool is_below(const std::filesystem::path& path, const std::string& folder) {
  return (path.string() + "/").starts_with(folder + "/");
}

// `writable`: only the claim will do.
void check_visible(const char* key, const std::string& text, bool writable) {
  if (text.empty()) return;
  const std::filesystem::path path = std::filesystem::path(text).lexically_normal();
  const bool outside = !path.empty() && *path.begin() == "..";
  if (path.is_relative()
          ? !outside
          : is_below(path, kClaimFolder) || (!writable && is_below(path, kImageFolder)))
    return;
  throw std::invalid_argument(fmt::format(
      "{}: expected a path that pods see: relative or below {} (the claim){}, got {}; put it "
      "there, and change it with --set {}=...",
      key, kClaimFolder, writable ? "" : fmt::format(", or below {} (the image)", kImageFolder),
      text, key));
}

void check_device(DeviceChoice device, int64_t gpus_per_worker) {
  if ((device == DeviceChoice::kCuda && gpus_per_worker == 0) ||
      (device == DeviceChoice::kCpu && gpus_per_worker > 0)) {
    throw std::invalid_argument(
        fmt::format("model.device: {} contradicts --gpus-per-worker {}; expected {}",
                    trainer::choice_name(device), gpus_per_worker,
                    device == DeviceChoice::kCuda ? "at least 1, a GPU for each rank"
                                                  : "0, or another model.device"));
  }
}

// What Kubernetes calls a DNS label; with dots, a subdomain.
void check_name(const char* option, const std::string& name, bool dots_allowed) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool fits = !name.empty() && name.size() <= 63 && is_plain(name.front()) &&
                    is_plain(name.back()) && std::all_of(name.begin(), name.end(), [&](char c) {
                      return is_plain(c) || c == '-' || (dots_allowed && c == '.');
                    });
  if (!fits)
    throw std::invalid_argument(fmt::format(
        "{}: expected at most 63 small letters, digits and hyphens, such as my-data, got \"{}\"",
        option, name));
}

void check_image(const std::string& image) {
  const bool fits = std::all_of(image.begin(), image.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string("._-/:@").find(static_cast<char>(c)) != std::string::npos;
  });
  if (!fits)
    throw std::invalid_argument(
        fmt::format("--image: expected a name such as my-registry/candor:cuda, got \"{}\"", image));
}

// After the last part of run.dir, since two runs that write to one folder are one run.
std::string job_name(const std::string& run_dir) {
  std::filesystem::path path = std::filesystem::path(run_dir).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::string name = "candor-";
  for (const char c : path.filename().string()) {
    const char small = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool plain = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9');
    if (plain) name += small;
    if (!plain && name.back() != '-') name += '-';
  }
  name.resize(std::min(name.size(), kMostNameLetters));
  while (name.back() == '-') name.pop_back();
  return name;
}

std::string indented(const std::string& text, size_t spaces) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    out += line.empty() ? "\n" : std::string(spaces, ' ') + line + "\n";
  return out;
}

constexpr const char* kConfigMap = R"(apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}-run
{name_space}data:
  config.yaml: |
{config})";

constexpr const char* kMpiJob = R"(apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata:
  name: {name}
{name_space}spec:
  slotsPerWorker: {slots}
  mpiImplementation: OpenMPI
  sshAuthMountPath: /home/candor/.ssh
  launcherCreationPolicy: WaitForWorkersReady
  runPolicy:
    cleanPodPolicy: Running
    # How often a launcher that gave up, or had to leave its node, is tried again.
    backoffLimit: 10
    ttlSecondsAfterFinished: 86400
  mpiReplicaSpecs:
    Launcher:
      replicas: 1
      restartPolicy: OnFailure
      template:
        spec:
{pod}          containers:
            - name: launcher
              image: {image}
              workingDir: {claim_folder}
              command:
                - {image_folder}/launch/keep_running.sh
                - --run-dir
                - {run_dir}
              args:
                - mpirun
                - --hostfile
                - /etc/mpi/hostfile
                - -np
                - "{ranks}"
                - --bind-to
                - none
                # Reading another process's memory is often forbidden in containers.
                - --mca
                - btl_vader_single_copy_mechanism
                - none
                - {image_folder}/candor
                - run
                - /etc/candor/config.yaml
              resources:
                requests:
                  cpu: 500m
                  memory: 512Mi
                limits:
                  cpu: "2"
                  memory: 2Gi
{container}    Worker:
      replicas: {workers}
      restartPolicy: OnFailure
      template:
        spec:
{pod}          containers:
            - name: worker
              image: {image}
              workingDir: {claim_folder}
              command:
                - /usr/sbin/sshd
                - -De
                - -f
                - {image_folder}/launch/k8s/sshd_config
              readinessProbe:
                tcpSocket:
                  port: 2222
              lifecycle:
                # Its ranks' training saves before sshd, and with it the pod, is ended.
                preStop:
                  exec:
                    command:
                      - {image_folder}/launch/k8s/leave_worker.sh
              # `candor doctor --plan` says what a training takes.
              resources:
                requests:
                  cpu: "{cpus}"
                  memory: {memory_gib}Gi
                limits:
                  cpu: "{cpus}"
                  memory: {memory_gib}Gi
{gpus}{container})";

constexpr const char* kPod = R"(          terminationGracePeriodSeconds: {grace}
          securityContext:
            runAsUser: 10001
            runAsGroup: 10001
            fsGroup: 10001
            runAsNonRoot: true
          volumes:
            - name: claim
              persistentVolumeClaim:
                claimName: {claim}
            - name: config
              configMap:
                name: {name}-run
            # MPI's and NCCL's shared memory; a container's own has 64 MiB.
            - name: shared-memory
              emptyDir:
                medium: Memory
                sizeLimit: 1Gi
)";

constexpr const char* kContainer = R"(              volumeMounts:
                - name: claim
                  mountPath: {claim_folder}
                - name: config
                  mountPath: /etc/candor
                - name: shared-memory
                  mountPath: /dev/shm
)";

}  // namespace

std::string mpijob_yaml(RunConfig config, const MpiJobOptions& options) {
  using fmt::arg;
  check_visible("run.dir", config.run.dir, /*writable=*/true);
  check_visible("model.path", config.model.path, /*writable=*/!config.model.gguf.empty());
  check_visible("model.gguf", config.model.gguf, /*writable=*/false);
  check_visible("model.shared_weights", config.model.shared_weights, /*writable=*/true);
  check_visible("data.questions", config.data.questions, /*writable=*/false);
  check_device(config.model.device, options.gpus_per_worker);
  check_name("--claim", options.claim, /*dots_allowed=*/true);
  if (!options.name_space.empty())
    check_name("--namespace", options.name_space, /*dots_allowed=*/false);
  check_image(options.image);

  // A pod's limit of CPUs isn't seen by a process: it would start as many threads as the node has
  // cores.
  if (config.run.threads_per_rank == 0) config.run.threads_per_rank = kDefaultThreads;
  const bool on_gpus = options.gpus_per_worker > 0;
  const int64_t slots = std::max<int64_t>(options.gpus_per_worker, 1);
  const std::string image =
      options.image.empty() ? (on_gpus ? "candor:cuda" : "candor:cpu") : options.image;
  const std::string name = job_name(config.run.dir);
  const std::string name_space =
      options.name_space.empty() ? "" : fmt::format("  namespace: {}\n", options.name_space);
  const std::string gpus =
      on_gpus ? fmt::format("                  nvidia.com/gpu: {}\n", options.gpus_per_worker) : "";
  const std::string pod = fmt::format(kPod, arg("grace", kGraceSeconds),
                                      arg("claim", options.claim), arg("name", name));
  const std::string container = fmt::format(kContainer, arg("claim_folder", kClaimFolder));

  return fmt::format(kConfigMap, arg("name", name), arg("name_space", name_space),
                     arg("config", indented(to_yaml(config), 4))) +
         "---\n" +
         fmt::format(
             kMpiJob, arg("name", name), arg("name_space", name_space), arg("slots", slots),
             arg("pod", pod), arg("image", in_quotes(image)), arg("claim_folder", kClaimFolder),
             arg("image_folder", kImageFolder), arg("run_dir", in_quotes(config.run.dir)),
             arg("ranks", options.workers * slots), arg("container", container),
             arg("workers", options.workers), arg("cpus", slots * config.run.threads_per_rank),
             arg("memory_gib", slots * (on_gpus ? kMemoryGibPerGpu : kMemoryGibPerRank)),
             arg("gpus", gpus));
}

}  // namespace candor::launch
