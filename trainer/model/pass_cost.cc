#include "trainer/model/pass_cost.h"

#include <algorithm>

namespace candor::trainer {
namespace {

struct Linear {
  const char* name;
  int64_t in, out;
  bool reads_layer_input;
  bool of_all_rows_in_last_layer;  // the rest is computed there only where it is read
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

PassShape pass_shape(const data::MicroBatch& batch, bool from_marker) {
  PassShape shape{.head_rows = static_cast<int64_t>(batch.confidence_row_B.size())};
  std::vector<bool> computed(batch.tokens_T.size(), !from_marker);
  for (size_t b = 0; from_marker && b < batch.marker_row_B.size(); ++b) {
    for (int64_t row = batch.marker_row_B[b]; row <= batch.confidence_row_B[b]; ++row)
      computed[static_cast<size_t>(row)] = true;
  }
  std::vector<bool> read(batch.tokens_T.size(), false);
  for (const int64_t row : batch.confidence_row_B) read[static_cast<size_t>(row)] = true;
  for (const data::Segment& segment : batch.segments) {
    const int64_t prefix =
        segment.parent >= 0 ? batch.segments[static_cast<size_t>(segment.parent)].length : 0;
    for (int64_t row = segment.begin; row < segment.begin + segment.length; ++row) {
      if (!computed[static_cast<size_t>(row)]) continue;
      const auto seen = static_cast<double>(prefix + row - segment.begin + 1);
      ++shape.rows;
      shape.scores += seen;
      if (read[static_cast<size_t>(row)]) shape.last_scores += seen;
    }
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
  const int64_t past = lora.layer_end < 0 ? c.layers : lora.layer_end;
  const double of_a_score = 2.0 * static_cast<double>(c.heads * c.head_size);
  for (int64_t layer = first_layer; layer < c.layers; ++layer) {
    const bool last = layer + 1 == c.layers, backward = layer >= lora.layer_begin,
               adapted = backward && layer < past;
    for (const Linear& linear : linears_of(c)) {
      const int64_t rows = last && !linear.of_all_rows_in_last_layer ? shape.head_rows : shape.rows;
      // Nobody reads the gradient below the lowest adapted layer's queries, keys and values.
      const bool to_input = backward && !(layer == lora.layer_begin && linear.reads_layer_input);
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
  return 4 * c.width + (q + 2 * kv) + q + c.heads +
         3 * c.mlp_width;  // x and h twice, q k v, attention and its lse, gate, up and act
}

PassCost forward_cost(const ModelConfig& c, const PassShape& shape, int64_t levels) {
  LoraOptions none;
  none.layer_begin = none.layer_end = c.layers;
  PassCost cost = training_cost(c, none, shape, 0, levels);
  cost.head /= 2;
  return cost;
}

}  // namespace candor::trainer
