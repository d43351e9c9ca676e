#!/usr/bin/env python3
"""Jobs over hosts with file systems of their own end with the bytes of one host's: from nothing but the config, with stale files on the other hosts,
after a kill, a full disk, and a cut or slow link.

Usage: separate_disks_test.py BUILD_DIR [NAME ...]     NAME: only these cases (names of the functions below)
"""
import hashlib
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "faults")]
import run_folder  # noqa: E402
import tiny_folder  # noqa: E402
from disks import HostsWithDisks  # noqa: E402
from namespaces import what_is_missing  # noqa: E402

SURVIVE = HERE.parent.parent / "launch" / "mpirun_survive.sh"
NOTICE = "file system of its own: what is read there is sent from a"


class Failed(Exception):
    pass


def check(condition, message, text=""):
    if not condition:
        raise Failed(f"{message}\n{text}")


class Bench:
    """The program, what a run starts from, and the results on one host."""

    def __init__(self, build):
        self.program, libraries = build / "candor", [build / "tests" / "faults" / f"libcandor_fault_{name}.so" for name in ("points", "recovery")]
        for needed in (self.program, *libraries):
            check(needed.exists(), f"{needed} isn't there: build it with launch/setup/build.sh cpu candor candor_fault_points candor_fault_recovery")
        self.faults = ":".join(map(str, libraries))
        with HostsWithDisks("a") as hosts:
            disk = hosts.disk("a")
            tiny_folder.make(disk, has_heartbeat=True, device="cpu")
            self.end(hosts, 0, [2], "answer")
            lines = (disk / "run" / "answers.jsonl").read_text().splitlines()
            tiny_folder.write_questions(disk, re.findall(r'"response":"([^"]*)"', "\n".join(lines)))
            # Long waits: where no link is cut, a busy machine is no fault.
            config = (disk / "line.yaml").read_text().replace("timeout_s: 5", "timeout_s: 60").replace("heartbeat_s: 2", "heartbeat_s: 30")
            (disk / "line.yaml").write_text(config)
            self.template = {path.relative_to(disk): path.read_bytes() for path in disk.rglob("*") if path.is_file() and "run" not in path.parts}
            shutil.rmtree(disk / "run")
            text = self.end(hosts, 0, [4])
            check("sent from" not in text, "one host was found to have several file systems", text)
            self.reference = run_folder.results(disk / "run")
            check(all(self.reference.values()), "the run on one host has no results", text)
            self.trunk = (disk / "run" / "frozen_trunk.safetensors").read_bytes()
            self.end(hosts, 0, [2], "run", "--set", "run.seed=43", "--set", "run.dir=other")
            other = disk / "other"
            self.other = {path.relative_to(other): path.read_bytes() for path in other.rglob("*") if path.is_file() and "tensorboard" not in path.parts}

    def fill(self, hosts):
        """The first host gets everything, the others the config alone."""
        for name in hosts.names:
            for path, content in self.template.items():
                if name == hosts.names[0] or path.name == "line.yaml":
                    put(hosts.disk(name) / path, content)

    def start(self, hosts, ranks, *arguments, fault="", survive=False):
        words = arguments or ("run",)
        environment = {"CANDOR_FAULT": fault} if fault else {}
        preload = ["env", f"LD_PRELOAD={self.faults}"] if fault else []
        command = [*preload, str(self.program), *words, "line.yaml"]
        if survive:
            hosts.start(ranks, command, environment, [str(SURVIVE), "--map-by", f"ppr:{ranks[0]}:node:OVERSUBSCRIBE"])
        else:
            hosts.start(ranks, command, environment)

    def end(self, hosts, code, ranks, *arguments, fault="", survive=False):
        self.start(hosts, ranks, *arguments, fault=fault, survive=survive)
        return self.ended(hosts, code)

    def ended(self, hosts, code):
        ended, text = hosts.wait()
        codes = code if isinstance(code, tuple) else (code,)
        check(ended in codes, f"expected exit code {code}, got {ended}", text)
        return text

    def compare(self, hosts, text):
        differing = run_folder.differing(run_folder.results(hosts.disk("a") / "run"), self.reference)
        check(not differing, f"not the bytes of one host's run: {', '.join(differing)}", text)
        for name in hosts.names[1:]:
            for path in ("model/model.safetensors", "model/tokenizer.json", "questions.jsonl"):
                check((hosts.disk(name) / path).read_bytes() == self.template[pathlib.Path(path)], f"{path} isn't on host {name}", text)
            check((hosts.disk(name) / "run" / "frozen_trunk.safetensors").read_bytes() == self.trunk, f"the frozen trunk isn't on host {name}", text)
            rests = [p.name for p in hosts.disk(name).rglob("*") if ".tmp" in p.name or ".candor-seen" in p.name or p.name.endswith(".partial")]
            check(not rests, f"left on host {name}: {rests}", text)


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def from_nothing_but_the_config(bench):
    """Two and three hosts: the inputs are sent, and there is one line about it."""
    for names, ranks in (("ab", [2, 2]), ("abc", [2, 1, 1])):
        with HostsWithDisks(names) as hosts:
            bench.fill(hosts)
            arguments = ["--set", "model.shared_weights=weights"] if names == "abc" else []
            text = bench.end(hosts, 0, ranks, "run", *arguments)
            made = [len(list((hosts.disk(name) / "weights").glob("*.safetensors"))) for name in names]
            check(made == [1 if arguments else 0] * len(names), f"shared weights of each host: {made}", text)
            expected = f"host b has a {NOTICE}" if names == "ab" else "hosts b, c have file systems of their own: what is read there is sent from a"
            check(text.count(expected) == 1, f"expected one line: {expected}", text)
            bench.compare(hosts, text)
            text = bench.end(hosts, 0, ranks, "run", *arguments)
            check(text.count("skipped") == 5, "the second run should skip all stages", text)
            if names != "ab":
                continue
            # Other commands, beside what `run` doesn't read.
            put(hosts.disk("a") / "qa.jsonl", b'{"question":"what is 1?","response":"one"}\n{"question":"what is 2?","response":"two"}\n')
            bench.end(hosts, 0, ranks, "score", "--input", "qa.jsonl", "--output", "scored.jsonl")
            over_hosts = (hosts.disk("a") / "scored.jsonl").read_bytes()
            bench.end(hosts, 0, [2], "score", "--input", "qa.jsonl", "--output", "alone.jsonl")
            check((hosts.disk("a") / "alone.jsonl").read_bytes() == over_hosts, "scores over hosts differ from those of one")
            bench.end(hosts, 0, ranks, "evaluate")
            bench.end(hosts, 0, ranks, "doctor", "--plan")


def stale_files_are_not_read(bench):
    """Host b has all of another run, a damaged model and other questions."""
    with HostsWithDisks("ab") as hosts:
        bench.fill(hosts)
        for path, content in bench.other.items():
            put(hosts.disk("b") / "run" / path, content)
        model = bytearray(bench.template[pathlib.Path("model/model.safetensors")])
        model[-9] ^= 64
        put(hosts.disk("b") / "model" / "model.safetensors", bytes(model))
        put(hosts.disk("b") / "questions.jsonl", bench.template[pathlib.Path("questions.jsonl")].replace(b"what", b"whom"))
        bench.compare(hosts, bench.end(hosts, 0, [2, 2]))
    with HostsWithDisks("ab") as hosts:
        bench.fill(hosts)
        put(hosts.disk("b") / "model" / "generation_config.json", b'{"eos_token_id": 7}')
        text = bench.end(hosts, 2, [1, 1])
        check("host b: model/generation_config.json is there but not on host a" in text and text.count("candor: ") == 1, "expected one error", text)


def goes_on_after_a_kill(bench):
    """Killed while answering and while training; then host b has checkpoints of the same name with other bytes, and later ones."""
    with HostsWithDisks("ab") as hosts:
        bench.fill(hosts)
        bench.end(hosts, (137, 1), [2, 2], fault="rank=3,call=rename,path=partial/group_,nth=2,when=after,do=SIGKILL")
        done = [run_folder.finished_groups(hosts.disk(name) / "run") for name in "ab"]
        check(done[1] - done[0], f"host b should have finished groups of its own, got {done}")
        text = bench.end(hosts, (137, 1), [2, 2], fault="rank=0,call=rename,path=step_000006.tmp run/checkpoints/step_000006,when=after,do=SIGKILL")
        going_on = re.search(r"going on: (\d+) of 60 questions are answered", text)
        check(going_on and int(going_on[1]) >= 8 * len(done[0] | done[1]) - 4, f"groups that were finished on {done} were answered again", text)
        for path, content in bench.other.items():
            if path.parts[0] == "checkpoints":
                put(hosts.disk("b") / "run" / path, content)
        for damaged in (hosts.disk("b") / "run" / "checkpoints").glob("*/optimizer.safetensors"):
            damaged.write_bytes(damaged.read_bytes()[:100])
        newest = run_folder.newest_checkpoint(hosts.disk("a") / "run")
        text = bench.end(hosts, 0, [2, 2])
        check(f"resuming from step {newest}" in text, f"expected to go on from step {newest} of host a", text)
        bench.compare(hosts, text)
        # A training without --resume looks at rank 0's checkpoints, not at host b's.
        shutil.rmtree(hosts.disk("a") / "run" / "checkpoints")
        bench.end(hosts, 0, [2, 2], "train")
        bench.compare(hosts, text)


def a_full_disk_is_named(bench):
    with HostsWithDisks("ab") as hosts:
        hosts.small_disk("b", "40k")
        bench.fill(hosts)
        text = bench.end(hosts, 3, [2, 2])
        check(re.search(r"host b: cannot \w+ (model|run)/\S+: No space left on device; free some space", text), "host b and its path aren't named", text)
        check(text.count("candor: ") == 1, "expected one message", text)
        hosts.grow_disk("b", "64m")
        bench.compare(hosts, bench.end(hosts, 0, [2, 2]))


def stopped_pid(hosts, limit_s=60):
    """The rank that a fault has stopped."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until and hosts.job.front.poll() is None:
        for pid in hosts.processes():
            try:
                if "\nState:\tT" in pathlib.Path(f"/proc/{pid}/status").read_text():
                    return pid
            except OSError:
                pass
        time.sleep(0.01)
    raise Failed(f"no rank was stopped\n{(hosts.root / 'out').read_text(errors='replace')}")


def a_cut_link_ends_the_job_and_the_next_goes_on(bench):
    """Cut while files are sent, and while the training runs."""
    # 137: mpirun waits for the daemon that it can't reach, and is ended.
    for place in ("call=open,path=questions.jsonl,nth=2", "call=rename,path=step_000004.tmp run/checkpoints/step_000004,when=after"):
        with HostsWithDisks("ab") as hosts:
            bench.fill(hosts)
            bench.start(hosts, [2, 2], "run", "--set", "run.timeout_s=5", fault=f"rank=0,{place},do=SIGSTOP")
            pid = stopped_pid(hosts)
            hosts.cut("b")
            subprocess.run(["kill", "-CONT", str(pid)], check=True)
            text = bench.ended(hosts, (4, 137))
            check(re.search(r"not complete after|not all ranks arrived|no sign of life|lost|[Nn]etwork|unreachable|timed out", text),
                  "the cause isn't named", text)
            hosts.cut("b", False)
            bench.compare(hosts, bench.end(hosts, 0, [2, 2]))


def lost_ranks_are_survived_where_the_files_are(bench):
    """Under ULFM: rank 0 lost with another rank on its host; a keeper lost while files are sent; all ranks of rank 0's host lost."""
    in_training = "rank=0,call=rename,path=step_000004.tmp run/checkpoints/step_000004,when=after,do=SIGKILL"
    for ranks, fault in (([2, 2], in_training), ([2, 2], "rank=2,call=open,path=model/,nth=3,do=SIGKILL")):
        with HostsWithDisks("ab") as hosts:
            bench.fill(hosts)
            text = bench.end(hosts, 0, ranks, fault=fault, survive=True)
            check(text.count("going on with 3 ranks") == 1, "expected one lost rank", text)
            bench.compare(hosts, text)
    with HostsWithDisks("ab") as hosts:
        bench.fill(hosts)
        text = bench.end(hosts, 4, [1, 1], fault=in_training, survive=True)
        check("the run's files lie on a, whose ranks are all lost, and b has a file system of its own" in text, "expected where the files are", text)
        bench.compare(hosts, bench.end(hosts, 0, [1, 1], survive=True))


def a_slow_link_only_takes_longer(bench):
    with HostsWithDisks("ab") as hosts:
        bench.fill(hosts)
        hosts.slow("b", 2)
        text = bench.end(hosts, 0, [1, 1])
        bench.compare(hosts, text)


CASES = [from_nothing_but_the_config, stale_files_are_not_read, goes_on_after_a_kill, a_full_disk_is_named,
         a_cut_link_ends_the_job_and_the_next_goes_on, lost_ranks_are_survived_where_the_files_are, a_slow_link_only_takes_longer]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was made is taken away again
    if missing := what_is_missing(with_rate=True):
        sys.exit(missing)
    failures = 0
    try:
        begun = time.monotonic()
        bench = Bench(pathlib.Path(sys.argv[1]).resolve())
        print(f"on one host  {time.monotonic() - begun:.1f} s", flush=True)
        for case in CASES:
            if sys.argv[2:] and case.__name__ not in sys.argv[2:]:
                continue
            begun = time.monotonic()
            try:
                case(bench)
                print(f"ok      {case.__name__}  {time.monotonic() - begun:.1f} s", flush=True)
            except Failed as failure:
                failures += 1
                where = traceback.extract_tb(failure.__traceback__)[1].lineno
                print(f"FAILED  {case.__name__}, line {where}: {failure}", flush=True)
    except Failed as reason:
        print(f"FAILED: {reason}")
        return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
