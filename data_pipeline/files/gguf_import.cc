#include "data_pipeline/files/gguf_import.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/gguf.h"
#include "data_pipeline/files/gguf_tokenizer.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/files/staged_folder.h"

namespace candor::data {
namespace {

using nlohmann::json;
using Shape = std::vector<std::int64_t>;

struct LlamaSizes {
  std::int64_t layers, width, mlp_width, heads, kv_heads, head_size, vocabulary, context;
  double rope_base, epsilon;
  bool tied;
};

std::int64_t positive(const GgufFile& file, const std::string& key) {
  const auto value = file.get<std::int64_t>(key);
  if (value < 1 || value > (std::int64_t{1} << 31))
    file.refuse(fmt::format("metadata {}: {} is out of range", key, value));
  return value;
}

// The shortest decimal that gives this fp32 back: 1e-05, not 9.999999747378752e-06, so that
// config.json says what the model's author wrote.
double shortest(const GgufFile& file, const std::string& key, float value) {
  if (!std::isfinite(value) || value <= 0)
    file.refuse(fmt::format("metadata {}: {} must be finite and above 0", key, value));
  return std::stod(fmt::format("{}", value));
}

LlamaSizes read_sizes(const GgufFile& file) {
  if (const auto& architecture = file.get<std::string>("general.architecture");
      architecture != "llama") {
    file.refuse(
        fmt::format("metadata general.architecture: \"{}\" isn't read, only llama", architecture));
  }
  if (const auto* scaling = file.find<std::string>("llama.rope.scaling.type");
      scaling != nullptr && *scaling != "none") {
    file.refuse(
        fmt::format("metadata llama.rope.scaling.type: \"{}\" isn't converted; use the "
                    "model's Hugging Face files",
                    *scaling));
  }
  LlamaSizes sizes{};
  sizes.layers = positive(file, "llama.block_count");
  sizes.width = positive(file, "llama.embedding_length");
  sizes.mlp_width = positive(file, "llama.feed_forward_length");
  sizes.heads = positive(file, "llama.attention.head_count");
  const bool grouped = file.metadata().count("llama.attention.head_count_kv") != 0;
  sizes.kv_heads = grouped ? positive(file, "llama.attention.head_count_kv") : sizes.heads;
  const bool own_head_size = file.metadata().count("llama.attention.key_length") != 0;
  sizes.head_size =
      own_head_size ? positive(file, "llama.attention.key_length") : sizes.width / sizes.heads;
  if ((!own_head_size && sizes.width % sizes.heads != 0) || sizes.heads % sizes.kv_heads != 0 ||
      sizes.head_size % 2 != 0) {
    file.refuse(fmt::format("width {}, {} heads and {} K/V heads don't fit together", sizes.width,
                            sizes.heads, sizes.kv_heads));
  }
  if (const auto* rotated = file.find<std::int64_t>("llama.rope.dimension_count");
      rotated != nullptr && *rotated != sizes.head_size) {
    file.refuse(fmt::format(
        "metadata llama.rope.dimension_count: only whole heads of {} are rotated here, got {}",
        sizes.head_size, *rotated));
  }
  sizes.context = positive(file, "llama.context_length");
  const float* rope_base = file.find<float>("llama.rope.freq_base");
  sizes.rope_base =
      rope_base == nullptr ? 10000.0 : shortest(file, "llama.rope.freq_base", *rope_base);
  const std::string epsilon_key = "llama.attention.layer_norm_rms_epsilon";
  sizes.epsilon = shortest(file, epsilon_key, file.get<float>(epsilon_key));
  sizes.vocabulary =
      static_cast<std::int64_t>(file.get<std::vector<std::string>>("tokenizer.ggml.tokens").size());
  sizes.tied = file.find_tensor("output.weight") == nullptr;
  return sizes;
}

std::string json_text(const GgufFile& file, const json& value, int indent) {
  try {
    return value.dump(indent) + "\n";
  } catch (const json::exception& error) {
    file.refuse(fmt::format("its tokenizer holds text that isn't UTF-8 ({}); download it again",
                            error.what()));
  }
}

json config_json(const GgufFile& file, const LlamaSizes& sizes) {
  json config{{"architectures", {"LlamaForCausalLM"}},
              {"model_type", "llama"},
              {"attention_bias", false},
              {"mlp_bias", false},
              {"hidden_act", "silu"},
              {"hidden_size", sizes.width},
              {"intermediate_size", sizes.mlp_width},
              {"num_hidden_layers", sizes.layers},
              {"num_attention_heads", sizes.heads},
              {"num_key_value_heads", sizes.kv_heads},
              {"head_dim", sizes.head_size},
              {"max_position_embeddings", sizes.context},
              {"rms_norm_eps", sizes.epsilon},
              {"rope_theta", sizes.rope_base},
              {"rope_scaling", nullptr},
              {"tie_word_embeddings", sizes.tied},
              {"vocab_size", sizes.vocabulary},
              {"torch_dtype", "float32"}};
  const std::vector<std::pair<const char*, const char*>> ids{
      {"bos_token_id", "bos"}, {"eos_token_id", "eos"}, {"pad_token_id", "padding"}};
  for (const auto& [name, key] : ids) {
    if (const auto* id = file.find<std::int64_t>(fmt::format("tokenizer.ggml.{}_token_id", key)))
      config[name] = *id;
  }
  return config;
}

// Row-wise inverse of llama.cpp's permutation: its rows 2 i and 2 i + 1 of a head are ours i and
// head_size / 2 + i.
std::vector<float> undo_permutation(const std::vector<float>& rows, std::int64_t heads,
                                    std::int64_t head_size) {
  std::vector<float> result(rows.size());
  const auto row_numel = rows.size() / static_cast<std::size_t>(heads * head_size);
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::int64_t i = 0; i < head_size; ++i) {
      const std::int64_t from = head * head_size + i,
                         to = head * head_size + (i % 2) * (head_size / 2) + i / 2;
      std::memcpy(&result[static_cast<std::size_t>(to) * row_numel],
                  &rows[static_cast<std::size_t>(from) * row_numel], row_numel * sizeof(float));
    }
  }
  return result;
}

// Turns the tensors of the file into sources for the safetensors writer, and remembers which have
// been asked for.
class Conversion {
 public:
  explicit Conversion(const GgufFile& file) : file_(file) {}

  // permuted_heads > 0: a q or k matrix of that many heads.
  void add(const std::string& gguf_name, const std::string& name, const Shape& shape,
           std::int64_t permuted_heads = 0) {
    const GgufTensor* tensor = file_.find_tensor(gguf_name);
    if (tensor == nullptr) file_.refuse(fmt::format("tensor {} is missing", gguf_name));
    if (tensor->shape != shape) {
      file_.refuse(fmt::format("tensor {} has the shape {}, expected {} from the metadata",
                               gguf_name, json(tensor->shape).dump(), json(shape).dump()));
    }
    used_.insert(gguf_name);
    sources_.push_back({name, DType::F32, shape,
                        [this, tensor, permuted_heads] { return make(*tensor, permuted_heads); }});
  }

  std::vector<TensorSource> finish() {
    for (const GgufTensor& tensor : file_.tensors()) {
      if (used_.count(tensor.name) == 0) {
        file_.refuse(
            fmt::format("tensor {} has no place in the Llama layout that is converted; use "
                        "the model's Hugging Face files",
                        tensor.name));
      }
    }
    return std::move(sources_);
  }

 private:
  std::vector<std::byte> make(const GgufTensor& tensor, std::int64_t permuted_heads) const {
    std::vector<float> values(static_cast<std::size_t>(tensor.numel()));
    gguf_dequantize(tensor.type, tensor.bytes, values);
    for (const float value : values) {
      if (!std::isfinite(value))
        file_.refuse(fmt::format(
            "tensor {} holds a NaN or an infinity: the file is damaged; download it again",
            tensor.name));
    }
    if (permuted_heads > 0)
      values = undo_permutation(values, permuted_heads, tensor.shape[0] / permuted_heads);
    std::vector<std::byte> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }

  const GgufFile& file_;
  std::set<std::string> used_;
  std::vector<TensorSource> sources_;
};

void add_tensors(Conversion& conversion, const LlamaSizes& s) {
  conversion.add("token_embd.weight", "model.embed_tokens.weight", {s.vocabulary, s.width});
  conversion.add("output_norm.weight", "model.norm.weight", {s.width});
  if (!s.tied) conversion.add("output.weight", "lm_head.weight", {s.vocabulary, s.width});
  for (std::int64_t layer = 0; layer < s.layers; ++layer) {
    const std::string from = fmt::format("blk.{}.", layer),
                      to = fmt::format("model.layers.{}.", layer);
    conversion.add(from + "attn_norm.weight", to + "input_layernorm.weight", {s.width});
    conversion.add(from + "attn_q.weight", to + "self_attn.q_proj.weight",
                   {s.heads * s.head_size, s.width}, s.heads);
    conversion.add(from + "attn_k.weight", to + "self_attn.k_proj.weight",
                   {s.kv_heads * s.head_size, s.width}, s.kv_heads);
    conversion.add(from + "attn_v.weight", to + "self_attn.v_proj.weight",
                   {s.kv_heads * s.head_size, s.width});
    conversion.add(from + "attn_output.weight", to + "self_attn.o_proj.weight",
                   {s.width, s.heads * s.head_size});
    conversion.add(from + "ffn_norm.weight", to + "post_attention_layernorm.weight", {s.width});
    conversion.add(from + "ffn_gate.weight", to + "mlp.gate_proj.weight", {s.mlp_width, s.width});
    conversion.add(from + "ffn_up.weight", to + "mlp.up_proj.weight", {s.mlp_width, s.width});
    conversion.add(from + "ffn_down.weight", to + "mlp.down_proj.weight", {s.width, s.mlp_width});
  }
}

}  // namespace

void import_gguf(const std::string& gguf_path, const std::string& out_dir) {
  const GgufFile file(gguf_path);
  const LlamaSizes sizes = read_sizes(file);
  Conversion conversion(file);
  add_tensors(conversion, sizes);
  std::vector<TensorSource> sources = conversion.finish();
  const json config = config_json(file, sizes);
  const std::string tokenizer = json_text(file, gguf_tokenizer_json(file), 1),
                    tokenizer_config = json_text(file, gguf_tokenizer_config_json(file), 2);
  json generation_config{{"do_sample", false}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (config.contains(key)) generation_config[key] = config[key];
  }

  StagedFolder staged(out_dir);
  write_safetensors_streamed(staged.path("model.safetensors"), std::move(sources),
                             {{"format", "pt"}});
  write_file_atomically(staged.path("tokenizer.json"), tokenizer);
  write_file_atomically(staged.path("tokenizer_config.json"), tokenizer_config);
  write_file_atomically(staged.path("generation_config.json"), generation_config.dump(2) + "\n");
  write_file_atomically(staged.path("config.json"), config.dump(2) + "\n");
  staged.commit();
}

}  // namespace candor::data
