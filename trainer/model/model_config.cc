#include "trainer/model/model_config.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>
#include <stdexcept>

#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"

namespace candor::trainer {
namespace {

using Json = nlohmann::json;

Json parse_file(const std::string& path) { return data::parse_json(data::read_file(path), path); }

template <typename Value>
Value required(const Json& json, const char* key, const std::string& path) {
  if (!json.contains(key))
    throw std::invalid_argument(fmt::format("{}: key '{}' is missing", path, key));
  try {
    return json.at(key).get<Value>();
  } catch (const Json::exception&) {
    throw std::invalid_argument(
        fmt::format("{}: key '{}' has the wrong type: got {}", path, key, json.at(key).dump()));
  }
}

void read_rope(const Json& json, const std::string& path, ModelConfig& config) {
  const Json parameters = json.value("rope_parameters", Json());
  const Json rope = parameters.is_object() ? parameters : json.value("rope_scaling", Json());
  const Json& theta_owner =
      parameters.is_object() && parameters.contains("rope_theta") ? parameters : json;
  config.rope_theta = theta_owner.value("rope_theta", 10000.0);
  if (!rope.is_object()) return;
  const std::string type = rope.value("rope_type", rope.value("type", std::string("default")));
  if (type == "default") return;
  if (type != "llama3")
    throw std::invalid_argument(
        fmt::format("{}: RoPE type '{}' isn't supported: use default or llama3", path, type));
  Llama3RopeScaling scaling;
  scaling.factor = required<double>(rope, "factor", path);
  scaling.low_freq_factor = required<double>(rope, "low_freq_factor", path);
  scaling.high_freq_factor = required<double>(rope, "high_freq_factor", path);
  scaling.original_max_position = required<double>(rope, "original_max_position_embeddings", path);
  config.rope_scaling = scaling;
}

void add_end_tokens(const Json& json, std::vector<int64_t>& end_tokens) {
  const Json ids = json.value("eos_token_id", Json());
  std::set<int64_t> known(end_tokens.begin(), end_tokens.end());
  if (ids.is_number_integer()) known.insert(ids.get<int64_t>());
  if (ids.is_array()) {
    for (const Json& id : ids) known.insert(id.get<int64_t>());
  }
  end_tokens.assign(known.begin(), known.end());
}

}  // namespace

ModelConfig ModelConfig::from_model_dir(const std::string& dir) {
  const std::string path = dir + "/config.json";
  const Json json = parse_file(path);
  const auto type = json.value("model_type", std::string());
  if (type != "llama" && type != "mistral" && type != "qwen2") {
    throw std::invalid_argument(fmt::format(
        "{}: model_type '{}' isn't supported: expected llama, mistral or qwen2", path, type));
  }
  if (json.value("mlp_bias", false))
    throw std::invalid_argument(fmt::format("{}: mlp_bias true isn't supported", path));
  if (json.value("hidden_act", std::string("silu")) != "silu")
    throw std::invalid_argument(fmt::format("{}: hidden_act must be silu", path));
  ModelConfig config;
  config.o_bias = json.value("attention_bias", false);
  config.qkv_bias = config.o_bias || type == "qwen2";
  const Json window = json.value("sliding_window", Json());
  // Qwen 2 writes a window that it uses only if told to.
  if (window.is_number_integer() && json.value("use_sliding_window", type != "qwen2"))
    config.sliding_window = window.get<int64_t>();
  config.vocabulary = required<int64_t>(json, "vocab_size", path);
  config.width = required<int64_t>(json, "hidden_size", path);
  config.mlp_width = required<int64_t>(json, "intermediate_size", path);
  config.layers = required<int64_t>(json, "num_hidden_layers", path);
  config.heads = required<int64_t>(json, "num_attention_heads", path);
  config.key_heads = json.value("num_key_value_heads", config.heads);
  if (config.vocabulary < 1 || config.width < 1 || config.mlp_width < 1 || config.layers < 1 ||
      config.heads < 1 || config.key_heads < 1) {
    throw std::invalid_argument(fmt::format("{}: sizes must be at least 1", path));
  }
  const Json head_dim = json.value("head_dim", Json());
  config.head_size =
      head_dim.is_number_integer() ? head_dim.get<int64_t>() : config.width / config.heads;
  if (config.heads % config.key_heads != 0 || config.head_size < 2 || config.head_size % 2 != 0) {
    throw std::invalid_argument(
        fmt::format("{}: {} heads of size {} over {} key heads don't fit together", path,
                    config.heads, config.head_size, config.key_heads));
  }
  config.norm_epsilon = required<double>(json, "rms_norm_eps", path);
  const Json positions = json.value("max_position_embeddings", Json());
  if (positions.is_number_integer()) config.max_positions = positions.get<int64_t>();
  config.tied_embeddings = json.value("tie_word_embeddings", false);
  read_rope(json, path, config);
  add_end_tokens(json, config.end_tokens);
  const std::string generation = dir + "/generation_config.json";
  if (std::filesystem::exists(generation))
    add_end_tokens(parse_file(generation), config.end_tokens);
  return config;
}

std::vector<double> rope_frequencies(const ModelConfig& config) {
  std::vector<double> frequencies;
  for (int64_t j = 0; j < config.head_size / 2; ++j) {
    double frequency = std::pow(
        config.rope_theta, -2.0 * static_cast<double>(j) / static_cast<double>(config.head_size));
    if (config.rope_scaling) {
      const Llama3RopeScaling& s = *config.rope_scaling;
      const double wavelength = 2 * std::numbers::pi / frequency;
      if (wavelength > s.original_max_position / s.low_freq_factor) {
        frequency /= s.factor;
      } else if (wavelength >= s.original_max_position / s.high_freq_factor) {
        const double smooth = (s.original_max_position / wavelength - s.low_freq_factor) /
                              (s.high_freq_factor - s.low_freq_factor);
        frequency = (1 - smooth) * frequency / s.factor + smooth * frequency;
      }
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}

}  // namespace candor::trainer
