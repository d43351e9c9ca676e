#include "trainer/generation/cached_decoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <stdexcept>

#include "trainer/model/attention.h"
#include "trainer/model/frozen_product.h"
#include "trainer/model/tensor_kernels.h"

namespace candor::trainer {
namespace {

at::Tensor index_tensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(device);
}

}  // namespace

CachedDecoder::CachedDecoder(const LlamaModel& model, std::vector<uint32_t> prefix)
    : model_(model), prefix_length_(static_cast<int64_t>(prefix.size())) {
  const ModelConfig& c = model_.config();
  const at::TensorOptions options =
      at::TensorOptions().dtype(model_.dtype()).device(model_.device());
  for (int64_t layer = 0; layer < c.layers; ++layer)
    keys_values_.push_back(at::zeros({prefix_length_, 2 * c.key_heads * c.head_size}, options));
  if (prefix.empty()) return;
  std::vector<Row> rows;
  for (int64_t t = 0; t < prefix_length_; ++t)
    rows.push_back({prefix[static_cast<size_t>(t)], t, t, 0, t + 1});
  forward(rows, {}, /*attend_to_prefix=*/false);
}

void CachedDecoder::begin_group(int64_t slots, int64_t capacity) {
  capacity_ = capacity;
  lengths_.assign(static_cast<size_t>(slots), 0);
  const int64_t wanted = prefix_length_ + slots * capacity;
  for (at::Tensor& cache : keys_values_) {
    if (cache.size(0) >= wanted) continue;
    at::Tensor larger = at::zeros({wanted, cache.size(1)}, cache.options());
    larger.narrow(0, 0, prefix_length_).copy_(cache.narrow(0, 0, prefix_length_));
    cache = larger;
  }
}

at::Tensor CachedDecoder::append(const std::vector<Append>& appends) {
  std::vector<Row> rows;
  std::vector<int64_t> head_rows;
  for (const Append& one : appends) {
    int64_t& length = lengths_.at(static_cast<size_t>(one.slot));
    const int64_t begin = prefix_length_ + one.slot * capacity_;
    if (one.tokens.empty() || length + static_cast<int64_t>(one.tokens.size()) > capacity_) {
      throw std::logic_error(
          fmt::format("decoder: {} tokens don't fit into a slot of {} that holds {}",
                      one.tokens.size(), capacity_, length));
    }
    for (const uint32_t token : one.tokens) {
      rows.push_back({token, prefix_length_ + length, begin + length, begin, length + 1});
      ++length;
    }
    head_rows.push_back(static_cast<int64_t>(rows.size()) - 1);
  }
  return forward(rows, head_rows, true);
}

at::Tensor CachedDecoder::forward(const std::vector<Row>& rows,
                                  const std::vector<int64_t>& head_rows, bool attend_to_prefix) {
  const ModelConfig& c = model_.config();
  const ModelWeights& weights = model_.weights();
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t q_width = c.heads * c.head_size, kv_width = c.key_heads * c.head_size;
  std::vector<int64_t> ids, positions, cache_rows;
  std::vector<KeyRuns> queries;
  for (int64_t n = 0; n < count; ++n) {
    const Row& row = rows[static_cast<size_t>(n)];
    ids.push_back(row.token);
    positions.push_back(row.position);
    cache_rows.push_back(row.cache_row);
    queries.push_back({.query_row = n,
                       .prefix_begin = 0,
                       .prefix_length = attend_to_prefix ? prefix_length_ : 0,
                       .own_begin = row.own_begin,
                       .own_length = row.own_length});
  }
  const auto [cos_NJ, sin_NJ] = model_.rope_tables(positions);
  const at::Tensor cache_index = index_tensor(cache_rows, model_.device());
  const PackedAttention attend(c, std::move(queries), keys_values_[0].size(0), model_.device());
  at::Tensor x = model_.embed(ids), rstd;
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    const LayerWeights& w = weights.layers[static_cast<size_t>(layer)];
    at::Tensor qkv = frozen_product(rms_norm(x, w.input_norm_D, c.norm_epsilon, rstd), w.qkv.t(),
                                    model_.products());
    if (w.qkv_bias.defined()) qkv.add_(w.qkv_bias);
    at::Tensor& cache = keys_values_[static_cast<size_t>(layer)];
    at::Tensor attention = at::empty({count, q_width}, x.options()),
               lse = at::empty({count, c.heads}, x.options());
    rotate_heads(qkv, cos_NJ, sin_NJ, c.heads + c.key_heads, c.head_size, +1);
    cache.index_copy_(0, cache_index, qkv.narrow(1, q_width, 2 * kv_width));
    attend.forward({.q = qkv.narrow(1, 0, q_width),
                    .k = cache.narrow(1, 0, kv_width),
                    .v = cache.narrow(1, kv_width, kv_width),
                    .out = attention,
                    .lse = lse});
    if (layer + 1 == c.layers) {  // of the last layer only the rows that are read
      if (head_rows.empty()) return {};
      const at::Tensor index = index_tensor(head_rows, model_.device());
      attention = at::index(attention, {index});
      x = at::index(x, {index});
    }
    at::Tensor o = frozen_product(attention, w.o.t(), model_.products());
    if (w.o_bias.defined()) o.add_(w.o_bias);
    x = x + o;
    x = x + frozen_product(swiglu(frozen_product(rms_norm(x, w.post_norm_D, c.norm_epsilon, rstd),
                                                 w.gate_up.t(), model_.products())),
                           w.down.t(), model_.products());
  }
  return model_.logits(rms_norm(x, weights.final_norm_D, c.norm_epsilon, rstd));
}

}  // namespace candor::trainer
