#!/usr/bin/env python3
"""Greedy answers of candor and of transformers to the same questions, side by side in one run.

Usage: .deps/python/bin/python benchmarks/answer_beside_transformers.py CONFIG.yaml MODEL_DIR [--questions 128] [--repeats 3] [--batch 32]
The first test questions of the config are answered by `candor answer` on two ranks of one thread, and by transformers' generate in one process of two
threads: batches padded on the left, KV cache, until the end token or answer.max_new_tokens, cut at the first line as candor does. That once as most
would write it, and once with the cache of the prompts' common prefix made only once, as candor does. First the answers are compared, then the speed
is printed as JSON. No side's model loading counts: candor's time is from the opening of its journal (the model is loaded by then) to the finished
answers.jsonl, by the files' time stamps; transformers' from tokenizing the prompts to the decoded texts, after a warm-up. The sides take turns,
`--repeats` times.
"""
import argparse
import copy
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import transformers
import yaml

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("config")
parser.add_argument("model_dir")
parser.add_argument("--questions", type=int, default=128)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--batch", type=int, default=0, help="of transformers; 0: the fastest of 16, 32 and 64 on 64 questions. Candor's is answer.slots")
options = parser.parse_args()
root = pathlib.Path(__file__).resolve().parent.parent
config = yaml.safe_load(pathlib.Path(options.config).read_text())
prompt, limit = config["prompt"], config["answer"]["max_new_tokens"]
lines = [json.loads(line) for line in pathlib.Path(config["data"]["questions"]).read_text().splitlines()]
questions = [line for line in lines if line["split"] == "test"][:options.questions]


def answers_of_candor(scratch):
    """Responses and seconds."""
    path = pathlib.Path(scratch) / "questions.jsonl"
    path.write_text("".join(json.dumps(question) + "\n" for question in questions))
    answers, journal = pathlib.Path(scratch) / "run/answers.jsonl", pathlib.Path(scratch) / "run/answers.jsonl.partial/identity"
    answers.unlink(missing_ok=True)
    process = subprocess.Popen(["mpirun", "-np", "2", "--bind-to", "none", str(root / "build/cpu/candor"), "answer", options.config, "--set",
                                f"run.dir={scratch}/run", "--set", "run.threads_per_rank=1", "--set", f"model.path={options.model_dir}", "--set",
                                f"data.questions={path}"], stderr=subprocess.DEVNULL,
                               env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
    begin = None
    while process.poll() is None:
        if begin is None and journal.exists():
            begin = journal.stat().st_mtime
        time.sleep(0.02)
    if process.returncode != 0 or begin is None:
        raise SystemExit(f"candor answer ended with {process.returncode}")
    return [json.loads(line)["response"] for line in answers.read_text().splitlines()], answers.stat().st_mtime - begin


def messages_of(question):
    turns = [{"role": "system", "content": prompt["system"]}]
    for turn in prompt["few_shot"]:
        turns += [{"role": "user", "content": turn["question"]}, {"role": "assistant", "content": turn["answer"]}]
    return turns + [{"role": "user", "content": question["question"]}]


def stated_words(text):
    """Where the words that a confidence comes after begin and end in a text; none: None."""
    lower, found = text.lower(), []
    for words in {"confidence:", prompt["marker"].strip().lower()}:
        if (begin := lower.find(words)) >= 0:
            found.append((begin, -(begin + len(words))))
    return (min(found)[0], -min(found)[1]) if found else None


def answer_of(text):
    """What candor keeps of a generated text (read_response in data_pipeline/questions/response.h)."""
    stated = stated_words(text)
    before = (text[:stated[0]] if stated else text).strip()
    answer = before.split("\n")[0].strip()
    if stated and "\n" not in before and answer.endswith(("(", "[")):
        answer = answer[:-1].strip()
    return answer


def is_complete(text):
    """Where candor stops generating (is_complete_response)."""
    if stated := stated_words(text):
        number = text[stated[1]:].lstrip(" \t")
        return number != "" and (not all(c in "0123456789" for c in number) or len(number) >= 3)
    line, end, rest = text.lstrip().partition("\n")
    if not end:
        return False
    begun = rest.lstrip()
    if rest[:len(rest) - len(begun)].count("\n") > 1:
        return True
    return not any(words.startswith(begun.lower()) for words in ("confidence:", prompt["marker"].strip().lower()))


def tokens_until_complete(ids):
    return next((count for count in range(1, len(ids) + 1) if is_complete(tokenizer.decode(ids[:count]))), len(ids))


torch.set_num_threads(2)
tokenizer = transformers.AutoTokenizer.from_pretrained(options.model_dir, padding_side="left")
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
model = transformers.AutoModelForCausalLM.from_pretrained(options.model_dir, dtype=torch.float32)


def prompt_ids(question):
    text = tokenizer.apply_chat_template(messages_of(question), tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def answers_of_transformers(some, share_prefix):
    """Generated ids without the end token and what follows it, responses, and seconds."""
    begin, generated = time.perf_counter(), []
    prompts, shared, cache = [prompt_ids(question) for question in some], 0, None
    with torch.inference_mode():
        if share_prefix:  # its cache is made once and repeated for each batch
            while all(len(ids) > shared + 1 and ids[shared] == prompts[0][shared] for ids in prompts):
                shared += 1
            cache = transformers.DynamicCache(config=model.config)
            model(torch.tensor([prompts[0][:shared]]), past_key_values=cache, use_cache=True, logits_to_keep=1)
        for at in range(0, len(prompts), options.batch):
            batch = prompts[at:at + options.batch]
            longest = max(len(ids) for ids in batch)
            pads = [[tokenizer.pad_token_id] * (longest - len(ids)) for ids in batch]
            inputs = {"input_ids": torch.tensor([ids[:shared] + pad + ids[shared:] for ids, pad in zip(batch, pads)]),
                      "attention_mask": torch.tensor([[1] * shared + [0] * len(pad) + [1] * (len(ids) - shared) for ids, pad in zip(batch, pads)])}
            if share_prefix:
                inputs["past_key_values"] = copy.deepcopy(cache)
                inputs["past_key_values"].batch_repeat_interleave(len(batch))
            output = model.generate(**inputs, do_sample=False, max_new_tokens=limit, use_cache=True, pad_token_id=tokenizer.pad_token_id)
            for row in output[:, longest:].tolist():
                generated.append(row[:row.index(tokenizer.eos_token_id)] if tokenizer.eos_token_id in row else row)
    responses = [answer_of(tokenizer.decode(ids)) for ids in generated]
    return generated, responses, time.perf_counter() - begin


choose_batch = options.batch == 0
options.batch = options.batch or 32
answers_of_transformers(questions[:8], share_prefix=True)
if choose_batch:
    seconds_of = {}
    for options.batch in (16, 32, 64):
        seconds_of[options.batch] = answers_of_transformers(questions[:64], share_prefix=True)[2]
    options.batch = min(seconds_of, key=seconds_of.get)
candor_seconds, plain_seconds, shared_seconds, loads = [], [], [], []
with tempfile.TemporaryDirectory() as scratch:
    for _ in range(options.repeats):
        loads.append(round(os.getloadavg()[0], 2))
        candor_responses, seconds = answers_of_candor(scratch)
        candor_seconds.append(seconds)
        generated, responses, seconds = answers_of_transformers(questions, share_prefix=False)
        plain_seconds.append(seconds)
        _, shared_responses, seconds = answers_of_transformers(questions, share_prefix=True)
        shared_seconds.append(seconds)

different = [(q["question"], *row) for q, *row in zip(questions, candor_responses, responses, shared_responses) if len(set(row)) > 1]
for question, ours, plain, shared in different:
    print(f"different: {question}  candor: {ours!r}  transformers: {plain!r}  with its prefix shared: {shared!r}", file=sys.stderr)
# Padding may turn a near tie; more than that would mean that the two don't do the same work.
if len(candor_responses) != len(questions) or len(different) > max(1, len(questions) // 20):
    raise SystemExit(f"{len(different)} of {len(questions)} answers differ: nothing to compare")


def figures(seconds, tokens):
    median = statistics.median(seconds)
    return {"s": [round(s, 2) for s in seconds], "answers_per_s": round(len(questions) / median, 2), "generated_tokens": tokens,
            "tokens_per_s": round(tokens / median, 1)}


candor_median = statistics.median(candor_seconds)
transformers_tokens = sum(len(ids) for ids in generated)
processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
commit = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
print(json.dumps({"processor": processor, "cores": os.cpu_count(), "commit": commit, "command": " ".join(sys.argv),
                  "transformers_version": transformers.__version__, "load_before_each": loads, "questions": len(questions), "transformers_batch": options.batch,
                  "different_answers": len(different),
                  "candor": figures(candor_seconds, sum(tokens_until_complete(ids) for ids in generated)),
                  "transformers": figures(plain_seconds, transformers_tokens),
                  "transformers_prefix_shared": figures(shared_seconds, transformers_tokens),
                  "ratio_answers_per_s": round(statistics.median(plain_seconds) / candor_median, 2),
                  "ratio_answers_per_s_prefix_shared": round(statistics.median(shared_seconds) / candor_median, 2)}, indent=2))
