"""The packed model on SmolLM2 against transformers + PEFT + autograd: logits at the confidence rows, losses and every LoRA gradient.

Usage: smollm2_peft_oracle.py MODEL_PROBE_PROGRAM MODEL_DIR SOURCE_DIR WORK_DIR
Random adapters with lora_B not zero are made by PEFT (all seven modules; all layers, and layers 20-29 with rsLoRA), dropout 0. Each is compared in fp32
and fp64, with the examples' common prefix computed once (shared) and with it in every example (whole), for tokenized Brier, the log-loss of the
expectation, and a mix of all losses with the language-model term. Differences are L2, relative, per tensor; the largest is printed beside its limit.

In fp32 both sides round, and where an example's contributions nearly cancel PEFT's own fp32 gradient is further than 1e-4 from its fp64 one. So fp32 gradients
are held against PEFT's fp64 ones: within 1e-4, or within three times what PEFT's own fp32 gradients differ from them at most. The same limit holds
for the oldest kernels of MKL (MKL_CBWR=COMPATIBLE), whose sums round more: other processors than this one use such kernels.
"""

import json
import os
import pathlib
import subprocess
import sys

import peft
import safetensors.torch
import torch
import transformers
import yaml

import fp64_llama

probe, model_dir, source, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
work.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAPTERS = {
    "all layers": {"r": 4, "lora_alpha": 8},
    "layers 20-29, rsLoRA": {"r": 6, "lora_alpha": 12, "layers_to_transform": list(range(20, 30)), "layers_pattern": "layers", "use_rslora": True},
}
OBJECTIVES = {
    "tokenized_brier": {"losses": {"tokenized_brier": 1.0}, "lm_weight_per_token": 0.0},
    "expectation_log_loss": {"losses": {"expectation_log_loss": 1.0}, "lm_weight_per_token": 0.0},
    "mix": {"losses": {"tokenized_brier": 0.4, "expectation_log_loss": 0.3, "mean_brier": 0.2, "soft_target": 0.1}, "lm_weight_per_token": 0.05},
}
LIMITS = {"fp64": {"logits": 1e-9, "loss": 1e-9, "gradient": 1e-9}, "fp32": {"logits": 2e-4, "loss": 1e-5}}
FP32_GRADIENT_LIMIT = 1e-4
# Question, response, target; the targets are exact in fp32.
RECORDS = [("In which country is the city of Lyon?", "France", 1.0), ("What is the chemical symbol of iron?", "Ir", 0.0), ("Wo liegt Zürich? 你好", "in der Schweiz", 0.625)]


def make_batch(tokenizer):
    prompt = yaml.safe_load((source / "configs/quickstart.yaml").read_text())["prompt"]
    encode = lambda text: tokenizer(text, add_special_tokens=False).input_ids
    turn = prompt["few_shot"][0]
    history = [{"role": "system", "content": prompt["system"]}, {"role": "user", "content": turn["question"]}, {"role": "assistant", "content": turn["answer"]}]
    rows = []
    for question, response, target in RECORDS:
        before = encode(tokenizer.apply_chat_template(history + [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True))
        rows.append((before, encode(response), encode(prompt["marker"]), target))
    common = os.path.commonprefix([before for before, *_ in rows])
    assert 30 <= len(common) <= 80, len(common)
    examples = []
    for before, response, marker, target in rows:
        begin = len(before) - len(common)
        examples.append({"suffix": before[len(common):] + response + marker, "response": [begin, begin + len(response)], "target": target})
    levels = [tokenizer.convert_tokens_to_ids(str(level)) for level in range(prompt["scale"] + 1)]
    return {"prefix": common, "examples": examples, "level_ids": levels, "objectives": OBJECTIVES}


def losses_of(logits, example, tokens, prefix_length, level_ids):
    """The losses by name, and the log-probability of the response, of one example; written from their definitions."""
    last, y = logits[-1], example["target"]
    stated = torch.linspace(0, 1, len(level_ids), dtype=torch.float64).to(logits.dtype)
    miss = (y - stated) ** 2
    q = last[level_ids].softmax(0)
    expectation = (q * stated).sum()
    target = (1 - miss) / (1 - miss).sum()
    begin, end = (prefix_length + position for position in example["response"])
    response = torch.arange(begin, end)
    return {
        "tokenized_brier": (q * miss).sum(),
        "expectation_log_loss": -(y * expectation.log() + (1 - y) * (1 - expectation).log()),
        "mean_brier": (y - expectation) ** 2,
        "soft_target": -(target * last.log_softmax(0)[level_ids]).sum(),
    }, logits.log_softmax(-1)[response - 1, torch.tensor(tokens)[response]].sum()


def reference(model, batch):
    parameters = {name.replace(".default.", "."): parameter for name, parameter in model.named_parameters() if "lora_" in name}
    assert all(parameter.requires_grad for parameter in parameters.values())
    results = {"logits": []}
    for example in batch["examples"]:
        tokens = batch["prefix"] + example["suffix"]
        logits = model(input_ids=torch.tensor([tokens])).logits[0]
        results["logits"].append(logits[-1].detach().double())
        losses, log_response = losses_of(logits, example, tokens, len(batch["prefix"]), batch["level_ids"])
        for number, (objective, parts) in enumerate(OBJECTIVES.items()):
            loss = sum(weight * losses[name] for name, weight in parts["losses"].items()) - parts["lm_weight_per_token"] * log_response
            gradients = torch.autograd.grad(loss, parameters.values(), retain_graph=number + 1 < len(OBJECTIVES))
            key = f"{objective}.loss"
            results[key] = results.get(key, 0) + loss.detach().double()
            for name, gradient in zip(parameters, gradients):
                key = f"{objective}.gradient.{name}"
                results[key] = results.get(key, 0) + gradient.double().flatten()
    results["logits"] = torch.stack(results["logits"])
    return results


def probed(adapter, dtype_name, environment={}):
    """Candor's logits, losses and gradients, by name."""
    output = work / "probe.safetensors"
    command = [probe, str(model_dir), str(adapter), str(work / "batch.json"), dtype_name, str(output)]
    subprocess.run(command, check=True, env={**os.environ, **environment})
    tensors = safetensors.torch.load_file(output)
    output.unlink()
    return tensors


def kind_of(name):
    return "logits" if name == "logits" else name.split(".")[1]


def relative(got, expected):
    assert expected.norm() > 0, "an expected tensor is zero: the comparison says nothing"
    return ((got.reshape(expected.shape).double() - expected).norm() / expected.norm()).item()


def compare(what, expected, got, limits):
    """Prints the largest difference of each kind that has a limit; returns the complaints."""
    worst = {}
    for packing in ["shared", "whole"]:
        for name, value in expected.items():
            mine = got[f"{packing}.{name}"]
            worst[kind_of(name)] = max(worst.get(kind_of(name), (0.0, "")), (relative(mine, value), f"{packing}.{name}"))
            if name == "logits":
                worst["logits, absolute"] = max(worst.get("logits, absolute", (0.0, "")), ((mine - value).abs().max().item(), packing))
    assert len(got) == 2 * len(expected), "the probe wrote tensors that PEFT doesn't have"
    complaints = []
    for kind, (difference, name) in worst.items():
        limit = limits.get(kind.removesuffix(", absolute"))
        if limit is None:
            continue
        print(f"{what}: {kind} {difference:.2e} (limit {limit:.1e}; largest at {name})", flush=True)
        if not difference <= limit:
            complaints.append(f"{what}: {kind}: {name} differs by {difference:.2e}")
    return complaints


tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
batch = make_batch(tokenizer)
(work / "batch.json").write_text(json.dumps(batch))
print(f"prefix of {len(batch['prefix'])} tokens, suffixes of {[len(example['suffix']) for example in batch['examples']]}")
complaints = []
expected, got = {}, {}  # by (dtype, adapter)
for dtype_name, dtype in {"fp32": torch.float32, "fp64": torch.float64}.items():
    if dtype_name == "fp64":
        fp64_llama.use_fp64()  # for every model from here on
    for number, (name, options) in enumerate(ADAPTERS.items()):
        base = transformers.AutoModelForCausalLM.from_pretrained(model_dir, dtype=dtype, attn_implementation="sdpa")
        adapter = work / f"adapter{number}"
        if dtype_name == "fp32":
            torch.manual_seed(7 + number)
            model = peft.get_peft_model(base, peft.LoraConfig(lora_dropout=0.0, target_modules=MODULES, task_type="CAUSAL_LM", **options))
            for parameter_name, parameter in model.named_parameters():
                if "lora_B" in parameter_name:
                    torch.nn.init.normal_(parameter, std=0.02)
            model.save_pretrained(adapter)
        else:
            model = peft.PeftModel.from_pretrained(base, adapter, is_trainable=True, autocast_adapter_dtype=False).double()
        expected[dtype_name, name], got[dtype_name, name] = reference(model.eval(), batch), probed(adapter, dtype_name)
        complaints += compare(f"{dtype_name}, {name}", expected[dtype_name, name], got[dtype_name, name], LIMITS[dtype_name])
        if dtype_name == "fp32":
            got["fp32, oldest kernels", name] = probed(adapter, dtype_name, {"MKL_CBWR": "COMPATIBLE"})
for name in ADAPTERS:
    truth, peft_fp32 = expected["fp64", name], expected["fp32", name]
    peft_error = max(relative(peft_fp32[tensor], value) for tensor, value in truth.items() if kind_of(tensor) == "gradient")
    print(f"PEFT's own fp32 gradients against its fp64 ones, {name}: {peft_error:.2e}")
    for dtype_name in ["fp32", "fp32, oldest kernels"]:
        limits = {"gradient": max(FP32_GRADIENT_LIMIT, 3 * peft_error)}
        complaints += compare(f"{dtype_name} against PEFT's fp64, {name}", truth, got[dtype_name, name], limits)
sys.exit("\n".join(complaints) or 0)
