"""A small whole run gives the bytes that it gave when golden.json was recorded.

usage: same_results.py CANDOR FOLDER [--record]

golden.json holds the SHA-256 of each result, and the kind of processor that made it. Where this
machine is of the same kind, every byte has to agree. On another kind products round differently:
there the answers and the tokens have to agree, and the adapters have to be as near as rounding
allows. --record writes golden.json anew (after a change of results that is meant, with the reason
in the commit).
"""
import argparse
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "faults"))
import tiny_folder  # noqa: E402

ADAPTERS = ["adapter", "compare/tokenized_brier/adapter", "compare/alora/adapter"]
WEIGHTS = [f"{folder}/adapter_model.safetensors" for folder in ADAPTERS]
EVERYWHERE = ["answers.jsonl", "graded.jsonl", "tokens.h5", *(f"{folder}/adapter_config.json" for folder in ADAPTERS)]
HERE_ONLY = WEIGHTS + ["scored_before.jsonl", "scored_after.jsonl", "report.json", "report.html", "checkpoints/step_000010/optimizer.safetensors"]
NEAR = 1e-4  # of weights; those of this run are about 0.1


def candor(program, folder, *arguments):
    result = subprocess.run([program, *arguments], cwd=folder, env=dict(os.environ, OMP_NUM_THREADS="1"), capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"candor {' '.join(arguments)} ended with {result.returncode}:\n{result.stderr}")
    return result.stdout


def run(program, folder):
    shutil.rmtree(folder, ignore_errors=True)
    tiny_folder.make(folder, has_heartbeat=True, device="cpu")
    config = (folder / "line.yaml").read_text().replace("probe: false, baselines: false", "probe: true, baselines: true")
    config = config.replace("timeout_s: 5", "timeout_s: 60") + "compare_objectives: [tokenized_brier]\ncompare_alora: true\n"
    (folder / "line.yaml").write_text(config)
    candor(program, folder, "answer", "line.yaml")
    answers = [json.loads(line)["response"] for line in (folder / "run/answers.jsonl").read_text().splitlines()]
    tiny_folder.write_questions(folder, answers)
    shutil.rmtree(folder / "run")
    candor(program, folder, "run", "line.yaml")


def numbers(safetensors):
    length = struct.unpack("<Q", safetensors[:8])[0]
    data = safetensors[8 + length:]
    return struct.unpack(f"<{len(data) // 4}f", data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("candor")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    program = str(pathlib.Path(options.candor).resolve())
    run(program, options.folder)
    made = {name: (options.folder / "run" / name).read_bytes() for name in EVERYWHERE + HERE_ONLY}
    kind = re.search(r"\[(.+?)\]", candor(program, options.folder, "doctor")).group(1)
    golden_path = HERE / "golden.json"
    if options.record:
        golden = {"processor": kind, "sha256": {name: hashlib.sha256(made[name]).hexdigest() for name in made},
                  "weights": {name: base64.b64encode(made[name]).decode() for name in WEIGHTS}}
        golden_path.write_text(json.dumps(golden, indent=1) + "\n")
        return
    golden = json.loads(golden_path.read_text())
    same_kind = kind == golden["processor"]
    wrong = [name for name in (made if same_kind else EVERYWHERE) if hashlib.sha256(made[name]).hexdigest() != golden["sha256"][name]]
    for name in WEIGHTS:
        now, before = numbers(made[name]), numbers(base64.b64decode(golden["weights"][name]))
        if len(now) != len(before) or max(abs(a - b) for a, b in zip(now, before)) > NEAR:
            wrong.append(f"{name} (its numbers)")
    if wrong:
        sys.exit(f"on {kind}, other results than those of {golden['processor']} in golden.json: {', '.join(wrong)}")
    print(f"{len(made) if same_kind else len(EVERYWHERE)} files have the same bytes, {len(WEIGHTS)} adapters the same numbers ({kind})")


if __name__ == "__main__":
    main()
