"""What Kubernetes and the MPI Operator take in a manifest like ours: names, types and choices of fields, written down from their published sources.

MPIJob: MPI Operator v0.6.0, pkg/apis/kubeflow/v2beta1/types.go, and what its validation.go asks beyond that (replicas, restartPolicy, slotsPerWorker,
cleanPodPolicy, a host name of every worker). Pods: the API reference of Kubernetes v1.29, core/v1, those fields that trainings need; another
one is refused here until it is added. A key that ends with ! is required.
"""
import re

QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
PATH = re.compile(r"/.*")
KEY = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


class Whole:
    """A whole number of at least `least`."""

    def __init__(self, least=0, most=2**31 - 1):
        self.least, self.most = least, most


class Map:
    def __init__(self, key, value):
        self.key, self.value = key, value


RESOURCES = {"requests": Map(KEY, QUANTITY), "limits": Map(KEY, QUANTITY)}
HANDLER = {"exec": {"command!": [str]}, "sleep": {"seconds!": Whole()}}
PROBE = {"tcpSocket": {"port!": Whole(1, 65535), "host": str}, "exec": {"command!": [str]}, "initialDelaySeconds": Whole(), "periodSeconds": Whole(1),
         "failureThreshold": Whole(1)}
CONTAINER = {
    "name!": LABEL, "image!": str, "imagePullPolicy": {"Always", "IfNotPresent", "Never"}, "workingDir": str, "command": [str], "args": [str],
    "env": [{"name!": str, "value": str}], "resources": RESOURCES, "readinessProbe": PROBE, "livenessProbe": PROBE,
    "lifecycle": {"preStop": HANDLER, "postStart": HANDLER}, "volumeMounts": [{"name!": LABEL, "mountPath!": PATH, "subPath": str, "readOnly": bool}],
    "securityContext": {"allowPrivilegeEscalation": bool, "capabilities": {"add": [str], "drop": [str]}, "runAsUser": Whole(), "runAsNonRoot": bool}}
VOLUME = {"name!": LABEL, "persistentVolumeClaim": {"claimName!": SUBDOMAIN, "readOnly": bool},
          "configMap": {"name!": SUBDOMAIN, "items": [{"key!": str, "path!": str}], "defaultMode": Whole(0, 0o777)},
          "emptyDir": {"medium": {"", "Memory"}, "sizeLimit": QUANTITY}}
POD = {
    "containers!": [CONTAINER], "volumes": [VOLUME], "terminationGracePeriodSeconds": Whole(), "nodeSelector": Map(KEY, str), "priorityClassName": str,
    "tolerations": [{"key": str, "operator": {"Exists", "Equal"}, "value": str, "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"}}],
    "hostNetwork": bool, "serviceAccountName": SUBDOMAIN, "imagePullSecrets": [{"name!": str}],
    "securityContext": {"runAsUser": Whole(), "runAsGroup": Whole(), "fsGroup": Whole(), "runAsNonRoot": bool,
                        "fsGroupChangePolicy": {"OnRootMismatch", "Always"}}}
METADATA = {"name!": SUBDOMAIN, "namespace": LABEL, "labels": Map(KEY, str), "annotations": Map(KEY, str)}


def replica(least, most):
    return {"replicas!": Whole(least, most), "restartPolicy!": {"Never", "OnFailure"},
            "template!": {"metadata": {"labels": Map(KEY, str), "annotations": Map(KEY, str)}, "spec!": POD}}


MPI_JOB = {
    "apiVersion!": {"kubeflow.org/v2beta1"}, "kind!": {"MPIJob"}, "metadata!": METADATA,
    "spec!": {
        "slotsPerWorker!": Whole(1), "runLauncherAsWorker": bool, "mpiImplementation": {"OpenMPI", "Intel", "MPICH"}, "sshAuthMountPath": PATH,
        "launcherCreationPolicy": {"AtStartup", "WaitForWorkersReady"},
        "runPolicy": {"cleanPodPolicy!": {"None", "Running", "All"}, "ttlSecondsAfterFinished": Whole(), "activeDeadlineSeconds": Whole(),
                      "backoffLimit": Whole(), "suspend": bool, "managedBy": {"kubeflow.org/mpi-operator", "kueue.x-k8s.io/multikueue"},
                      "schedulingPolicy": {"minAvailable": Whole(), "queue": str, "minResources": Map(KEY, QUANTITY), "priorityClass": str,
                                           "scheduleTimeoutSeconds": Whole()}},
        "mpiReplicaSpecs!": {"Launcher!": replica(1, 1), "Worker": replica(1, 2**31 - 1)}}}
CONFIG_MAP = {"apiVersion!": {"v1"}, "kind!": {"ConfigMap"}, "metadata!": METADATA, "data": Map(re.compile(r"[-._a-zA-Z0-9]+"), str), "immutable": bool}


def problems(value, schema, path="manifest"):
    """Every place where the value isn't what the schema says, as "path: what is wrong"."""
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{path}: expected fields, got {value!r}"]
        known = {key.rstrip("!"): part for key, part in schema.items()}
        found = [f"{path}.{key}: no such field" for key in value if key not in known]
        found += [f"{path}.{key[:-1]}: is missing" for key in schema if key.endswith("!") and key[:-1] not in value]
        return found + [line for key, part in value.items() if key in known for line in problems(part, known[key], f"{path}.{key}")]
    if isinstance(schema, Map):
        if not isinstance(value, dict):
            return [f"{path}: expected fields, got {value!r}"]
        found = [f"{path}: \"{key}\" isn't a key that is allowed here" for key in value if not (isinstance(key, str) and schema.key.fullmatch(key))]
        return found + [line for key, part in value.items() for line in problems(part, schema.value, f"{path}.{key}")]
    if isinstance(schema, list):
        if not isinstance(value, list) or not value:
            return [f"{path}: expected a list, got {value!r}"]
        return [line for i, part in enumerate(value) for line in problems(part, schema[0], f"{path}[{i}]")]
    if isinstance(schema, Whole):
        fits = isinstance(value, int) and not isinstance(value, bool) and schema.least <= value <= schema.most
        return [] if fits else [f"{path}: expected a whole number from {schema.least} to {schema.most}, got {value!r}"]
    if isinstance(schema, (set, frozenset)):
        return [] if isinstance(value, str) and value in schema else [f"{path}: expected one of {', '.join(sorted(schema))}, got {value!r}"]
    if isinstance(schema, re.Pattern):  # a quantity may be a plain number
        text = str(value) if schema is QUANTITY and isinstance(value, int) and not isinstance(value, bool) else value
        return [] if isinstance(text, str) and schema.fullmatch(text) else [f"{path}: expected {schema.pattern}, got {value!r}"]
    return [] if isinstance(value, schema) and (schema is bool or not isinstance(value, bool)) else [f"{path}: expected {schema.__name__}, got {value!r}"]
