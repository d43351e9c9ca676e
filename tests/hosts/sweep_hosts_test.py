#!/usr/bin/env python3
"""candor sweep over two hosts made of network namespaces: the same adapters as on one host, in mpiruns of their own and on ranks that stay, also when
the link is cut while they train.

Usage: sweep_hosts_test.py [--build build/cpu] [NAME ...]     Needs root and what namespaces.py needs; says so and fails where it can't be had.
"""
import argparse
import json
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

PROGRAM = ROOT / "build" / "cpu" / "candor"  # --build says another


class CutUntil:
    """Cuts host `number` off once a training of the sweep has written `once`, until the sweep says that it failed."""

    def __init__(self, hosts, number, name, once):
        self.hosts, self.number, self.metrics, self.once, self.is_cut = hosts, number, f"{name}/trials/*/metrics.jsonl", once, False

    def due(self, running, seconds):
        if not self.is_cut and any(self.once in path.read_text() for path in running.folder.glob(self.metrics)):
            self.hosts.cut(self.number)
            self.is_cut = True
        if self.is_cut and "is tried again" in running.output.read_text(errors="replace"):
            self.hosts.cut(self.number, False)
            return True
        return False


class SweepHostsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="candor_hosts_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.work = self.folder / "work"
        tiny_folder.make(self.work, True, "cpu")
        self.hosts = Hosts(self.folder, ["node1", "node2"])
        self.addCleanup(self.hosts.remove)
        (self.work / "hosts").write_text("node1 slots=2\nnode2 slots=2\n")

    def sweep(self, name, ranks_per_trial, *arguments, actions=()):
        (self.work / f"{name}.yaml").write_text(
            f"sweep: {{dir: {name}, base: line.yaml, method: grid, halving: synchronous, first_rung_steps: 4, factor: 2, retries: 4, stall_s: 30,\n"
            f"  ranks_per_trial: {ranks_per_trial}, set: {{train.max_steps: 8, evaluate.bootstrap_samples: 10}}}}\n"
            "space:\n  train.learning_rate: {choice: [0.001, 0.01]}\n  lora.rank: {choice: [2, 4]}\n")
        command = self.hosts.on_first([str(PROGRAM), "sweep", f"{name}.yaml", "--no-evaluation", *arguments])
        ended = job.Job(command, self.work, self.hosts.environment(), f"{name}.out").wait(actions)
        logs = sorted(path for path in (self.work / name).glob("**/job.log"))
        text = ended.text + "".join(f"--- {path.relative_to(self.work)}\n{path.read_text(errors='replace')[-2000:]}\n" for path in logs)
        self.assertFalse(ended.hung, f"{ended.hung}\n{text}")
        self.assertEqual(ended.code, 0, text)
        return text

    def adapters(self, name):
        found = {path.parent.parent.name: path.read_bytes() for path in self.work.glob(f"{name}/trials/*/adapter/adapter_model.safetensors")}
        self.assertEqual(len(found), 2, "the better half of four points")
        return found

    def failures(self, name):
        events = map(json.loads, (self.work / name / "journal.jsonl").read_text().splitlines())
        return [event for event in events if event.get("failure")]

    def test_the_adapters_of_one_host(self):
        self.sweep("alone", 2, "--slots", "2")
        reference = self.adapters("alone")
        for name, ranks_per_trial, more in (("own_hosts", 2, ()), ("over_both", 4, ()), ("pool", 2, ("--in-process",)), ("pool_over_both", 4, ("--in-process",))):
            text = self.sweep(name, ranks_per_trial, "--hostfile", "hosts", *more)
            self.assertEqual(self.adapters(name), reference, text)
            self.assertEqual(self.failures(name), [], text)

    def test_a_cut_link_costs_retries(self):
        self.sweep("alone", 4, "--slots", "4")
        for name, ranks_per_trial, more in (("own", 4, ()), ("pool", 4, ("--in-process",)), ("pool_of_own_hosts", 2, ("--in-process",))):
            text = self.sweep(name, ranks_per_trial, "--hostfile", "hosts", *more, actions=[CutUntil(self.hosts, 1, name, '"step":2,')])
            self.assertEqual(self.adapters(name), self.adapters("alone"), text)
            if ranks_per_trial == 4:  # a training on one host may be done before anybody misses the other
                self.assertNotEqual(self.failures(name), [], text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "cpu")
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args()
    PROGRAM = chosen.build.resolve() / "candor"
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} isn't there: build it with launch/setup/build.sh cpu candor")
    if missing := what_is_missing():
        sys.exit(missing)
    job.LIMIT_S, job.QUIET_S, job.MOST_S = 200, 90, 600  # only stop a hang
    unittest.main(argv=[sys.argv[0], "-v", *(f"SweepHostsTest.{name}" for name in chosen.names)])
