#!/usr/bin/env python3
"""A model of training, start-up, model load and sweeps on 8, 64 and 512 GPUs: prints the tables of docs/scaling.md. No measurement of such machines.

Usage: scaling_model.py [--ranks 8,64,512] [--fixed-seconds A] [--row-seconds B] [--adapter-parameters P] [--network-gbit R]
Without options it prints exactly what docs/scaling.md holds; a test compares. Where a parameter comes from stands beside it: measured (here), published
(by the maker), or assumed. Put in your own: seconds from two trainings of different micro-batches, the network from `candor doctor --bandwidth`.
"""
import argparse
import dataclasses
import math

PREFIX, SUFFIX = 250, 56  # tokens: shared by all examples, and of each one's own
# Measured on one H100, bf16, the shape of Llama 3.1 8B, LoRA on all layers: seconds a step by examples in its one micro-batch.
# 32: the median in results/h100-llama-3.1-8b.json; 8: the same program and commit, same machine.
MEASURED_STEPS = {8: 0.079, 32: 0.1931}
MEASURED_UPPER_THIRD_32 = 0.0976  # the same file, "candor frozen bf16": the lower two thirds frozen and computed once a data set
# Measured on two shared cores (docs/scaling.md): a rank alone, from mpirun's start to its end, and processor seconds a rank with 64 of them.
START_ALONE_S, START_CPU_S = 1.0, 0.77
# Assumed: ssh to one host, Open MPI's wiring a rank, CUDA context and NCCL's connections, hosts that one daemon starts at once.
SSH_S, WIRE_S, GPU_START_S, LAUNCH_RADIX = 0.5, 0.002, 5.0, 64
WEIGHTS_BYTES = 2 * 8.03e9  # Llama 3.1 8B in bf16
# Assumed, bytes a second: what one host reads from a shared file system, what that gives to all hosts together, and from pageable memory to a GPU.
HOST_READ, SHARED_READ, TO_GPU = 5e9, 20e9, 8e9
GPUS_A_HOST = 8
# Two small all-reduces a step (losses, the largest exponents), and three comparisons of calls over MPI: trainer/training/train_step.cc, comm/agreement.h.
SMALL_SUMS, COMPARISONS = 2, 3


@dataclasses.dataclass(frozen=True)
class Network:
    """Bytes a second of one host's all cards together, after the efficiency factor; seconds of a message."""
    name: str
    host_rate: float
    latency_s: float


NVLINK_RATE, NVLINK_LATENCY_S = 0.8 * 450e9, 5e-6  # published: 900 GB/s both ways of an H100 SXM; efficiency 0.8 and latency assumed
INFINIBAND = Network("NDR InfiniBand, a card a GPU", GPUS_A_HOST * 0.9 * 400e9 / 8, 5e-6)  # published: 400 Gbit/s a card; the rest assumed
ETHERNET = Network("100 GbE, a card a host", 0.8 * 100e9 / 8, 30e-6)  # published: 100 Gbit/s; the rest assumed


@dataclasses.dataclass(frozen=True)
class Step:
    """One micro-batch of a step: fixed_s + row_s x rows, a row being a token that is computed."""
    fixed_s: float
    row_s: float

    def seconds(self, examples):
        return self.fixed_s + self.row_s * rows(examples) if examples else 0.0


def rows(examples):
    """The prefix once, and each example's own tokens."""
    return PREFIX + SUFFIX * examples


def whole_step():
    (few, few_s), (many, many_s) = sorted(MEASURED_STEPS.items())
    row_s = (many_s - few_s) / (rows(many) - rows(few))
    return Step(few_s - row_s * rows(few), row_s)


def upper_third_step():
    """One point was measured: the fixed part is taken as a third of the whole step's, by layers."""
    fixed_s = whole_step().fixed_s / 3
    return Step(fixed_s, (MEASURED_UPPER_THIRD_32 - fixed_s) / rows(32))


def lora_parameters(layers, rank, shapes):
    """shapes: (inputs, outputs) of each adapted matrix of a layer; A is rank x inputs, B outputs x rank."""
    return layers * rank * sum(inputs + outputs for inputs, outputs in shapes)


def sum_seconds(payload_bytes, ranks, network):
    """An all-reduce: reduce-scatter and all-gather inside each host at NVLink's rate, a ring's bytes between hosts over all of a host's cards at once, and
    the latencies of a ring inside a host and of a tree between hosts (NCCL's double binary trees have a ring's bandwidth)."""
    inside = min(ranks, GPUS_A_HOST)
    hosts = math.ceil(ranks / GPUS_A_HOST)
    seconds = 2 * (inside - 1) / inside * payload_bytes / NVLINK_RATE + 2 * (inside - 1) * NVLINK_LATENCY_S
    if hosts > 1:
        seconds += 2 * (hosts - 1) / hosts * payload_bytes / network.host_rate + 2 * math.ceil(math.log2(hosts)) * network.latency_s
    return seconds


def exchange_seconds(parameters, ranks, network):
    """All that ranks tell each other in a step: 8 bytes a parameter, two small sums, and three comparisons of calls by all-gather."""
    if ranks == 1:
        return 0.0
    latency_s = network.latency_s if ranks > GPUS_A_HOST else NVLINK_LATENCY_S
    comparisons = COMPARISONS * math.ceil(math.log2(ranks)) * latency_s
    return sum_seconds(8 * parameters, ranks, network) + SMALL_SUMS * sum_seconds(8, ranks, network) + comparisons


def start_seconds(ranks, cores_a_host=96, with_gpu=True):
    """mpirun until all ranks are there: ssh in levels, the ranks of a host side by side on its cores, wiring by rank."""
    hosts = math.ceil(ranks / GPUS_A_HOST)
    levels = math.ceil(math.log(hosts, LAUNCH_RADIX)) if hosts > 1 else 0
    on_its_cores = max(START_ALONE_S, START_CPU_S * min(ranks, GPUS_A_HOST) / cores_a_host)
    return levels * SSH_S + on_its_cores + WIRE_S * ranks + (GPU_START_S if with_gpu else 0)


def load_seconds(hosts):
    """Rank 0 reads the weights for their identity, then every host reads them once (its ranks share the pages), and each GPU gets its copy."""
    return WEIGHTS_BYTES / HOST_READ + (0 if hosts == 1 else max(WEIGHTS_BYTES / HOST_READ, (hosts - 1) * WEIGHTS_BYTES / SHARED_READ)) + WEIGHTS_BYTES / TO_GPU


def share_of(examples, step):
    """Rows and seconds of one rank's part of a step, in micro-batches of at most 32."""
    pieces = math.ceil(examples / 32)
    each = math.ceil(examples / pieces)
    return pieces * rows(each), pieces * step.seconds(each)


def run_seconds(steps, global_examples, ranks, busy_hosts, step, parameters, network):
    """One training of a sweep on so many ranks, while busy_hosts hosts load the same model."""
    examples = math.ceil(global_examples / ranks)
    return start_seconds(ranks) + load_seconds(busy_hosts) + steps * (step.seconds(examples) + exchange_seconds(parameters, ranks, network))


def table(heading, lines):
    yield "| " + " | ".join(heading) + " |"
    yield "|" + "---|" * len(heading)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


LLAMA_QV = [(4096, 4096), (4096, 1024)]
SMOLLM2_ALL = [(576, 576), (576, 192), (576, 192), (576, 576), (576, 1536), (576, 1536), (1536, 576)]
CONFIGS = {  # layers, rank, adapted matrices
    "configs/paper/llama31.yaml": (32, 8, LLAMA_QV), "configs/paper/ministral.yaml": (36, 8, LLAMA_QV),
    "configs/paper/qwen25.yaml": (28, 8, [(3584, 3584), (3584, 512)]), "configs/smollm2.yaml, quickstart.yaml": (10, 8, SMOLLM2_ALL),
    "configs/smollm2_alora.yaml": (30, 8, SMOLLM2_ALL)}


def report(ranks_list, step, parameters, networks):
    upper = upper_third_step()
    yield "What the ranks send in a step, by config (arithmetic):\n"
    yield from table(["config", "adapter's parameters", "MB on the wire"],
                     [(name, f"{lora_parameters(*what):,}", f"{8 * lora_parameters(*what) / 1e6:.1f}") for name, what in CONFIGS.items()])
    yield f"\nOne rank's step by its examples (model: {step.fixed_s:.4f} s + {1e6 * step.row_s:.1f} us a row; * measured):\n"
    yield from table(["examples a rank", "rows", "rows an example", "step s", "examples/s", "upper third only, step s"],
                     [(str(e), str(rows(e)), f"{rows(e) / e:.0f}", f"{step.seconds(e):.3f}{'*' if e in MEASURED_STEPS else ''}", f"{e / step.seconds(e):.0f}",
                       f"{upper.seconds(e):.3f}{'*' if e == 32 else ''}") for e in (1, 2, 4, 8, 16, 32)])
    yield "\nThe batch grows with the ranks, 32 examples each (model):\n"
    yield from table(["GPUs", "global batch", "compute s", *(f"exchange ms, {n.name}" for n in networks), *(f"efficiency, {n.name}" for n in networks)],
                     [(str(r), str(32 * r), f"{step.seconds(32):.3f}", *(f"{1e3 * exchange_seconds(parameters, r, n):.2f}" for n in networks),
                       *(f"{100 * step.seconds(32) / (step.seconds(32) + exchange_seconds(parameters, r, n)):.1f} %" for n in networks)) for r in ranks_list])
    for batch in (16, 512):
        yield f"\nThe batch stays at {batch} examples, micro-batches as large as that allows\n(model; one GPU takes micro-batches of 32):\n"
        alone_rows, alone_s = share_of(batch, step)
        lines = []
        for r in ranks_list:
            busy = min(r, batch)
            its_rows, compute = share_of(math.ceil(batch / busy), step)
            total = compute + exchange_seconds(parameters, r, networks[-1])
            lines.append((str(r), str(busy), str(math.ceil(batch / busy)), f"{busy * its_rows / alone_rows:.2f}", f"{compute:.3f}", f"{total:.3f}",
                          f"{alone_s / total:.1f}", f"{100 * alone_s / total / r:.1f} %"))
        yield from table(["GPUs", "with work", "examples each", "rows, of one GPU's", "compute s", f"step s, {networks[-1].name}", "times one GPU", "efficiency"], lines)
    yield "\nUntil the first step (model):\n"
    yield from table(["GPUs", "hosts", "mpirun and connecting s", "16 GB of weights from a shared file system s"],
                     [(str(r), str(math.ceil(r / GPUS_A_HOST)), f"{start_seconds(r):.1f}", f"{load_seconds(math.ceil(r / GPUS_A_HOST)):.1f}") for r in ranks_list])
    yield "\nA sweep of trainings of 1,000 steps of 32 examples (model):\n"
    lines = []
    for r in ranks_list:
        line = [str(r)]
        for of_a_run in (1, 8):
            seconds = run_seconds(1000, 32, of_a_run, math.ceil(r / GPUS_A_HOST), step, parameters, networks[-1])
            line += [f"{seconds / 60:.1f}", f"{r / of_a_run * 3600 / seconds:.0f}"]
        lines.append(tuple(line))
    yield from table(["GPUs", "one a run: minutes", "runs an hour", "eight a run: minutes", "runs an hour"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ranks", default="8,64,512")
    parser.add_argument("--fixed-seconds", type=float, default=whole_step().fixed_s, help="of a micro-batch, whatever its size")
    parser.add_argument("--row-seconds", type=float, default=whole_step().row_s, help="of a token that is computed")
    parser.add_argument("--adapter-parameters", type=int, default=lora_parameters(*CONFIGS["configs/paper/llama31.yaml"]))
    parser.add_argument("--network-gbit", type=float, default=0, help="what a host reaches (busbw of candor doctor), in place of the two networks")
    options = parser.parse_args()
    networks = [Network(f"{options.network_gbit:g} Gbit/s a host", options.network_gbit * 1e9 / 8, 30e-6)] if options.network_gbit else [INFINIBAND, ETHERNET]
    print("\n".join(report([int(r) for r in options.ranks.split(",")], Step(options.fixed_seconds, options.row_seconds), options.adapter_parameters, networks)))


if __name__ == "__main__":
    main()
