#!/usr/bin/env python3
"""Training steps of candor and of transformers + PEFT on the same shapes, side by side in one run.

Usage: .deps/python/bin/python benchmarks/compare_peft.py MODEL_DIR [--shapes 250+56,30+26,220+85] [--steps 6] [--rounds 2] [--examples 16]
       [--dtypes fp32,bf16] [--device cpu|cuda] [--output latest.json]
A shape is prefix + suffix tokens; a step has so many examples. Both train LoRA r 8 on q_proj and v_proj of all layers by tokenized Brier, without dropout and
without activation checkpointing, on all cores: PEFT in one process (logits_to_keep=1), candor as one rank of all threads and as one rank a core,
whichever is faster; with --device cuda both on one GPU. fp32 and bf16 of each side take turns, --rounds times; the figure of a side is the median
step of its faster dtype.
Also: candor with the layers below 20 (or the upper third of the model) frozen and computed once. Prints a table and writes JSON.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("model_dir")
parser.add_argument("--shapes", default="250+56,30+26,220+85")
parser.add_argument("--steps", type=int, default=6)
parser.add_argument("--rounds", type=int, default=2)
parser.add_argument("--examples", type=int, default=16)
parser.add_argument("--dtypes", default="fp32,bf16")
parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
parser.add_argument("--output", default="")
options = parser.parse_args()
layers = json.loads((pathlib.Path(options.model_dir) / "config.json").read_text())["num_hidden_layers"]
dtypes = options.dtypes.split(",")
cores = len(os.sched_getaffinity(0))


def last_json(command, threads):
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMPI_ALLOW_RUN_AS_ROOT": "1",
                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    if "train_step_bench" in " ".join(map(str, command)):  # as candor sets them for itself
        environment |= {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "5000"}
    result = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise SystemExit(f"{command} ended with {result.returncode}:\n{result.stderr[-2000:]}")
    return json.loads([line for line in result.stdout.splitlines() if line.startswith("{")][-1])


def candor(shape, dtype, ranks, first_layer=0, threads=0):
    launcher = ["mpirun", "-np", ranks, "--bind-to", "none"] if ranks > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        return last_json([*launcher, root / "build" / options.device / "benchmarks/train_step_bench", options.model_dir, *shape, options.examples,
                          options.examples // ranks, options.steps, first_layer, "q_proj,v_proj", dtype, folder, options.device],
                         threads or cores // ranks)


def peft(shape, dtype):
    return last_json([sys.executable, root / "benchmarks/peft_step.py", options.model_dir, *shape, options.examples, max(3, options.steps // 2), 0,
                      "q_proj,v_proj", dtype, options.device], cores)


def tell(name, run):
    print(f"  {name}: {median(run):.2f} s a step", file=sys.stderr, flush=True)
    return run


def merged(runs):
    return {**runs[-1], "seconds": sorted(second for run in runs for second in run["seconds"])}


def median(run):
    return statistics.median(run["seconds"])


def compare(text):
    shape = text.split("+")
    layouts = {"on one GPU": 1} if options.device == "cuda" else {f"{ranks} x {cores // ranks} threads": ranks for ranks in sorted({1, cores})}
    runs = {}
    for _ in range(options.rounds):
        for dtype in dtypes:
            for name, ranks in layouts.items():
                runs.setdefault(f"candor {dtype} {name}", []).append(tell(f"{text} candor {dtype} {name}", candor(shape, dtype, ranks)))
            runs.setdefault(f"peft {dtype}", []).append(tell(f"{text} PEFT {dtype}", peft(shape, dtype)))
            frozen = candor(shape, dtype, 1, first_layer=2 * layers // 3)
            runs.setdefault(f"candor frozen {dtype}", []).append(tell(f"{text} candor {dtype}, upper third", frozen))
    runs = {name: merged(of_one) for name, of_one in runs.items()}

    def best(prefix):
        return min((name for name in runs if name.startswith(prefix)), key=lambda name: median(runs[name]))

    def share(name):
        run = runs[name]
        return run["flops"] / median(run) / run["gemm_peak_bf16" if "bf16" in name else "gemm_peak_fp32"]

    ours = min((best(f"candor {dtype}") for dtype in dtypes), key=lambda name: median(runs[name]))
    theirs, frozen = best("peft"), best("candor frozen")
    return {
        "shape": text, "examples": options.examples, "candor": ours, "peft": theirs,
        "candor_examples_per_s": round(options.examples / median(runs[ours]), 2), "peft_examples_per_s": round(options.examples / median(runs[theirs]), 2),
        "train_examples_per_s_ratio_vs_peft": round(median(runs[theirs]) / median(runs[ours]), 2),
        **{f"ratio_{dtype}": round(median(runs[f"peft {dtype}"]) / median(runs[best(f"candor {dtype}")]), 2) for dtype in dtypes},
        "ratio_with_frozen_layers": round(median(runs[theirs]) / median(runs[frozen]), 2),
        "train_fraction_of_gemm_peak": round(share(ours), 3), **{f"fraction_of_gemm_peak_{dtype}": round(share(best(f"candor {dtype}")), 3) for dtype in dtypes},
        "peak_memory_ratio_vs_peft": round(runs[ours]["peak_bytes"] / runs[theirs]["peak_bytes"], 3), "dtype": ours.split()[1],
        "runs": runs}


def strong_scaling(text):
    """Seconds of the same step on more threads and ranks; ranks compute the prefix once each."""
    of_layout = {}
    for ranks, threads in [(1, 1), (1, cores), (cores, 1)]:
        run = candor(text.split("+"), "fp32", ranks, threads=threads)
        of_layout[f"{ranks} x {threads}"] = {"seconds": round(median(tell(f"{text} candor fp32 {ranks} x {threads} threads", run)), 3), "rows": run["rows"]}
    return of_layout


results = [compare(shape) for shape in options.shapes.split(",")]
scaling = strong_scaling(options.shapes.split(",")[0]) if options.device == "cpu" else {}
processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
flags = next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split()
commit = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
if options.device == "cuda":
    processor = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True).stdout.splitlines()[0]
head = {"processor": processor, "features": [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags], "cores": cores, "commit": commit,
        "date": datetime.date.today().isoformat(), "command": " ".join(["benchmarks/compare_peft.py", *sys.argv[1:]])}
of_dtypes = " | ".join(f"in {dtype}" for dtype in dtypes)
print(f"| shape, {options.examples} examples | candor | transformers + PEFT | times as fast | {of_dtypes} | upper third only | of the GEMM peak | memory |")
print("|---" * (7 + len(dtypes)) + "|")
for r in results:
    by_dtype = " | ".join(str(r[f"ratio_{dtype}"]) for dtype in dtypes)
    of_peak = ", ".join(f"{dtype} {100 * r[f'fraction_of_gemm_peak_{dtype}']:.0f} %" for dtype in dtypes)
    print(f"| {r['shape']} | {r['candor_examples_per_s']} examples/s ({r['candor'][7:]}) | {r['peft_examples_per_s']} ({r['peft'][5:]}) | "
          f"{r['train_examples_per_s_ratio_vs_peft']} | {by_dtype} | {r['ratio_with_frozen_layers']} | {of_peak} | {r['peak_memory_ratio_vs_peft']} |")
if scaling:
    print(f"\nStrong scaling at {options.shapes.split(',')[0]} in fp32, ranks x threads: " +
          ", ".join(f"{layout} {of_one['seconds']} s a step" for layout, of_one in scaling.items()) + ".")
if options.output:
    first = {key: value for key, value in results[0].items() if key != "runs"}
    pathlib.Path(options.output).write_text(json.dumps({**head, **first, "strong_scaling_fp32": scaling, "shapes": results}, indent=1) + "\n")
