"""Answer with the base model, then state a confidence with the adapter on: two passes, one model in memory.

Usage: serving_example.py MODEL_DIR ADAPTER_DIR CONFIG.yaml "question"      (CONFIG.yaml: the resolved one in the run folder; packages: torch, transformers, peft, pyyaml)
"""
import sys
from datetime import datetime

import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import chat_template_utils

model_dir, adapter_dir, config_path, question = sys.argv[1:]
prompt = yaml.safe_load(open(config_path, encoding="utf-8"))["prompt"]
tokenizer = AutoTokenizer.from_pretrained(model_dir)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model_dir), adapter_dir).eval()

messages = [{"role": "system", "content": prompt["system"]}] if prompt["system"] else []
ask = lambda asked: {"role": "user", "content": prompt["question"].replace("{question}", asked)}
for turn in prompt["few_shot"]:
    messages += [ask(turn["question"]), {"role": "assistant", "content": turn["answer"]}]
messages.append(ask(question))
if prompt.get("date"):  # the day that the template is told: transformers gives it today's
    chat_template_utils.datetime = type("Day", (datetime,), {"now": lambda: datetime.fromisoformat(prompt["date"])})
text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

# First pass: the answer, by the base model.
inputs = tokenizer(text, add_special_tokens=False, return_tensors="pt")
with torch.no_grad(), model.disable_adapter():
    out = model.generate(**inputs, max_new_tokens=24, do_sample=False)
generated = tokenizer.decode(out[0, inputs.input_ids.shape[1]:], skip_special_tokens=True)
answer = generated.split(prompt["marker"].strip())[0].strip().split("\n")[0].strip()

# Second pass: the confidence, with the adapter.
scored = tokenizer(text + answer + prompt["marker"], add_special_tokens=False, return_tensors="pt")
levels = [tokenizer.convert_tokens_to_ids(str(level)) for level in range(prompt["scale"] + 1)]
with torch.no_grad():
    logits = model(**scored).logits[0, -1].float()
q = logits[levels].softmax(0)
expectation = sum(p * level for level, p in enumerate(q.tolist())) / prompt["scale"]
print(f"{answer}\nConfidence: {tokenizer.decode(logits.argmax()).strip()} of {prompt['scale']}, expectation {expectation:.2f}")
