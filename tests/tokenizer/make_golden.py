"""Writes the fixtures of tokenizer_test.cc: small tokenizers and, from Hugging Face's `tokenizers`, what they make of some texts.

Usage: make_golden.py [OUT_DIR]   (default: the folder data beside this file)
"""

import json
import pathlib
import sys

import tokenizers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oracles"))
import tokenizer_fixtures  # noqa: E402


def main(arguments):
    out_dir = pathlib.Path(arguments[0]) if arguments else HERE / "data"
    texts = json.loads((HERE / "data" / "hard_strings.json").read_text())
    fixtures = {
        "llama3": tokenizer_fixtures.llama3(vocabulary_size=420, numbers=101),
        "smollm": tokenizer_fixtures.smollm(vocabulary_size=400),
        "qwen": tokenizer_fixtures.qwen(vocabulary_size=400),
    }
    golden = {}
    for name, description in fixtures.items():
        path = out_dir / f"{name}.json"
        path.write_text(json.dumps(description, ensure_ascii=True) + "\n")
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        golden[name] = []
        for text in texts:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            decoded = tokenizer.decode(ids, skip_special_tokens=False)
            golden[name].append({"text": text, "ids": ids, "decoded": decoded, "plain": tokenizer.decode(ids)})
    lines = [f'"{name}": [\n' + ",\n".join(json.dumps(entry) for entry in entries) + "\n]" for name, entries in golden.items()]
    (out_dir / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
