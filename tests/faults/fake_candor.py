#!/usr/bin/env python3
"""Plays candor to the campaign's self-check: ten steps with checkpoints and results, and a way to take a fault, $FAKE_CANDOR:

good (says what happened and goes on), hang, wrong (other bytes after a restart), lose (begins anew), vague (says nothing).
Like candor under the preloaded library it announces its rank and notes its steps; the fault of $CANDOR_FAULT it commits itself, in step 5.
"""
import hashlib
import json
import os
import pathlib
import signal
import sys
import time

STEPS, EVERY, FAULTY_STEP = 10, 2, 5


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def keys_of(fault):
    return dict(pair.partition("=")[::2] for pair in fault.split(",") if pair)


def claim(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def suffer(fault, manner):
    if manner == "hang":
        time.sleep(600)
    if fault["do"] == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    print("candor: something went wrong" if manner == "vague" else f"candor: cannot write {fault['path']}: No space left on device", flush=True)
    sys.exit(3)


def main():
    manner, rank, notes = os.environ["FAKE_CANDOR"], int(os.environ["OMPI_COMM_WORLD_RANK"]), pathlib.Path(os.environ["CANDOR_FAULT_NOTES"])
    put(notes / f"rank.{rank}.{os.getpid()}", "")
    if rank != 0:
        return
    run, fault = pathlib.Path("run"), keys_of(os.environ.get("CANDOR_FAULT", ""))
    checkpoints = sorted((run / "checkpoints").glob("step_*"))
    resumed = int(checkpoints[-1].name[5:]) if checkpoints else 0
    restarted = run.exists()
    for step in range(1 if manner == "lose" else resumed + 1, STEPS + 1):
        put(run / "metrics.jsonl", "")
        with open(notes / "trace", "a", encoding="utf-8") as trace:
            trace.write(f"{os.getpid()} step {step}\n")
        if step == FAULTY_STEP and fault and claim(fault["marker"]):
            suffer(fault, manner)
        if step % EVERY == 0:
            part, folder = f"weights of step {step}", run / "checkpoints" / f"step_{step:06}"
            put(folder / "adapter_model.safetensors", part)
            described = {"size": len(part), "sha256": hashlib.sha256(part.encode()).hexdigest()}
            put(folder / "state.json", json.dumps({"files": {"adapter_model.safetensors": described}}))
    for name in ("answers.jsonl", "graded.jsonl", "report.json", "adapter/adapter_config.json"):
        put(run / name, "{}\n")
    put(run / "adapter" / "adapter_model.safetensors", "other weights" if manner == "wrong" and restarted else "weights")


main()
