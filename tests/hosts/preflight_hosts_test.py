#!/usr/bin/env python3
"""launch/preflight.sh and candor doctor on two and three hosts made of network namespaces: ready ones, one with another file or program, a cut and a slow link.

Usage: preflight_hosts_test.py [--build build/cpu] [NAME ...]     Needs root and what namespaces.py needs; says so and fails where it can't be had.
"""
import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "faults"), str(ROOT / "tests" / "hosts")]
import job  # noqa: E402
import tiny_folder  # noqa: E402
from namespaces import Hosts, what_is_missing  # noqa: E402

PREFLIGHT = str(ROOT / "launch" / "preflight.sh")
PROGRAM = ROOT / "build" / "cpu" / "candor"  # --build says another


class Cut:
    """In the middle of a job: cuts a host off, for good, once the job has said something."""

    def __init__(self, hosts, number, once):
        self.hosts, self.number, self.once, self.done = hosts, number, once, False

    def due(self, running, seconds):
        if self.once in running.output.read_text(errors="replace"):
            self.hosts.cut(self.number)
            self.done = True
        return self.done


class PreflightTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="candor_hosts_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        tiny_folder.make(self.folder / "work", True, "cpu")
        self.work = self.folder / "work"
        shutil.copy2(PROGRAM, self.work / "candor")
        self.jobs = 0

    def make_hosts(self, count, slots=1):
        hosts = Hosts(self.folder, [f"node{number + 1}" for number in range(count)])
        self.addCleanup(hosts.remove)
        (self.work / "hosts").write_text("# by address\n" + "".join(f"{hosts.address(number)} slots={slots}\n" for number in range(count)))
        return hosts

    def run_job(self, hosts, command, actions=(), environment=None):
        self.jobs += 1
        shell = {"CANDOR_REMOTE_SHELL": str(hosts.agent), "CANDOR_HOSTS_CHECK": "1"}
        given = {**hosts.environment(), **shell, **(environment or {})}
        ended = job.Job(hosts.on_first(command), self.work, given, f"out{self.jobs}").wait(actions)
        # On a host that was cut off for good, MPI's daemon (orted, under the agent's sh) learns of the end only by its own time-outs.
        left = any(isinstance(action, Cut) for action in actions) and ended.hung.startswith("ended, but orted")
        self.assertTrue(left or not ended.hung, f"{ended.hung}\n{ended.text}")
        return ended

    def preflight(self, hosts, *arguments, actions=()):
        return self.run_job(hosts, [PREFLIGHT, "--hostfile", "hosts", "--program", "./candor", *arguments], actions)

    def assert_ended(self, ended, code, *told):
        self.assertEqual(ended.code, code, ended.text)
        for text in told:
            self.assertRegex(ended.text, text)

    def on_host(self, name, replaced, by):
        """From now on this host sees another file there."""
        (self.folder / f"prepare.{name}").write_text(f"mount --bind {self.work / by} {self.work / replaced}\n")

    def test_alike_hosts_are_ready(self):
        for count, slots in ((2, 2), (3, 1)):
            ended = self.preflight(self.make_hosts(count, slots), "line.yaml", "--expected-gbit", "0.000001")
            self.assert_ended(ended, 0, rf"ready: {count * slots} ranks on {count} hosts", r"node2\) answers, with the same program and mpirun",
                              r"clock of node2: ", rf"rank {slots} of \d: host node2, local rank 0 of {slots}", rf"all-reduce of int64 on {count * slots} ranks",
                              r"\n +4 KiB ", r"node1 with node2: ", r"of the expected 1e-06 Gbit/s")
            self.assertNotIn("PROBLEM", ended.text)

    def test_another_config_is_named(self):
        hosts = self.make_hosts(2)
        text = (self.work / "line.yaml").read_text()
        (self.work / "other.yaml").write_text(text.replace("max_steps: 10", "max_steps: 11"))
        self.on_host("node2", "line.yaml", "other.yaml")
        ended = self.preflight(hosts, "--no-bandwidth", "line.yaml")
        self.assert_ended(ended, 2, r"PROBLEM: node2: another config: `max_steps: 11`, rank 0 \(node1\) has `max_steps: 10`", r"\nnot ready: 1 problem")

    def test_other_questions_and_another_model_are_named(self):
        hosts = self.make_hosts(3)
        (self.work / "more.jsonl").write_text((self.work / "questions.jsonl").read_text().replace('"q59"', '"q60"'))
        shutil.copytree(self.work / "model", self.work / "other_model")
        weights = bytearray((self.work / "model" / "model.safetensors").read_bytes())
        weights[-1] ^= 1
        (self.work / "other_model" / "model.safetensors").write_bytes(weights)
        self.on_host("node2", "model", "other_model")
        self.on_host("node3", "questions.jsonl", "more.jsonl")
        ended = self.preflight(hosts, "--no-bandwidth", "line.yaml")
        self.assert_ended(ended, 2, r"PROBLEM: node3: data.questions has the hash \w+\.\.\., \w+\.\.\. on rank 0 \(node1\)",
                          r"PROBLEM: node2: the model has the identity", r"\nnot ready: 2 problems")

    def test_another_program_is_named_before_and_by_the_doctor(self):
        hosts = self.make_hosts(3)
        (self.work / "newer").write_bytes((self.work / "candor").read_bytes() + b"\n")  # the same but for its end
        (self.work / "newer").chmod(0o755)
        self.on_host("node3", "candor", "newer")
        before = self.preflight(hosts)
        self.assert_ended(before, 2, rf"PROBLEM: {hosts.address(2)} \(node3\): ./candor is another one: SHA-256", "not ready: 1 problem, found before MPI")
        doctor = self.run_job(hosts, ["mpirun", "--hostfile", "hosts", "-np", "3", "--bind-to", "none", "./candor", "doctor"])
        self.assert_ended(doctor, 2, r"PROBLEM: node3: candor's executable has SHA-256 \w+\.\.\., \w+\.\.\. on rank 0 \(node1\): copy one build",
                          "not ready: 1 problem")

    def test_a_program_or_host_that_is_not_there_is_named(self):
        hosts = self.make_hosts(2)
        (self.folder / "prepare.node2").write_text(f"mount -t tmpfs none {self.work}\n")
        self.assert_ended(self.preflight(hosts), 2, rf"PROBLEM: {hosts.address(1)} \(node2\): ./candor isn't in ")
        with open(self.work / "hosts", "a") as file:
            file.write("nowhere slots=4\n")
        self.assert_ended(self.preflight(hosts), 4, r"PROBLEM: nowhere: doesn't answer .* Could not resolve hostname nowhere", "not ready: 2 problems")

    def test_a_cut_link_is_told_before(self):
        hosts = self.make_hosts(3)
        hosts.cut(1)
        ended = self.preflight(hosts, "line.yaml")
        self.assert_ended(ended, 4, rf"PROBLEM: {hosts.address(1)}: doesn't answer to .* No route to host", r"node3\) answers", "not ready: 1 problem")

    def test_a_link_cut_meanwhile_ends_it(self):
        hosts = self.make_hosts(2)
        hosts.limit(1, 20)  # so that it is cut before the end
        cut = Cut(hosts, 1, "all-reduce of int64")
        ended = self.preflight(hosts, "line.yaml", "--timeout", "3", actions=[cut])
        self.assertTrue(cut.done, ended.text)
        self.assert_ended(ended, 4, "not complete after 3 s", "not ready: the ranks can't reach each other")
        self.assertNotIn("no verdict within", ended.text)
        self.assertRegex(ended.text.splitlines()[-1], "^not ready: ")

    def test_a_slow_link_is_a_warning_that_names_it(self):
        hosts = self.make_hosts(3)
        hosts.limit(2, 10)
        ended = self.preflight(hosts, "--expected-gbit", "0.03")  # so little that a busy machine reaches it between the others
        self.assert_ended(ended, 0, r"WARNING: the link from node1 to node3: below half of the expected 0.03 Gbit/s", r"ready: 3 ranks on 3 hosts, \d warning")
        self.assertNotIn("node1 to node2,", ended.text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "cpu")
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args()
    PROGRAM = chosen.build / "candor"
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} isn't there: build it with launch/setup/build.sh cpu candor")
    if missing := what_is_missing(with_rate=True):
        sys.exit(missing)
    job.LIMIT_S, job.QUIET_S = 100, 60  # only stop a hang
    unittest.main(argv=[sys.argv[0], "-v", *(f"PreflightTest.{name}" for name in chosen.names)])
