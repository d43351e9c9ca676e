#!/usr/bin/env python3
"""How many short trainings of the embedded model a sweep does in an hour: with one slot and with more, each in an mpirun of its own and on ranks that stay.

Usage: benchmarks/sweep_throughput.py [--slots 2] [--points 12] [--steps 12] [--repeats 2] [--folder runs/sweep_throughput]
                                      [--output benchmarks/results/sweep_throughput.json]
Answers, tokens and frozen layers are made before and shared. Every rank has one thread, so that slots are what differs. Prints a table of the fastest of
the repeats; nothing else should use the cores meanwhile. "memory": the largest sum of what all processes hold, pages that they share counted once.
"""
import argparse
import datetime
import json
import pathlib
import shutil
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parent.parent
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--slots", type=int, default=2)
parser.add_argument("--points", type=int, default=12)
parser.add_argument("--steps", type=int, default=12)
parser.add_argument("--repeats", type=int, default=2)
parser.add_argument("--build", default=str(root / "build/cpu"))
parser.add_argument("--folder", default="runs/sweep_throughput")
parser.add_argument("--output", default="")
options = parser.parse_args()
folder = pathlib.Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)


def write_sweep(name, points):
    file = folder / f"{name}.yaml"
    file.write_text(
        f"sweep:\n  dir: {folder / name}\n  base: {root / 'configs/quickstart.yaml'}\n  method: random\n  trials: {points}\n"
        "  set: {data.max_train: 240, data.max_validation: 120, data.max_test: 60, train.warmup_steps: 4, train.validation_examples: 0,\n"
        f"        run.threads_per_rank: 1, train.max_steps: {options.steps}, train.validate_every: {options.steps}, evaluate.probe: false}}\n"
        "space:\n  train.learning_rate: {log_uniform: [2.0e-4, 6.0e-3]}\n  lora.rank: {choice: [4, 8, 16]}\n")
    return file


def held_bytes(process_group_of_sweep):
    """Proportional set sizes of the sweep and all that it started, which its folder in their environment tells."""
    total = 0
    for process in pathlib.Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if int(process.name) != process_group_of_sweep and b"CANDOR_SWEEP_JOB=" not in (process / "environ").read_bytes():
                continue
            for line in (process / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total


def run(name, points, slots, *mode):
    command = [f"{options.build}/candor", "sweep", str(write_sweep(name, points)), "--slots", str(slots), "--no-evaluation", *mode]
    began, most = time.monotonic(), 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(folder / f"{name}.log", "w"))
    while process.poll() is None:
        most = max(most, held_bytes(process.pid))
        time.sleep(0.5)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: see {folder / name}.log")
    return {"seconds": time.monotonic() - began, "bytes": most}


if not (folder / "made_before" / "trunks").exists():
    shutil.rmtree(folder / "made_before", ignore_errors=True)
    run("made_before", 1, options.slots)


def measured(slots, *mode):
    best = None
    for _ in range(options.repeats):
        shutil.rmtree(folder / "measured", ignore_errors=True)
        (folder / "measured").mkdir()
        for shared in ("shared", "trunks"):
            shutil.copytree(folder / "made_before" / shared, folder / "measured" / shared, symlinks=True)
        found = run("measured", options.points, slots, *mode)
        print(f"{slots} slots {' '.join(mode)}: {found['seconds']:.1f} s", file=sys.stderr)
        best = found if best is None or found["seconds"] < best["seconds"] else best
    return best | {"slots": slots, "in_process": bool(mode), "trials_an_hour": 3600 * options.points / best["seconds"]}


rows = [measured(slots, *mode) for slots in (1, options.slots) for mode in ((), ("--in-process",))]
print(f"| {options.points} trainings of {options.steps} steps | slots | seconds | trainings an hour | times one slot | memory |")
print("|---|---|---|---|---|---|")
for row in rows:
    one = next(other for other in rows if other["slots"] == 1 and other["in_process"] == row["in_process"])
    row["times_one_slot"] = one["seconds"] / row["seconds"]
    print(f"| {'ranks that stay (`--in-process`)' if row['in_process'] else 'an mpirun each'} | {row['slots']} | {row['seconds']:.1f} | "
          f"{row['trials_an_hour']:.0f} | {row['times_one_slot']:.2f} | {row['bytes'] / 2**30:.2f} GiB |")
if options.output:
    commit = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    processor = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    pathlib.Path(options.output).write_text(
        json.dumps({"date": datetime.date.today().isoformat(), "commit": commit, "processor": processor, "command": " ".join(sys.argv), "rows": rows}, indent=1) + "\n")
