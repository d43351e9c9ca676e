#!/usr/bin/env python3
"""What halving finds, and what it costs, beside training every point of a grid to the end: three sweeps of the same 36 points on the embedded model.

Usage: benchmarks/halving_beside_grid.py [--slots 2] [--folder runs/halving_beside_grid] [--output benchmarks/results/halving.json]
Prints a table; costs are in steps trained, so a busy machine makes it only slower. Given again it goes on where it was.
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--slots", default="2")
parser.add_argument("--folder", default="runs/halving_beside_grid")
parser.add_argument("--output", default="")
options = parser.parse_args()
STEPS, FIRST, FACTOR = 36, 4, 3
folder = pathlib.Path(options.folder)
folder.mkdir(parents=True, exist_ok=True)

SPACE = """
space:
  train.learning_rate: {log_uniform: [2.0e-4, 6.0e-3], grid: 6}
  lora.rank: {choice: [4, 8, 16]}
  lora.modules: {choice: [[q_proj, v_proj], [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]]}
"""


def run(name, halving):
    steps = "" if halving == "none" else f"  first_rung_steps: {FIRST}\n  factor: {FACTOR}\n"
    file = folder / f"{name}.yaml"
    file.write_text(f"sweep:\n  dir: {folder / name}\n  base: {root / 'configs/quickstart.yaml'}\n  method: grid\n  halving: {halving}\n{steps}"
                    "  set: {data.max_train: 240, data.max_validation: 120, data.max_test: 60, train.warmup_steps: 4, train.validation_examples: 0,\n"
                    f"        train.max_steps: {STEPS}, train.validate_every: {FIRST}, evaluate.probe: false}}\n{SPACE}")
    subprocess.run([root / "build/cpu/candor", "sweep", file, "--slots", options.slots, "--no-evaluation"], check=True, stdout=sys.stderr)
    events = [json.loads(line) for line in (folder / name / "journal.jsonl").read_text().splitlines()]
    reached = {}
    for event in events:
        if event["event"] == "end" and "figures" in event:
            reached[event["point"]] = event["figures"]
    best = [event["best"] for event in events if event["event"] == "done"][-1]
    points = {event["point"]: event["values"] for event in events if event["event"] == "point"}
    return {"steps": sum(int(figures["step"]) for figures in reached.values()), "best_value": reached[best]["expectation_brier"], "best": points[best],
            "values": {point: figures["expectation_brier"] for point, figures in reached.items()}, "points": len(points)}


grid = run("grid", "none")
rows = [("every point to the end", grid), ("asynchronous halving (ASHA)", run("asha", "asynchronous")), ("synchronous halving", run("synchronous", "synchronous"))]
print(f"| {grid['points']} points, {STEPS} steps | steps trained | share | best validation Brier | behind the grid's best | its place in the grid |")
print("|---|---|---|---|---|---|")
order = sorted(grid["values"].values())
for name, found in rows:
    place = sum(value < found["best_value"] for value in order) + 1
    found |= {"share": found["steps"] / grid["steps"], "behind": found["best_value"] / grid["best_value"] - 1, "place": place}
    print(f"| {name} | {found['steps']} | {100 * found['share']:.0f} % | {found['best_value']:.4f} | {100 * found['behind']:.2f} % | {place} |")
if options.output:
    commit = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    pathlib.Path(options.output).write_text(json.dumps({"date": datetime.date.today().isoformat(), "commit": commit, "rows": dict(rows)}, indent=1) + "\n")
