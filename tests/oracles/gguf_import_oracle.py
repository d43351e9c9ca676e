"""Compares `candor import` with the Python packages gguf, transformers and tokenizers.

Usage: gguf_import_oracle.py CANDOR_PROGRAM MODEL.gguf OUT_DIR
Checked: every weight bit-equal to gguf's dequantize (rows of q and k in Hugging Face's order), for the given file and for small generated files
of every element type that is read; AutoConfig and AutoTokenizer load the folder; the tokenizer splits digits and keeps special tokens whole.
"""

import json
import pathlib
import subprocess
import sys

import gguf
import numpy
import safetensors.numpy
import transformers

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}


def hugging_face_name(name):
    if name in TOP_NAMES:
        return TOP_NAMES[name]
    _, layer, kind, _ = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[kind]}.weight"


def undo_permutation(weight, heads):
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def run_import(program, gguf_path, out_dir):
    subprocess.run([program, "import", str(gguf_path), str(out_dir)], check=True)


def compare_weights(gguf_path, out_dir):
    reader = gguf.GGUFReader(gguf_path)
    heads = reader.fields["llama.attention.head_count"].contents()
    kv_heads = reader.fields["llama.attention.head_count_kv"].contents()
    ours = safetensors.numpy.load_file(out_dir / "model.safetensors")
    assert len(ours) == len(reader.tensors), (len(ours), len(reader.tensors))
    for tensor in reader.tensors:
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        if ".attn_q." in tensor.name:
            expected = undo_permutation(expected, heads)
        if ".attn_k." in tensor.name:
            expected = undo_permutation(expected, kv_heads)
        got = ours[hugging_face_name(tensor.name)]
        assert got.dtype == numpy.float32 and got.shape == expected.shape, (tensor.name, got.dtype, got.shape, expected.shape)
        assert got.tobytes() == numpy.ascontiguousarray(expected, dtype=numpy.float32).tobytes(), f"{tensor.name} differs"
    return len(ours)


def write_small_model(path, element_type, seed):
    """One layer, random weights of the given type, as llama.cpp's converter lays it out; with output.weight, so untied."""
    random = numpy.random.default_rng(seed)
    width, mlp, heads, kv_heads, vocabulary = 64, 96, 4, 2, 10
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(mlp)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([f"<{i}>" if i < 2 else chr(95 + i) for i in range(vocabulary - 1)] + ["ab"])
    writer.add_token_types([3, 3] + [1] * (vocabulary - 2))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    shapes = {"token_embd": (vocabulary, width), "output": (vocabulary, width), "blk.0.attn_q": (width, width), "blk.0.attn_k": (width // 2, width),
              "blk.0.attn_v": (width // 2, width), "blk.0.attn_output": (width, width), "blk.0.ffn_gate": (mlp, width), "blk.0.ffn_up": (mlp, width),
              "blk.0.ffn_down": (width, mlp), "output_norm": (width,), "blk.0.attn_norm": (width,), "blk.0.ffn_norm": (width,)}
    for name, shape in shapes.items():
        # Rows of very different sizes, so that subnormal fp16 scales and values occur.
        scale = 10.0 ** random.uniform(-8, 2, (shape[0],) + (1,) * (len(shape) - 1))
        values = (random.standard_normal(shape) * scale).astype(numpy.float32)
        if len(shape) == 1:
            writer.add_tensor(f"{name}.weight", values)
        else:
            writer.add_tensor(f"{name}.weight", gguf.quantize(values, element_type), raw_dtype=element_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_element_types(program, out_dir):
    types = gguf.GGMLQuantizationType
    for seed, element_type in enumerate([types.F32, types.F16, types.BF16, types.Q8_0, types.Q4_0, types.Q4_1, types.Q5_0, types.Q5_1]):
        path = out_dir / f"small_{element_type.name}.gguf"
        write_small_model(path, element_type, seed)
        run_import(program, path, out_dir / f"small_{element_type.name}")
        compare_weights(path, out_dir / f"small_{element_type.name}")


def check_folder(gguf_path, out_dir):
    fields = gguf.GGUFReader(gguf_path).fields
    config = transformers.AutoConfig.from_pretrained(out_dir)
    assert type(config).__name__ == "LlamaConfig", type(config)
    assert config.num_hidden_layers == fields["llama.block_count"].contents()
    assert config.rope_parameters["rope_theta"] == fields["llama.rope.freq_base"].contents(), config.rope_parameters
    assert config.eos_token_id == fields["tokenizer.ggml.eos_token_id"].contents()
    assert json.loads((out_dir / "generation_config.json").read_text())["eos_token_id"] == config.eos_token_id

    tokenizer = transformers.AutoTokenizer.from_pretrained(out_dir)
    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert len(tokenizer) == len(tokens) == config.vocab_size
    assert [tokenizer.convert_ids_to_tokens(i) for i in range(len(tokens))] == tokens
    pieces = tokenizer.tokenize("In 1987, about 3.14 km")
    assert all(len(piece.lstrip("\u0120")) == 1 for piece in pieces if any(character.isdigit() for character in piece)), pieces
    ids = tokenizer.encode("0123456789", add_special_tokens=False)
    assert [tokens[i] for i in ids] == list("0123456789"), ids
    for text in ["Hello  world\n\n", "naïve café 東京 🦙\u00a0x", "don't"]:
        assert tokenizer.decode(tokenizer.encode(text)) == text
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True)
    assert chat.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"), chat
    assert tokenizer.encode(chat).count(tokenizer.eos_token_id) == chat.count("<|im_end|>")


def main(arguments):
    if len(arguments) != 3:
        print(__doc__)
        return 2
    program, gguf_path, out_dir = arguments[0], pathlib.Path(arguments[1]), pathlib.Path(arguments[2])
    out_dir.mkdir(parents=True, exist_ok=True)
    check_element_types(program, out_dir)
    model = out_dir / "model"
    run_import(program, gguf_path, model)
    count = compare_weights(gguf_path, model)
    check_folder(gguf_path, model)
    print(f"{count} tensors bit-equal; config and tokenizer load")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
