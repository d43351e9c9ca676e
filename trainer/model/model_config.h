// The shape of a model of the Llama family (Llama, Mistral, Qwen 2), read from Hugging Face's
// config.json (both styles: rope_theta + rope_scaling, or rope_parameters). Throws
// std::invalid_argument naming the file and key for anything this code can't compute exactly as
// transformers does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace candor::trainer {

struct Llama3RopeScaling {
  double factor = 8, low_freq_factor = 1, high_freq_factor = 4;
  double original_max_position = 8192;
};

struct ModelConfig {
  int64_t vocabulary = 0, width = 0, mlp_width = 0, layers = 0, heads = 0, key_heads = 0,
          head_size = 0;
  double norm_epsilon = 1e-5, rope_theta = 10000;
  std::optional<Llama3RopeScaling> rope_scaling;
  bool tied_embeddings = false;
  bool qkv_bias = false, o_bias = false;  // Qwen 2 has the first, Llama with attention_bias both.
  // 0 stands for none. Sequences that it would cut are refused; shorter ones don't notice it.
  int64_t sliding_window = 0;
  // max_position_embeddings: the longest sequence that the model was made for; 0 where it says
  // none.
  int64_t max_positions = 0;
  // They are eos_token_id of config.json and generation_config.json.
  std::vector<int64_t> end_tokens;

  static ModelConfig from_model_dir(const std::string& dir);
};

// Rotation frequencies, one per pair of a head: [head_size / 2], with "llama3" scaling where the
// config asks for it.
std::vector<double> rope_frequencies(const ModelConfig& config);

}  // namespace candor::trainer
