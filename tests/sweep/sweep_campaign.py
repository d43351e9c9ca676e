#!/usr/bin/env python3
"""Breaks sweeps of a tiny model: kills the controller at random moments, lets trainings crash, hang and run out of memory. The winner must stay the same.

Usage: sweep_campaign.py [--build build/cpu] [--trials 9] [--kills 3] [--bad-trials 30] [--seed 1]
Three sweeps of the same points: undisturbed; with the controller killed so many times and given again; with so many percent of the points going wrong at
their first try (with --in-process: with so many ranks of the pool killed or stopped, at random moments). For the last two: every rung that was reached stands in the journal once, every training's metrics have each step once, and values and
winner are those of the first. Ends with one line.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "faults"))
import tiny_folder  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--build", default=str(here.parent.parent / "build" / "cpu"))
parser.add_argument("--trials", type=int, default=9)
parser.add_argument("--kills", type=int, default=3)
parser.add_argument("--bad-trials", type=int, default=30, help="percent")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--slots", type=int, default=2)
parser.add_argument("--method", default="random", choices=["random", "grid"])
parser.add_argument("--check-hparams", action="store_true", help="read the hyperparameters back with the package tensorboard")
parser.add_argument("--in-process", action="store_true", help="the second and third sweep on ranks that stay")
parser.add_argument("--rank-kills", type=int, default=3, help="of the third, with --in-process")
parser.add_argument("--halving", default="synchronous", choices=["synchronous", "none"])
options = parser.parse_args()
numbers = random.Random(options.seed)
candor = str(pathlib.Path(options.build).resolve() / "candor")
environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
folder = pathlib.Path(tempfile.mkdtemp(prefix="candor_sweeps_", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
tiny_folder.make(folder, True, "cpu")


def write_sweep(name):
    space = ("train.learning_rate: {log_uniform: [1e-4, 3e-2], grid: 6}\n  lora.rank: {choice: [2, 4]}\n"
             "  lora.alpha: {choice: [8, 16, 32]}\n")
    retries = options.rank_kills if options.in_process else 2
    halving = "halving: synchronous, first_rung_steps: 4, factor: 3" if options.halving == "synchronous" else "halving: none"
    (folder / f"{name}.yaml").write_text(
        f"sweep: {{dir: {name}, base: line.yaml, method: {options.method}, trials: {options.trials}, {halving}, stall_s: 12, retries: {retries},\n"
        f"  set: {{train.max_steps: 12, evaluate.bootstrap_samples: 10}}}}\nspace:\n  {space}")


def start(name, *extra):
    if options.in_process and name != "undisturbed":
        extra = ("--in-process", *extra)
    return subprocess.Popen([candor, "sweep", f"{name}.yaml", "--slots", str(options.slots), "--no-evaluation", *extra], cwd=folder, env=environment,
                            stdout=open(folder / f"{name}.out", "a"), stderr=subprocess.STDOUT)


def finish(name, *extra):
    code = start(name, *extra).wait()
    if code != 0:
        raise SystemExit(f"the sweep {name} ended with {code}:\n{(folder / f'{name}.out').read_text()[-3000:]}")


def outcome(name):
    events = [json.loads(line) for line in (folder / name / "journal.jsonl").read_text().splitlines()]
    reached = collections.defaultdict(list)
    for event in events:
        if event["event"] == "end" and "figures" in event:
            reached[event["point"], event["repeat"], event["rung"]].append(event["figures"]["expectation_brier"])
    promotions = sorted((event["point"], event["rung"]) for event in events if event["event"] == "promote")
    return {"values": {key: values[0] for key, values in reached.items()}, "promotions": promotions,
            "best": [event["best"] for event in events if event["event"] == "done"][-1]}, reached, events


def problems_of(name, reference):
    found, reached, _ = outcome(name)
    problems = [f"{name}: rung {key} stands in the journal {len(values)} times" for key, values in reached.items() if len(values) != 1]
    for part in ("values", "promotions", "best"):
        if found[part] != reference[part]:
            problems.append(f"{name}: other {part}: {found[part]} instead of {reference[part]}")
    for metrics in sorted((folder / name / "trials").glob("*/metrics.jsonl")):
        steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
        if steps != list(range(1, len(steps) + 1)):
            problems.append(f"{metrics.relative_to(folder)}: steps {steps}")
    for file in ("best.yaml", "sweep.html", "trials.csv"):
        if not (folder / name / file).exists():
            problems.append(f"{name}: no {file}")
    return problems


def hyperparameter_problems(name):
    from tensorboard.backend.event_processing import event_file_loader
    from tensorboard.plugins.hparams import metadata
    found = {}
    for file in (folder / name / "trials").glob("*/tensorboard_hparams/events*"):
        for event in event_file_loader.EventFileLoader(str(file)).Load():
            for value in event.summary.value if event.HasField("summary") else ():
                if value.tag == metadata.SESSION_START_INFO_TAG:
                    start = metadata.parse_session_start_info_plugin_data(value.metadata.plugin_data.content)
                    found[int(file.parent.parent.name)] = {key: number.number_value for key, number in start.hparams.items()}
    expected = {event["point"]: {key: float(text) for key, text in event["values"].items()} for event in outcome(name)[2] if event["event"] == "point"}
    return [] if found == expected else [f"{name}: TensorBoard reads {found} instead of {expected}"]


def pool_ranks():
    ranks = []
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                arguments = (process / "cmdline").read_bytes().split(b"\0")
                if arguments[:2] == [candor.encode(), b"pool"] and f"CANDOR_SWEEP_JOB={folder}".encode() in (process / "environ").read_bytes() \
                        and (process / "comm").read_text() == "candor\n":
                    ranks.append(int(process.name))
            except OSError:
                pass
    return ranks


def disturb_ranks(name):
    """Kills or stops a rank now and then, until the sweep is done; how often."""
    sweep, done = start(name), 0
    while sweep.poll() is None:
        try:
            sweep.wait(numbers.uniform(0.5, max(1, usual_s / (options.rank_kills + 1))))
        except subprocess.TimeoutExpired:
            ranks = pool_ranks()
            if done < options.rank_kills and ranks:
                os.kill(numbers.choice(ranks), numbers.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP]))
                done += 1
    if sweep.returncode != 0:
        raise SystemExit(f"the sweep {name} ended with {sweep.returncode}:\n{(folder / f'{name}.out').read_text()[-3000:]}")
    return done


problems, kills, failures = [], 0, 0
began = time.monotonic()
try:
    for name in ("undisturbed", "killed", "bad"):
        write_sweep(name)
    finish("undisturbed")
    usual_s = time.monotonic() - began
    reference = outcome("undisturbed")[0]
    if options.check_hparams:
        problems += hyperparameter_problems("undisturbed")
    while kills < options.kills:
        sweep = start("killed")
        # Nearer to the beginning of what is left than to its end: else one kill would often be too late.
        try:
            sweep.wait(numbers.uniform(0.1, max(0.5, 1.5 * usual_s / (options.kills + 1))))
            shutil.rmtree(folder / "killed")  # done before it was killed: begin another
        except subprocess.TimeoutExpired:
            sweep.send_signal(numbers.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            sweep.wait()
            kills += 1
        print(f"{kills} of {options.kills} kills", end="\r", file=sys.stderr, flush=True)
    finish("killed")
    problems += problems_of("killed", reference)
    if options.in_process:
        failures = disturb_ranks("bad")
        problems += problems_of("bad", reference)
        charged = sum(event.get("failure", False) for event in outcome("bad")[2])
        if charged > failures:
            problems.append(f"bad: {charged} trainings were charged for {failures} lost ranks")
    elif options.bad_trials > 0:
        (folder / "tried").mkdir()
        environment |= {"CANDOR_BAD_TRIALS": str(options.bad_trials), "CANDOR_BAD_FOLDER": str(folder / "tried")}
        finish("bad", "--mpirun", str(here / "bad_mpirun.sh"))
        problems += problems_of("bad", reference)
        failures = sum(event.get("failure", False) for event in outcome("bad")[2])
    if failures == 0 and (options.in_process or options.bad_trials > 0):
        problems.append("nothing went wrong, so nothing was tried")
finally:
    shutil.rmtree(folder, ignore_errors=True)
for problem in problems:
    print(problem)
print(f"{options.trials} points, {kills} kills of the sweep, {failures} {'lost ranks' if options.in_process else 'failures of trainings'} in {time.monotonic() - began:.0f} s: {len(problems)} problems")
sys.exit(1 if problems else 0)
