#!/usr/bin/env bash
# What a machine with NVIDIA GPUs should run once: builds the cuda preset, runs the tests that need a GPU, then trains a few steps of the embedded model on the
# CPU and on the GPUs and compares, and breaks a few jobs on them. Needs the driver and a CUDA 13 toolkit with NCCL. Where there is one GPU, two ranks share it.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: launch/gpu_check.sh [--steps N]
  --steps N   training steps that are compared (default 10)
  -h, --help
It ends with "gpu check passed" or says what differs. Its runs are in runs/gpu_check/.
TEXT
}

steps=10
while [ $# -gt 0 ]; do
  case "$1" in
    --steps)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "--steps: expected a number from 1, got \"${2:-}\"" >&2; exit 2; }
      steps=$2
      shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

gpus=$(nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU' || true)
if [ "$gpus" = 0 ]; then echo "gpu_check: nvidia-smi lists no GPU on this machine" >&2; exit 1; fi

launch/setup/install.sh --tests
launch/setup/build.sh cuda
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
ctest --test-dir build/cuda --output-on-failure --no-tests=error -L '^gpu$'

# train NAME RANKS DEVICE: a short run of its own; every run has the same questions and batches.
train() {
  mpirun -np "$2" --oversubscribe --bind-to none build/cuda/candor run configs/quickstart.yaml --set "run.dir=runs/gpu_check/$1" --set "model.device=$3" \
    --set run.threads_per_rank=1 --set "train.max_steps=$steps" --set train.warmup_steps=0 --set train.micro_batch_examples=4 \
    --set data.max_train=160 --set data.max_validation=40 --set data.max_test=40 --set evaluate.probe=false
}
rm -rf runs/gpu_check
train cpu 2 cpu
export CANDOR_SHARE_GPUS=1
train gpu1 1 cuda
train gpu2 2 cuda

.deps/python/bin/python - <<'PYTHON'
import json, pathlib, sys
runs = pathlib.Path("runs/gpu_check")
losses = {run.name: [json.loads(line)["loss"] for line in open(run / "metrics.jsonl")] for run in sorted(runs.iterdir())}
problems = []
# The answers are made on each device, so a rare argmax may differ and with it an example; the first loss shows that the models agree.
for name, curve in losses.items():
    print(name, " ".join(f"{loss:.4f}" for loss in curve))
    if abs(curve[0] - losses["cpu"][0]) > 0.02:
        problems.append(f"{name}: the first step's loss is {curve[0]}, on the CPU {losses['cpu'][0]}")
one, two = ((runs / name / "adapter/adapter_model.safetensors").read_bytes() for name in ("gpu1", "gpu2"))
print("adapters of one and two ranks:", "the same bytes" if one == two else "different")
if one != two:
    problems.append("one and two ranks gave different adapters")
sys.exit("\n".join(problems) or 0)
PYTHON
launch/setup/build.sh cuda candor_fault_points candor_fault_recovery
tests/faults/run.sh --device cuda --build build/cuda --faults 10 --only kill --ways plain,survive --jobs 1
echo "gpu check passed"
