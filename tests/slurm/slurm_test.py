#!/usr/bin/env python3
"""launch/train.slurm and sweep.slurm under a real slurmctld and two slurmd, with the tiny model: it ends with the bytes of a plain mpirun, also when its time limit
comes near and when it is cancelled and given again.

Usage: slurm_test.py --build build/cpu [--keep] [--case NAME]     --keep: leave the folder, whose name is printed; --case: only this one
No time is measured: a training is held (SIGSTOP, all its processes) once its first checkpoint is there, until Slurm has sent what is tested.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "faults"))
from cluster import Cluster, missing_packages, name_in_kernel, wait_until  # noqa: E402
from job import ENVIRONMENT, end_all, processes_of, send  # noqa: E402
from run_folder import differing, finished_stages, newest_checkpoint, results  # noqa: E402
import tiny_folder  # noqa: E402

LAUNCH = ROOT / "launch"
# Long enough that a training is caught before its end; a busy machine may be slow to start three ranks.
SETTINGS = ["--set", "train.max_steps=100", "--set", "run.timeout_s=60", "--set", "run.heartbeat_s=30"]
# Two daemons on one machine: the transports that share memory or look at hardware take them for two hosts.
MPI = {"OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self,tcp", "CANDOR_RESTART_PAUSE_S": "0"}
ON_TWO_NODES = ["--nodes=2", "--ntasks-per-node=1"]


def check(is_so, what):
    if not is_so:
        raise AssertionError(what)


class Held:
    """A training that stands still."""

    def __init__(self, cluster, run, job):
        self.cluster, self.pids, known = cluster, [], []

        def stood_still():
            nonlocal known
            if len([pid for pid in known if os.path.exists(f"/proc/{pid}")]) < 4:  # two ranks and their guardians
                known = cluster.processes("candor", "candor-guardian")
            check(not cluster_ended(), f"job {job} ended before its first checkpoint was seen")
            if not list((run / "checkpoints").glob("step_*")):
                return False
            self.pids = [pid for pid in known if send(pid, signal.SIGSTOP)]
            return True

        looks = 0

        def cluster_ended():  # asks Slurm only now and then
            nonlocal looks
            looks += 1
            return looks % 500 == 0 and cluster.ended(job)

        wait_until(stood_still, "the first checkpoint", pause=0.001)
        check(any(name_in_kernel(pid) == "candor" for pid in self.pids), "no rank was there to be held")

    def is_pending(self, number):
        """Whether a rank has been sent this signal, which it will see when it goes on, or has gone already."""
        for pid in self.pids:
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return True
            if "State:\tZ" in status:
                return True
            if name_in_kernel(pid) == "candor" and int(re.search(r"ShdPnd:\s*(\w+)", status)[1], 16) >> (number - 1) & 1:
                return True
        return False

    def go_on(self):
        for pid in self.pids:
            send(pid, signal.SIGCONT)


class Bench:
    def __init__(self, folder, build, cluster):
        self.folder, self.candor, self.cluster = folder, build / "candor", cluster
        self.reference, self.runs = {}, 0

    def new_folder(self, name):
        place = self.folder / name
        tiny_folder.make(place, has_heartbeat=True, device="cpu")
        return place

    def plain(self):
        place = self.new_folder("plain")
        command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", "2", str(self.candor), "run", "line.yaml", *SETTINGS]
        with open(place / "out", "wb") as out:
            code = subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, timeout=120,
                                  env={**self.cluster.environment, **ENVIRONMENT, "CANDOR_FAULT_CASE": self.cluster.token}).returncode
        check(code == 0, f"plain mpirun ended with {code}:\n{(place / 'out').read_text()}")
        self.reference = results(place / "run")
        check(all(self.reference.values()), f"plain mpirun left no {[n for n, b in self.reference.items() if not b]}")

    def submit(self, place, *arguments, candor=None, script=("train.slurm", "line.yaml", *SETTINGS)):
        environment = {**ENVIRONMENT, **MPI, "CANDOR": str(candor or self.candor)}
        return self.cluster.submit(place, environment, *arguments, os.path.relpath(LAUNCH / script[0], place), *script[1:])

    def output(self, place, job):
        path = place / f"slurm-{job}.out"
        return path.read_text(errors="replace") if path.exists() else ""

    def expect_end(self, place, job, state="COMPLETED"):
        found = wait_until(lambda: self.cluster.ended(job), f"job {job} to end")
        check(found == state, f"job {job} ended as {found}, not {state}:\n{self.output(place, job)}")

    def expect_reference(self, place):
        wrong = differing(results(place / "run"), self.reference)
        check(not wrong, f"not the bytes of plain mpirun: {', '.join(wrong)}")


def runs_to_its_end(bench):
    place = bench.new_folder("ends")
    job = bench.submit(place, "--nodes=2", "--ntasks=3")  # two slots on one node, one on the other
    bench.expect_end(place, job)
    bench.expect_reference(place)


def says_that_the_program_is_missing(bench):
    place = bench.new_folder("missing")
    job = bench.submit(place, *ON_TWO_NODES, candor="/nowhere/candor")
    bench.expect_end(place, job, "FAILED")
    check(bench.cluster.job(job)["ExitCode"] == "2:0", f"exit code {bench.cluster.job(job)['ExitCode']}")
    check("no program /nowhere/candor" in bench.output(place, job), bench.output(place, job))


def saves_before_its_time_limit_and_is_queued_again(bench):
    place = bench.new_folder("limit")
    job = bench.submit(place, *ON_TWO_NODES, "--time=1", "--signal=B:USR1@20")  # Slurm looks every 30 s, so it comes 10 to 40 s after the start
    held = Held(bench.cluster, place / "run", job)
    done_before = newest_checkpoint(place / "run")
    wait_until(lambda: held.is_pending(signal.SIGUSR1), "Slurm's signal before the time limit")
    restarts = int(bench.cluster.job(job)["Restarts"])
    held.go_on()
    wait_until(lambda: int(bench.cluster.job(job)["Restarts"]) > restarts, "the job to be queued again")
    saved = newest_checkpoint(place / "run")
    check(done_before < saved < 100, f"the newest checkpoint was of step {done_before} when the signal came, and of step {saved} afterwards")
    text = bench.output(place, job)
    check("SIGUSR1: saving and stopping" in text and "queued again" in text, text)
    bench.expect_end(place, job)
    bench.expect_reference(place)
    check(f"step {saved}" in bench.output(place, job)[len(text):], f"the second run doesn't say that it went on from step {saved}:\n{bench.output(place, job)}")


def ends_when_cancelled_and_goes_on(bench):
    place = bench.new_folder("cancelled")
    job = bench.submit(place, *ON_TWO_NODES)
    held = Held(bench.cluster, place / "run", job)
    bench.cluster.cancel(job)
    wait_until(lambda: held.is_pending(signal.SIGTERM), "Slurm's SIGTERM")
    held.go_on()
    bench.expect_end(place, job, "CANCELLED")
    wait_until(lambda: not bench.cluster.left_over(), "the cancelled job's processes to end")
    check(bench.cluster.job(job)["Restarts"] == "0", "a cancelled job was queued again")
    check("train" not in finished_stages(place / "run"), "the training was over before it was cancelled")
    saved = newest_checkpoint(place / "run")
    again = bench.submit(place, *ON_TWO_NODES)
    bench.expect_end(place, again)
    bench.expect_reference(place)
    check(f"step {saved}" in bench.output(place, again), f"the same command doesn't say that it went on from step {saved}:\n{bench.output(place, again)}")


SWEEP = """sweep: {dir: sweep, base: line.yaml, method: grid, halving: synchronous, first_rung_steps: 4, set: {train.max_steps: 8}}
space: {train.learning_rate: {choice: [0.001, 0.002, 0.01, 0.02]}}
"""


def sweeps_on_slots_of_all_nodes(bench):
    place = bench.new_folder("sweep")
    (place / "sweep.yaml").write_text(SWEEP)
    bench.expect_end(place, bench.submit(place, "--nodes=2", "--ntasks-per-node=2", script=("sweep.slurm", "sweep.yaml")))
    events = [json.loads(line) for line in (place / "sweep" / "journal.jsonl").read_text().splitlines()]
    values = {(event["point"], event["rung"]): event["figures"]["expectation_brier"] for event in events if event["event"] == "end" and "figures" in event}
    check(len(values) == 5, f"expected four points to step 4 and one to step 8, got {values}")
    check((place / "sweep" / "best.yaml").exists(), "no best.yaml")
    running, most = set(), 0
    for event in events:
        if event["event"] == "start":
            running.add((event["point"], event["rung"]))
            most = max(most, len(running))
        if event["event"] == "end":
            running.discard((event["point"], event["rung"]))
    check(most > 1, "no two trainings ran side by side")


CASES = [runs_to_its_end, sweeps_on_slots_of_all_nodes, says_that_the_program_is_missing, saves_before_its_time_limit_and_is_queued_again, ends_when_cancelled_and_goes_on]


def run_cases(folder, build, cases):
    with Cluster(folder / "slurm") as cluster:
        bench = Bench(folder, build, cluster)
        try:
            bench.plain()
            for case in cases:
                case(bench)
                print(f"ok    {case.__name__}", flush=True)
            wait_until(lambda: not cluster.left_over(), "all processes of ended jobs to be gone", seconds=30)
        except Exception as error:
            print(f"FAILED: {error}\n{cluster.logs()}", flush=True)
            return 1
    left = processes_of(cluster.token)
    if left:
        end_all(cluster.token)
        print(f"FAILED: {len(left)} processes were left behind")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--case", choices=[case.__name__ for case in CASES])
    options = parser.parse_args()
    missing = missing_packages()
    if missing:
        print(f"slurm_test: these Debian packages are missing: {' '.join(missing)}. Run launch/setup/install.sh --tests --clusters, which installs them")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is to be cleaned up is
    folder = pathlib.Path(tempfile.mkdtemp(prefix="candor_slurm_"))
    try:
        return run_cases(folder, options.build.resolve(), [case for case in CASES if options.case in (None, case.__name__)])
    finally:
        if options.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
