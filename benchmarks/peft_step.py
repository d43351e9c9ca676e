#!/usr/bin/env python3
"""Seconds and peak memory of training steps with transformers + PEFT, on the shape that train_step_bench computes.

Usage: peft_step.py MODEL_DIR PREFIX SUFFIX EXAMPLES STEPS FIRST_LAYER MODULES fp32|bf16 [cpu|cuda]
LoRA r 8 without dropout on MODULES of the layers from FIRST_LAYER on, tokenized Brier over ten tokens, AdamW. One batch a step; only the last position goes
through the head (logits_to_keep=1); no activation checkpointing. Threads: OMP_NUM_THREADS. Prints one line of JSON; the first step is left out.
"""
import json
import os
import resource
import sys
import time

import peft
import torch
import transformers

model_dir, prefix, suffix, examples, steps, first_layer = sys.argv[1], *map(int, sys.argv[2:7])
modules, dtype = sys.argv[7].split(","), {"fp32": torch.float32, "bf16": torch.bfloat16}[sys.argv[8]]
device = sys.argv[9] if len(sys.argv) > 9 else "cpu"
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
torch.manual_seed(0)
model = transformers.AutoModelForCausalLM.from_pretrained(model_dir, dtype=dtype).to(device)
layers = list(range(first_layer, model.config.num_hidden_layers))
model = peft.get_peft_model(model, peft.LoraConfig(r=8, lora_alpha=32, lora_dropout=0.0, target_modules=modules, layers_to_transform=layers,
                                                   layers_pattern="layers", task_type="CAUSAL_LM"))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)
common = torch.randint(0, model.config.vocab_size, (prefix,), device=device)
ids = torch.stack([torch.cat([common, torch.randint(0, model.config.vocab_size, (suffix,), device=device)]) for _ in range(examples)])
targets, values = (torch.arange(examples, device=device) % 2).float(), torch.arange(10, device=device) / 9
seconds = []
for _ in range(steps):
    start = time.perf_counter()
    logits = model(input_ids=ids, logits_to_keep=1, use_cache=False).logits[:, -1, :10].float()
    loss = (logits.softmax(-1) * (targets[:, None] - values) ** 2).sum() / examples
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    loss.item()  # a GPU's step is over then
    seconds.append(time.perf_counter() - start)
peak_bytes = torch.cuda.max_memory_allocated() if device == "cuda" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": sorted(seconds[1:]), "peak_bytes": peak_bytes,
                  "transformers": transformers.__version__, "peft": peft.__version__, "torch": torch.__version__}))
