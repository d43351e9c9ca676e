#include "trainer/model/pass_cost.h"

#include <algorithm>
#include <set>

namespace candor::trainer {
namespace {

struct Linear {
  const char* name;
  int64_t in, out;
  bool reads_layer_input;
  bool of_all_rows_in_last_layer;  // The rest is computed there only where it is read.
};

std::array<Linear, 7> linears_of(const ModelConfig& c) {
  const int64_t q = c.heads * c.head_size, kv = c.key_heads * c.head_size;
  return {{{"q_proj", c.width, q, true, false},
           {"k_proj", c.width, kv, true, true},
           {"v_proj", c.width, kv, true, true},
           {"o_proj", q, c.width, false, false},
           {"gate_proj", c.width, c.mlp_width, false, false},
           {"up_proj", c.width, c.mlp_width, false, false},
           {"down_proj", c.mlp_width, c.width, false, false}}};
}

double product(int64_t rows, int64_t in, int64_t out) {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
}

}  // namespace

// Row r of a sequence sees r + 1 keys: rows [begin, end) see end (end + 1) / 2 - begin (begin + 1)
// / 2 together. Whole numbers below 2^53, so that fp64 holds them exactly.
PassShape pass_shape(const data::TokenData& data, std::span<const int64_t> examples,
                     bool share_prefix, bool from_marker) {
  const auto seen_before = [](int64_t row) {
    return static_cast<double>(row) * static_cast<double>(row + 1) / 2;
  };
  PassShape shape{.head_rows = static_cast<int64_t>(examples.size())};
  std::set<int32_t> met;
  for (const int64_t example : examples) {
    const auto i = static_cast<size_t>(example);
    const data::Example& of = data.examples[i];
    const auto suffix = static_cast<int64_t>(data.suffix(i).size()),
               prefix = static_cast<int64_t>(data.example_length(i)) - suffix;
    const int64_t read = prefix + of.confidence_position;
    int64_t begin = 0, end = prefix + suffix;
    if (from_marker) {
      begin = prefix + of.marker_position;
      end = read + 1;
    } else if (share_prefix && prefix > 0 && !met.insert(of.prefix).second) {
      begin = prefix;
    }
    shape.rows += end - begin;
    shape.scores += seen_before(end) - seen_before(begin);
    shape.last_scores += static_cast<double>(read + 1);
  }
  return shape;
}

PassCost& PassCost::operator+=(const PassCost& other) {
  linear += other.linear;
  lora += other.lora;
  attention += other.attention;
  head += other.head;
  return *this;
}

PassCost training_cost(const ModelConfig& c, const LoraOptions& lora, const PassShape& shape,
                       int64_t first_layer, int64_t levels) {
  PassCost cost;
  const int64_t past = lora.layers.end < 0 ? c.layers : lora.layers.end;
  const double of_a_score = 2.0 * static_cast<double>(c.heads * c.head_size);
  for (int64_t layer = first_layer; layer < c.layers; ++layer) {
    const bool last = layer + 1 == c.layers, backward = layer >= lora.layers.begin,
               adapted = backward && layer < past;
    for (const Linear& linear : linears_of(c)) {
      const int64_t rows = last && !linear.of_all_rows_in_last_layer ? shape.head_rows : shape.rows;
      // Nobody reads the gradient below the lowest adapted layer's queries, keys and values.
      const bool to_input = backward && !(layer == lora.layers.begin && linear.reads_layer_input);
      cost.linear += (to_input ? 2 : 1) * product(rows, linear.in, linear.out);
      if (adapted && std::count(lora.modules.begin(), lora.modules.end(), linear.name) > 0) {
        cost.lora += 3 * product(rows, lora.rank, linear.in + linear.out);
      }
    }
    cost.attention += (backward ? 7 : 2) * of_a_score * (last ? shape.last_scores : shape.scores);
  }
  cost.head = 2 * product(shape.head_rows, c.width, levels);
  return cost;
}

int64_t kept_elements_per_row(const ModelConfig& c) {
  const int64_t q = c.heads * c.head_size, kv = c.key_heads * c.head_size;
  // These are x and h twice, q k v, attention and its lse, and gate, up and act.
  return 4 * c.width + (q + 2 * kv) + q + c.heads + 3 * c.mlp_width;
}

PassCost forward_cost(const ModelConfig& c, const PassShape& shape, int64_t levels) {
  LoraOptions none;
  none.layers.begin = none.layers.end = c.layers;
  PassCost cost = training_cost(c, none, shape, 0, levels);
  cost.head /= 2;
  return cost;
}

}  // namespace candor::trainer
