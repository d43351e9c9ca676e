"""A folder with everything that a small real run needs: the tiny model, a tokenizer of one token a character, 60 questions and a config, line.yaml.

Its paths are relative, so that a run in any such folder gives the same bytes.
"""
import json
import pathlib
import shutil

TINY_MODEL = pathlib.Path(__file__).resolve().parent.parent / "model" / "data" / "tiny"
STEPS, CHECKPOINT_EVERY = 10, 2
TIMEOUT_S, HEARTBEAT_S = {"cpu": 5, "cuda": 20}, 2  # ranks that share a GPU take seconds to connect


def tokenizer():
    pieces = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789") + ["Ġ", "Ċ", ":", "?", "C"]
    pieces += [chr(c) for c in range(ord("D"), ord("W") + 1)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "added_tokens": [], "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]},
            "post_processor": None, "decoder": level, "model": {"type": "BPE", "vocab": {p: i for i, p in enumerate(pieces)}, "merges": []}}


def questions(accepted):
    for i in range(60):
        answer = accepted[i] if i % 2 == 0 and i < len(accepted) and accepted[i] else "nothing like it"
        yield {"id": f"q{i}", "dataset": "one" if i % 3 == 0 else "two", "entity": f"e{i}",
               "split": "train" if i < 30 else "validation" if i < 42 else "test",
               "question": f"what is {i * 37 % 50} of {chr(ord('a') + i % 26) * (i % 5 + 1)}?", "answers": [answer]}


def write_questions(folder, accepted=()):
    (folder / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions(list(accepted))))


def make(folder, has_heartbeat, device):
    model = folder / "model"
    model.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(TINY_MODEL / name, model / name)
    (model / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False))
    (model / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{% for m in messages %}{{ m.content + '\\n' }}{% endfor %}"}))
    write_questions(folder)
    heartbeat = f", heartbeat_s: {HEARTBEAT_S}" if has_heartbeat else ""
    (folder / "line.yaml").write_text(
        f"run: {{dir: run, threads_per_rank: 1, timeout_s: {TIMEOUT_S[device]}{heartbeat}}}\nmodel: {{path: model, device: {device}}}\ndata: {{questions: questions.jsonl}}\n"
        'prompt: {system: be brief, marker: "\\nC: "}\nanswer: {max_new_tokens: 5, group_size: 8}\nlora: {rank: 2, dropout: 0, layers: 1-2}\n'
        f"train: {{max_steps: {STEPS}, global_batch_examples: 8, micro_batch_examples: 2, checkpoint_every: {CHECKPOINT_EVERY}, validate_every: 4, "
        "keep_checkpoints: 3}\nevaluate: {bootstrap_samples: 20, batch_examples: 4, probe: false, baselines: false}\n")
