#!/usr/bin/env python3
"""Writes tests/model/data/FAMILY: tiny random models of the three families, each with a LoRA adapter on all seven modules of layers 1 and 2, and what
transformers + PEFT + autograd compute with it in fp64: the logits at the last position and the gradient of every adapter weight for
loss = sum(logits * weights). Usage: make_golden.py [FAMILY ...]

tiny: Llama with GQA, llama3 RoPE scaling, untied head. tiny_qwen2: biases of q, k and v, tied head, a sliding window that isn't used.
tiny_mistral: a sliding window longer than any sequence. tiny_bias: Llama with attention_bias."""
import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SHAPE = dict(vocab_size=61, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
             max_position_embeddings=256, attn_implementation="sdpa")
LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
FAMILIES = {
    "tiny": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=False, rope_parameters=LLAMA3)),
    "tiny_qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SHAPE, rms_norm_eps=1e-6, tie_word_embeddings=True, use_sliding_window=False, sliding_window=4,
                                                       rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})),
    "tiny_mistral": lambda: MistralForCausalLM(MistralConfig(**SHAPE, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=False, sliding_window=16,
                                                             rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
    "tiny_bias": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=False, attention_bias=True,
                                                      rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
}


def use_fp64_rope_and_norms(model):
    """transformers computes RoPE's tables and RMSNorm in fp32 whatever the dtype; the oracle has to be fp64 throughout."""
    config = model.config
    rope, size = config.rope_parameters, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads

    def fp64_rope(x, position_ids=None, **_):
        frequency = rope["rope_theta"] ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        if rope["rope_type"] == "llama3":
            wavelength = 2 * torch.pi / frequency
            low, high = rope["low_freq_factor"], rope["high_freq_factor"]
            smooth = ((rope["original_max_position_embeddings"] / wavelength - low) / (high - low)).clamp(0, 1)
            frequency = (1 - smooth) * frequency / rope["factor"] + smooth * frequency
        angles = position_ids[..., None].double() * frequency
        angles = torch.cat([angles, angles], -1)
        return angles.cos(), angles.sin()

    def fp64_norm(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    model.model.rotary_emb.forward = fp64_rope
    type(model.model.norm).forward = fp64_norm


def make(family):
    out = os.path.join(os.path.dirname(__file__), "data", family)
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(1)
    model = FAMILIES[family]()
    for name, parameter in model.named_parameters():
        parameter.data = (1 + 0.1 * torch.randn_like(parameter)) if "norm" in name else 0.3 * torch.randn_like(parameter)
    model.to(torch.float32).save_pretrained(out)
    for extra in ("generation_config.json",):
        if os.path.exists(os.path.join(out, extra)):
            os.remove(os.path.join(out, extra))
    model = model.double()
    use_fp64_rope_and_norms(model)
    peft = get_peft_model(model, LoraConfig(r=3, lora_alpha=6, lora_dropout=0.0, target_modules=MODULES, layers_to_transform=[1, 2],
                                            layers_pattern="layers"))
    for name, parameter in peft.named_parameters():
        if "lora_" in name:
            parameter.data = (0.2 * torch.randn_like(parameter)).float().double()  # exact in fp32 too
    prefix = [5, 9, 33, 60, 2]
    suffixes = [[7, 1, 20, 14], [3], [44, 8, 19, 27, 31, 6]]
    weights = torch.randn(len(suffixes), model.config.vocab_size, dtype=torch.float64).float().double()
    logits = []
    loss = 0
    for k, suffix in enumerate(suffixes):
        row = peft(torch.tensor([prefix + suffix])).logits[0, -1]
        loss = loss + (row * weights[k]).sum()
        logits.append(row.detach())
    loss.backward()
    tensors = {"logits": torch.stack(logits).contiguous(), "dlogits": weights.contiguous()}
    for name, parameter in peft.named_parameters():
        if "lora_" in name:
            plain = name.replace(".default", "")
            tensors["weight." + plain] = parameter.detach().contiguous()
            tensors["gradient." + plain] = parameter.grad.contiguous()
    save_file(tensors, os.path.join(out, "golden.safetensors"))
    with open(os.path.join(out, "batch.json"), "w") as file:
        json.dump({"prefix": prefix, "suffixes": suffixes}, file)


for chosen in sys.argv[1:] or FAMILIES:
    make(chosen)
