"""`candor score` and `candor export` on SmolLM2 against transformers + PEFT: prompt text, token ids, confidences, adapter files, merged model.

Usage: peft_score_oracle.py CANDOR_PROGRAM MODEL.gguf SOURCE_DIR WORK_DIR
A random adapter with lora_B not zero is made by PEFT (all seven modules; once all layers, once layers 20-29 with rsLoRA, once acting from the confidence marker on). Checked, in fp32: every q, format
mass and argmax of `candor score` against PEFT's logits over the same text built by transformers' chat template (q within 1e-4); the same again for the
adapter that `candor export` wrote, and for the merged model; and in fp64 q within 1e-9.
"""

import json
import os
import pathlib
import subprocess
import sys

import peft
import torch
import transformers
import yaml

import fp64_llama

candor, gguf, source, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
work.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(2)
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
config = yaml.safe_load((source / "configs/quickstart.yaml").read_text())
RECORDS = [("In which country is the city of Lyon?", "France"), ("What is the chemical symbol of iron?", "Fe"), ("Wo liegt Zürich? 你好", "in der Schweiz, 8"),
           ("What is the capital of Peru?", ""), ("On which continent is Kenya?", "Africa and\tmore")]


def run(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([candor, *arguments], check=True, stderr=subprocess.PIPE, env=environment)


def reference(model, tokenizer, level_ids):
    prompt, rows = config["prompt"], []
    for question, response in RECORDS:
        messages = [{"role": "system", "content": prompt["system"]}]
        for turn in prompt["few_shot"]:
            messages += [{"role": "user", "content": turn["question"]}, {"role": "assistant", "content": turn["answer"]}]
        messages.append({"role": "user", "content": question})
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) + response + prompt["marker"]
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, -1].double()
        rows.append((logits[level_ids].softmax(0), logits.softmax(0)[level_ids].sum().item(), logits.argmax().item()))
    return rows


def compare(what, rows, path, level_ids, limit):
    scored = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(scored) == len(RECORDS)
    worst = 0.0
    for (q, mass, argmax), mine in zip(rows, scored):
        worst = max(worst, (q - torch.tensor(mine["q"], dtype=torch.float64)).abs().max().item(), abs(mass - mine["format_mass"]))
        said = level_ids[mine["argmax_level"]] if mine["argmax_level"] >= 0 else None
        assert (argmax == said) if argmax in level_ids else said is None, f"{what}: argmax {argmax}, candor says level {mine['argmax_level']}"
    print(f"{what}: largest difference {worst:.2e} (limit {limit:.0e})")
    assert worst <= limit, what


model_dir = work / "model"
if not (model_dir / "config.json").exists():
    run("import", gguf, str(model_dir))
(work / "qa.jsonl").write_text("".join(json.dumps({"question": q, "response": r}) + "\n" for q, r in RECORDS))
config["model"] = {"path": str(model_dir)}
config["run"] = {"dir": str(work / "run"), "threads_per_rank": 2}
config["data"] = {"questions": str(source / "configs/data/facts.jsonl")}
(work / "score.yaml").write_text(yaml.safe_dump(config))
tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
level_ids = [tokenizer.convert_tokens_to_ids(str(level)) for level in range(10)]


def score(adapter, output, *more):
    (work / output).unlink(missing_ok=True)
    run("score", str(work / "score.yaml"), "--input", str(work / "qa.jsonl"), "--output", str(work / output), "--adapter", str(adapter), *more)
    return work / output


def load(folder, dtype):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").eval()


marker_ids = tokenizer("France" + config["prompt"]["marker"], add_special_tokens=False).input_ids[len(tokenizer("France", add_special_tokens=False).input_ids):]
for name, options in {"from the marker on (aLoRA)": {"alora_invocation_tokens": marker_ids}, "all layers": {}, "layers 20-29, rsLoRA": {"layers_to_transform": list(range(20, 30)), "layers_pattern": "layers", "use_rslora": True}}.items():
    torch.manual_seed(5)
    made = peft.get_peft_model(load(model_dir, torch.float32), peft.LoraConfig(r=8, lora_alpha=16, target_modules=MODULES, task_type="CAUSAL_LM", **options))
    for parameter_name, parameter in made.named_parameters():
        if "lora_B" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.02)
    made.eval()
    adapter = work / "adapter"
    made.save_pretrained(adapter)
    rows = reference(made, tokenizer, level_ids)
    compare(f"score, {name}", rows, score(adapter, "scored.jsonl"), level_ids, 1e-4)
    merge = [] if "alora_invocation_tokens" in options else ["--merge"]
    run("export", str(work / "score.yaml"), "--adapter", str(adapter), "--output", str(work / "export"), *merge)
    loaded = peft.PeftModel.from_pretrained(load(model_dir, torch.float32), work / "export/adapter").eval()
    compare(f"exported adapter in PEFT, {name}", reference(loaded, tokenizer, level_ids), work / "scored.jsonl", level_ids, 1e-4)
    if "alora_invocation_tokens" in options:
        continue  # merged weights would act everywhere
    compare(f"merged model, {name}", reference(load(work / "export/merged", torch.float32), tokenizer, level_ids), work / "scored.jsonl", level_ids, 1e-4)

fp64_llama.use_fp64()
loaded = peft.PeftModel.from_pretrained(load(model_dir, torch.float64), adapter, autocast_adapter_dtype=False).eval().double()
compare("score in fp64", reference(loaded, tokenizer, level_ids), score(adapter, "scored64.jsonl", "--set", "model.dtype=fp64"), level_ids, 1e-9)
