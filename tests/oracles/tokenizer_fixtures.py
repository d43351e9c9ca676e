"""Small byte-level BPE tokenizers of the kinds Candor reads, trained on generated text with Hugging Face's `tokenizers`; all is seeded."""

import json
import random

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
LLAMA3_SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_start|>"]

WORDS = (
    "the of and to in is was it that for on as with by at from which this are were what who where when capital country river year born city say "
    "don't I'm we've they'll he'd she's you're confidence answer question believe The Paris France Danube Hello world user assistant system "
    "naïve café Straße Ελλάδα Москва город 東京 日本語 大学 한국어 서울 العربية עברית हिन्दी ภาษาไทย e\u0301te\u0301 🙂 👩‍👩‍👧 🇫🇷"
).split()


def generated_lines(seed, lines=4000):
    random_numbers = random.Random(seed)
    for _ in range(lines):
        words = [random_numbers.choice(WORDS) for _ in range(random_numbers.randrange(1, 9))]
        words.insert(random_numbers.randrange(len(words) + 1), str(random_numbers.randrange(10 ** random_numbers.randrange(1, 5))))
        text = random_numbers.choice([" ", " ", " ", "  ", ", ", "\n", " - "]).join(words)
        yield text + random_numbers.choice([".", "?", "!", "...\n", "\n\n", " \n", "\t", ")", "    "])


def split(pattern):
    return pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")


def train(pre_tokenizer, vocabulary_size, seed, normalizer=None):
    """The tokenizer.json, read, with model, pre-tokenizer and decoder; no added tokens yet."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=vocabulary_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(generated_lines(seed), trainer)
    return json.loads(tokenizer.to_str())


def add_token(description, content, special=True, **options):
    ids = description["model"]["vocab"]
    number = max([*ids.values(), *(token["id"] for token in description["added_tokens"])]) + 1
    token = {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special, "special": special}
    description["added_tokens"].append(token | options)


def use_merges_form(description, pairs):
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in description["model"]["merges"]]
    description["model"]["merges"] = merges if pairs else [" ".join(merge) for merge in merges]


def llama3(vocabulary_size=1500, seed=1, merges_as_pairs=True, numbers=1000):
    """Llama 3's kind: digits in groups of three, whole words first (ignore_merges), numbers that no merge makes, a post-processor that puts a BOS."""
    steps = pre_tokenizers.Sequence([split(LLAMA3_PATTERN), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    description = train(steps, vocabulary_size, seed)
    model = description["model"]
    model["ignore_merges"] = True
    for number in range(numbers):
        if str(number) not in model["vocab"]:
            model["vocab"][str(number)] = len(model["vocab"])
    for content in LLAMA3_SPECIAL:
        add_token(description, content)
    begin = description["added_tokens"][0]["id"]
    piece = {"Sequence": {"id": "A", "type_id": 0}}
    token = {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}
    description["post_processor"] = {
        "type": "Sequence",
        "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {
                "type": "TemplateProcessing",
                "single": [token, piece],
                "pair": [token, piece, token | {}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [begin], "tokens": ["<|begin_of_text|>"]}},
            },
        ],
    }
    use_merges_form(description, merges_as_pairs)
    return description


def smollm(vocabulary_size=1000, seed=2):
    """SmolLM2's kind: every digit alone, then GPT-2's pattern."""
    steps = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    description = train(steps, vocabulary_size, seed)
    for content in ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>"]:
        add_token(description, content)
    use_merges_form(description, False)
    return description


def qwen(vocabulary_size=1000, seed=3):
    """Qwen 2.5's kind: NFC, digits one by one; and added tokens of every sort."""
    steps = pre_tokenizers.Sequence([split(QWEN_PATTERN), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    description = train(steps, vocabulary_size, seed, normalizers.NFC())
    for content in ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]:
        add_token(description, content)
    add_token(description, "<tool_call>", special=False, normalized=False)
    add_token(description, "<mask>", lstrip=True)
    add_token(description, "<fill>", rstrip=True)
    add_token(description, "<both>", lstrip=True, rstrip=True)
    add_token(description, "<word>", single_word=True)
    add_token(description, "café", special=False)
    add_token(description, "e\u0301te", special=False)
    add_token(description, "<mask><word>", special=False, single_word=True)
    use_merges_form(description, False)
    return description


def gpt2_prefix(vocabulary_size=600, seed=4):
    """GPT-2's kind with a space put before the text, and no post-processor."""
    description = train(pre_tokenizers.ByteLevel(add_prefix_space=True), vocabulary_size, seed)
    add_token(description, "<|endoftext|>")
    use_merges_form(description, True)
    return description
