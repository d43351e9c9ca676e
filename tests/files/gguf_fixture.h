// Writes GGUF files byte by byte, right or wrong, for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace candor::data {

class GgufBuilder {
 public:
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t extra_tensors = 0, extra_pairs = 0;  // announced but not there

  GgufBuilder& text(const std::string& key, const std::string& value) {
    return raw(key, 8, encoded(value));
  }
  GgufBuilder& u32(const std::string& key, std::uint32_t value) {
    return raw(key, 4, number(value));
  }
  GgufBuilder& f32(const std::string& key, float value) { return raw(key, 6, number(value)); }
  GgufBuilder& boolean(const std::string& key, bool value) {
    return raw(key, 7, number(static_cast<std::uint8_t>(value)));
  }
  GgufBuilder& texts(const std::string& key, const std::vector<std::string>& values) {
    std::string bytes = number<std::uint32_t>(8) + number<std::uint64_t>(values.size());
    for (const std::string& value : values) bytes += encoded(value);
    return raw(key, 9, bytes);
  }
  GgufBuilder& i32s(const std::string& key, const std::vector<std::int32_t>& values) {
    std::string bytes = number<std::uint32_t>(5) + number<std::uint64_t>(values.size());
    for (const std::int32_t value : values) bytes += number(value);
    return raw(key, 9, bytes);
  }
  GgufBuilder& raw(const std::string& key, std::uint32_t type, const std::string& value) {
    pairs_.emplace_back(key, number(type) + value);
    return *this;
  }
  GgufBuilder& erase(const std::string& key) {
    std::erase_if(pairs_, [&](const auto& pair) { return pair.first == key; });
    return *this;
  }
  GgufBuilder& erase_tensor(const std::string& name) {
    std::erase_if(tensors_, [&](const auto& tensor) { return tensor.name == name; });
    return *this;
  }

  // shape is in the file's order: innermost first.
  GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                      std::uint32_t type, const std::string& data) {
    tensors_.push_back({name, shape, type, data});
    return *this;
  }
  GgufBuilder& floats(const std::string& name, const std::vector<std::uint64_t>& shape,
                      const std::vector<float>& values) {
    std::string data;
    for (const float value : values) data += number(value);
    return tensor(name, shape, 0, data);
  }

  std::string bytes() const {
    std::string out = magic + number(version) +
                      number<std::uint64_t>(tensors_.size() + extra_tensors) +
                      number<std::uint64_t>(pairs_.size() + extra_pairs);
    for (const auto& [key, value] : pairs_) out += encoded(key) + value;
    std::string data;
    for (const auto& tensor : tensors_) {
      out += encoded(tensor.name) + number(static_cast<std::uint32_t>(tensor.shape.size()));
      for (const std::uint64_t extent : tensor.shape) out += number(extent);
      out += number(tensor.type) + number<std::uint64_t>(data.size());
      data += tensor.data;
      data.resize((data.size() + 31) / 32 * 32);
    }
    out.resize((out.size() + 31) / 32 * 32);
    return out + data;
  }

  template <typename T>
  static std::string number(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
  }
  static std::string encoded(const std::string& value) {
    return number<std::uint64_t>(value.size()) + value;
  }

 private:
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::uint32_t type;
    std::string data;
  };
  std::vector<std::pair<std::string, std::string>> pairs_;
  std::vector<Tensor> tensors_;
};

inline constexpr std::uint64_t kWidth = 8, kMlp = 6, kVocabulary = 5;

inline std::vector<float> counting(std::uint64_t count, float first = 0.0F) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// One layer, two heads of 4, one K/V head. Row r of q and k is filled with numbers from 8 r on.
inline GgufBuilder tiny_gguf() {
  GgufBuilder b;
  b.text("general.architecture", "llama")
      .u32("llama.block_count", 1)
      .u32("llama.context_length", 64)
      .u32("llama.embedding_length", kWidth);
  b.u32("llama.feed_forward_length", kMlp)
      .u32("llama.attention.head_count", 2)
      .u32("llama.attention.head_count_kv", 1);
  b.f32("llama.rope.freq_base", 100000.0F)
      .f32("llama.attention.layer_norm_rms_epsilon", 1e-5F)
      .u32("llama.rope.dimension_count", 4);
  b.text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", "smollm")
      .texts("tokenizer.ggml.tokens", {"<end>", "a", "b", "ab", "<tool>"});
  b.i32s("tokenizer.ggml.token_type", {3, 1, 1, 1, 4})
      .texts("tokenizer.ggml.merges", {"a b"})
      .u32("tokenizer.ggml.eos_token_id", 0);
  b.text("tokenizer.chat_template", "{{ messages }}")
      .boolean("tokenizer.ggml.add_bos_token", false);
  b.floats("token_embd.weight", {kWidth, kVocabulary}, counting(kWidth * kVocabulary))
      .floats("output_norm.weight", {kWidth}, counting(kWidth));
  b.floats("blk.0.attn_norm.weight", {kWidth}, counting(kWidth))
      .floats("blk.0.ffn_norm.weight", {kWidth}, counting(kWidth));
  b.floats("blk.0.attn_q.weight", {kWidth, 8}, counting(64))
      .floats("blk.0.attn_k.weight", {kWidth, 4}, counting(32));
  b.floats("blk.0.attn_v.weight", {kWidth, 4}, counting(32))
      .floats("blk.0.attn_output.weight", {8, kWidth}, counting(64));
  b.floats("blk.0.ffn_gate.weight", {kWidth, kMlp}, counting(48))
      .floats("blk.0.ffn_up.weight", {kWidth, kMlp}, counting(48));
  b.floats("blk.0.ffn_down.weight", {kMlp, kWidth}, counting(48));
  return b;
}

}  // namespace candor::data
