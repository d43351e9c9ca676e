#include "trainer/generation/cached_decoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <stdexcept>

#include "trainer/kernels/packed_attention.h"
#include "trainer/kernels/row_kernels.h"
#include "trainer/model/tensor_kernels.h"

namespace candor {
namespace {

at::Tensor index_tensor(const std::vector<int64_t>& values) { return at::tensor(values, at::TensorOptions().dtype(at::kLong)); }

}  // namespace

CachedDecoder::CachedDecoder(const LlamaModel& model, std::vector<uint32_t> prefix)
    : model_(model), prefix_length_(static_cast<int64_t>(prefix.size())) {
  const ModelConfig& c = model_.config();
  const at::TensorOptions options = at::TensorOptions().dtype(model_.dtype());
  for (int64_t layer = 0; layer < c.layers; ++layer) keys_values_.push_back(at::empty({prefix_length_, 2 * c.key_heads * c.head_size}, options));
  if (prefix.empty()) return;
  std::vector<Row> rows;
  for (int64_t t = 0; t < prefix_length_; ++t) rows.push_back({prefix[static_cast<size_t>(t)], t, t, 0, t + 1});
  forward(rows, {}, /*attend_to_prefix=*/false);
}

void CachedDecoder::begin_group(int64_t slots, int64_t capacity) {
  capacity_ = capacity;
  lengths_.assign(static_cast<size_t>(slots), 0);
  const int64_t wanted = prefix_length_ + slots * capacity;
  for (at::Tensor& cache : keys_values_) {
    if (cache.size(0) >= wanted) continue;
    at::Tensor larger = at::empty({wanted, cache.size(1)}, cache.options());
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
      throw std::logic_error(fmt::format("decoder: {} tokens don't fit into a slot of {} that holds {}", one.tokens.size(), capacity_, length));
    }
    for (const uint32_t token : one.tokens) {
      rows.push_back({token, prefix_length_ + length, begin + length, begin, length + 1});
      ++length;
    }
    head_rows.push_back(static_cast<int64_t>(rows.size()) - 1);
  }
  return forward(rows, head_rows, true);
}

at::Tensor CachedDecoder::forward(const std::vector<Row>& rows, const std::vector<int64_t>& head_rows, bool attend_to_prefix) {
  const ModelConfig& c = model_.config();
  const ModelWeights& weights = model_.weights();
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t q_width = c.heads * c.head_size, kv_width = c.key_heads * c.head_size;
  std::vector<int64_t> ids, positions, cache_rows;
  std::vector<KeyRuns> queries;
  for (int64_t n = 0; n < count; ++n) {
    const Row& row = rows[static_cast<size_t>(n)];
    if (row.token >= static_cast<uint64_t>(c.vocabulary)) {
      throw std::invalid_argument(fmt::format("token id {} is outside the model's vocabulary of {}: wrong tokenizer?", row.token, c.vocabulary));
    }
    ids.push_back(row.token);
    positions.push_back(row.position);
    cache_rows.push_back(row.cache_row);
    queries.push_back({.query_row = n, .prefix_begin = 0, .prefix_length = attend_to_prefix ? prefix_length_ : 0, .own_begin = row.own_begin,
                       .own_length = row.own_length});
  }
  const auto [cos_NJ, sin_NJ] = model_.rope_tables(positions);
  const at::Tensor cache_index = index_tensor(cache_rows);
  at::Tensor x = weights.embedding_VD.index_select(0, index_tensor(ids)), rstd;
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    const LayerWeights& w = weights.layers[static_cast<size_t>(layer)];
    at::Tensor qkv = at::mm(rms_norm(x, w.input_norm_D, c.norm_epsilon, rstd), w.qkv.t());
    at::Tensor& cache = keys_values_[static_cast<size_t>(layer)];
    at::Tensor attention = at::empty({count, q_width}, x.options()), lse = at::empty({count, c.heads}, x.options());
    dispatch(model_.dtype(), [&](auto zero) {
      using Real = decltype(zero);
      rope_rows<Real>(qkv.mutable_data_ptr<Real>(), qkv.size(1), cos_NJ.template const_data_ptr<Real>(), sin_NJ.template const_data_ptr<Real>(), count,
                      c.heads + c.key_heads, c.head_size, Real(1));
      cache.index_copy_(0, cache_index, qkv.narrow(1, q_width, 2 * kv_width));
      const Real* kv = cache.const_data_ptr<Real>();
      const AttentionBuffers<Real> buffers{qkv.const_data_ptr<Real>(), kv, kv + kv_width, qkv.size(1), cache.size(1), c.heads, c.key_heads, c.head_size};
      packed_attention_forward<Real>(buffers, queries, attention.mutable_data_ptr<Real>(), lse.mutable_data_ptr<Real>());
    });
    if (layer + 1 == c.layers) {  // of the last layer only the rows that are read
      if (head_rows.empty()) return {};
      const at::Tensor index = index_tensor(head_rows);
      attention = attention.index_select(0, index);
      x = x.index_select(0, index);
    }
    x = x + at::mm(attention, w.o.t());
    x = x + at::mm(swiglu(at::mm(rms_norm(x, w.post_norm_D, c.norm_epsilon, rstd), w.gate_up.t())), w.down.t());
  }
  return model_.logits(rms_norm(x, weights.final_norm_D, c.norm_epsilon, rstd));
}

}  // namespace candor
