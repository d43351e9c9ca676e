#!/usr/bin/env python3
"""A model of one training step on many ranks: compute, the gradients' all-reduce by ring and by tree, and idle ranks. No measurement of such machines.

Usage: scaling_model.py [--ranks 8,64,512] [--micro-batches N] [--micro-batch-seconds S] [--adapter-parameters P] [--bandwidth B] [--latency L]
The defaults are Llama-3.1-8B with LoRA r 8 on q and v, and assumptions about a cluster; put in what `candor doctor --plan` and your network give.
A step has --micro-batches micro-batches (by default one a rank), which ranks take whole; candor sends 8 bytes a parameter (the reproducible sum) and one
exponent per tensor. Ring: 2 (N-1)/N of the bytes at the bandwidth, 2 (N-1) latencies. Tree: twice the bytes at the bandwidth, 2 log2 N latencies.
"""
import argparse
import math

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--ranks", default="8,64,512")
parser.add_argument("--micro-batches", type=int, default=0, help="of a step; 0: one a rank")
parser.add_argument("--micro-batch-seconds", type=float, default=0.25, help="forward and backward of one micro-batch on one rank (assumed)")
parser.add_argument("--adapter-parameters", type=float, default=3.4e6)
parser.add_argument("--bandwidth", type=float, default=25e9, help="bytes/s that one rank sends (assumed: a 200 Gbit/s link)")
parser.add_argument("--latency", type=float, default=10e-6, help="seconds a message (assumed)")
options = parser.parse_args()

sent = 8 * options.adapter_parameters
print("| ranks | micro-batches | compute s | ring s | tree s | efficiency |")
print("|---|---|---|---|---|---|")
for ranks in map(int, options.ranks.split(",")):
    micro_batches = options.micro_batches or ranks
    compute = math.ceil(micro_batches / ranks) * options.micro_batch_seconds
    ring = 2 * (ranks - 1) / ranks * sent / options.bandwidth + 2 * (ranks - 1) * options.latency
    tree = 2 * sent / options.bandwidth + 2 * math.ceil(math.log2(ranks)) * options.latency
    ideal = micro_batches / ranks * options.micro_batch_seconds
    print(f"| {ranks} | {micro_batches} | {compute:.3f} | {ring:.4f} | {tree:.4f} | {100 * ideal / (compute + min(ring, tree)):.0f} % |")
