#!/usr/bin/env python3
"""Training speed of candor and of transformers + PEFT on the same examples, side by side in one run.

Usage: .deps/python/bin/python benchmarks/train_beside_peft.py CONFIG.yaml RUN_DIR [--steps 6]
RUN_DIR is a finished run of CONFIG.yaml (for its tokens.h5). Both train the same LoRA in fp32 on two cores with the same global batch: candor as two ranks
of one thread, PEFT as one process of two threads with padded batches of the config's micro-batch size (hidden states of the last position only go through the head,
as a careful user would write it). Prints JSON: median seconds a step, examples/s, and the ratio.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy
import peft
import torch
import transformers
import yaml

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("config")
parser.add_argument("run_dir")
parser.add_argument("--steps", type=int, default=6)
options = parser.parse_args()
root = pathlib.Path(__file__).resolve().parent.parent
run_dir = pathlib.Path(options.run_dir)
config = yaml.safe_load((run_dir / "config.yaml").read_text())
batch, micro = config["train"]["global_batch_examples"], config["train"]["micro_batch_examples"]

# Candor.
with tempfile.TemporaryDirectory() as scratch:
    shutil.copy(run_dir / "tokens.h5", scratch)
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    subprocess.run(["mpirun", "-np", "2", "--bind-to", "none", str(root / "build/cpu/candor"), "train", options.config, "--set", f"run.dir={scratch}",
                    "--set", "run.threads_per_rank=1", "--set", f"model.path={config['model']['path']}", "--set", f"train.max_steps={options.steps}",
                    "--set", "train.warmup_steps=0", "--set", "train.validation_examples=16"], check=True, env=environment, stderr=subprocess.DEVNULL)
    lines = [json.loads(line) for line in open(f"{scratch}/metrics.jsonl")]
candor_seconds = [batch / line["examples_per_s"] for line in lines[1:]]

# transformers + PEFT on whole sequences, padded on the left so that the last position is the scored one.
torch.set_num_threads(2)
with h5py.File(run_dir / "tokens.h5") as file:
    prefix, tokens, offsets = file["prefix_tokens"][:], file["tokens"][:], file["offsets"][:]
    targets, levels = torch.tensor(file["target"][:]), torch.tensor(file["level_ids"][:].astype(numpy.int64))
lora = config["lora"]
layers = None if lora["layers"] == "all" else list(range(*[int(x) + i for i, x in enumerate(str(lora["layers"]).split("-"))]))
model = transformers.AutoModelForCausalLM.from_pretrained(config["model"]["path"], dtype=torch.float32)
model = peft.get_peft_model(model, peft.LoraConfig(r=lora["rank"], lora_alpha=lora["alpha"], lora_dropout=lora["dropout"], target_modules=lora["modules"],
                                                   layers_to_transform=layers, layers_pattern="layers" if layers else None, task_type="CAUSAL_LM"))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)
values = torch.arange(len(levels)) / (len(levels) - 1)
peft_seconds = []
for step in range(options.steps):
    start = time.perf_counter()
    for begin in range(step * batch, (step + 1) * batch, micro):
        sequences = [torch.tensor(numpy.concatenate([prefix, tokens[offsets[i]:offsets[i + 1]]]).astype(numpy.int64)) for i in range(begin, begin + micro)]
        ids = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_side="left")
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(s)) for s in sequences], batch_first=True, padding_side="left")
        logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
        q = logits[:, levels].softmax(-1)
        loss = (q * (targets[begin:begin + micro, None] - values) ** 2).sum() / batch
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    peft_seconds.append(time.perf_counter() - start)
peft_seconds = peft_seconds[1:]

processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
commit = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
candor_median, peft_median = statistics.median(candor_seconds), statistics.median(peft_seconds)
print(json.dumps({"processor": processor, "cores": os.cpu_count(), "commit": commit, "command": " ".join(sys.argv), "examples_per_step": batch,
                  "candor_s_per_step": round(candor_median, 3), "candor_min_max": [round(min(candor_seconds), 3), round(max(candor_seconds), 3)],
                  "peft_s_per_step": round(peft_median, 3), "peft_min_max": [round(min(peft_seconds), 3), round(max(peft_seconds), 3)],
                  "candor_examples_per_s": round(batch / candor_median, 2), "peft_examples_per_s": round(batch / peft_median, 2),
                  "ratio": round(peft_median / candor_median, 2)}, indent=2))
