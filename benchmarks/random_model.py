#!/usr/bin/env python3
"""Writes a model of a known family's shape with random weights, in bf16: for measuring speed where the real weights aren't at hand.

Usage: random_model.py llama-3.1-8b|qwen2.5-1.5b|smollm2-135m FOLDER [--device cpu|cuda]
"""
import argparse

import torch
import transformers

LLAMA, QWEN = transformers.LlamaConfig, transformers.Qwen2Config
SHAPES = {
    "llama-3.1-8b": (LLAMA, dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
                                 vocab_size=128256, rms_norm_eps=1e-5, tie_word_embeddings=False, max_position_embeddings=8192)),
    "qwen2.5-1.5b": (QWEN, dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12, num_key_value_heads=2,
                                vocab_size=151936, rms_norm_eps=1e-6, tie_word_embeddings=True, max_position_embeddings=8192)),
    "smollm2-135m": (LLAMA, dict(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                                 vocab_size=49152, rms_norm_eps=1e-5, tie_word_embeddings=True, max_position_embeddings=8192)),
}
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("shape", choices=SHAPES)
parser.add_argument("folder")
parser.add_argument("--device", default="cpu")
options = parser.parse_args()
family, shape = SHAPES[options.shape]
torch.manual_seed(0)
torch.set_default_dtype(torch.bfloat16)
with torch.device(options.device):
    model = transformers.AutoModelForCausalLM.from_config(family(**shape))
model.save_pretrained(options.folder)
