"""transformers computes RMSNorm and RoPE's tables in fp32 whatever the model's dtype; an fp64 reference needs them in fp64.

Attention must be "sdpa": the eager one's softmax is fp32 too. For models without RoPE scaling.
"""

import torch
from transformers.models.llama import modeling_llama


def norm(self, x):
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def rope(self, x, position_ids):
    config = self.config
    assert config.rope_parameters["rope_type"] == "default", config.rope_parameters
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    frequencies = 1.0 / (config.rope_parameters["rope_theta"] ** (torch.arange(0, size, 2, dtype=torch.float64) / size))
    angles = position_ids[..., None].to(torch.float64) * frequencies
    both = torch.cat((angles, angles), dim=-1)
    return both.cos(), both.sin()


def use_fp64():
    modeling_llama.LlamaRMSNorm.forward, modeling_llama.LlamaRotaryEmbedding.forward = norm, rope
