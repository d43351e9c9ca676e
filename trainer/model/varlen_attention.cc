#include "trainer/model/varlen_attention.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace candor::trainer {
namespace {

at::Tensor on_device(const std::vector<int32_t>& values, at::Device device) {
  return at::tensor(values, at::kInt).to(device);
}

at::Tensor heads_of(const at::Tensor& rows, int64_t heads, at::ScalarType dtype) {
  return rows.to(dtype).contiguous().view({rows.size(0), heads, rows.size(1) / heads});
}

at::Tensor rows_of(const at::Tensor& heads) {
  return heads.reshape({heads.size(0), heads.size(1) * heads.size(2)});
}

class FlashAttention final : public VarlenAttention {
 public:
  at::ScalarType dtype() const override { return at::kBFloat16; }

  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& q, const at::Tensor& k,
                                            const at::Tensor& v,
                                            const PackedSequences& s) const override {
    const auto result =
        at::_flash_attention_forward(q, k, v, s.query_begin_S, s.key_begin_S, s.most_queries,
                                     s.most_keys, /*dropout_p=*/0.0, s.causal,
                                     /*return_debug_mask=*/false);
    return {std::get<0>(result), std::get<1>(result)};
  }

  std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const AttentionTensors& tensors,
                                                          const at::Tensor& dout,
                                                          const PackedSequences& s) const override {
    const auto& [q, k, v, out, lse] = tensors;
    // The random state is read only where there is dropout.
    const at::Tensor no_random_state =
        at::zeros({2}, at::TensorOptions().dtype(at::kLong).device(q.device()));
    return at::_flash_attention_backward(dout, q, k, v, out, lse, s.query_begin_S, s.key_begin_S,
                                         s.most_queries, s.most_keys, /*dropout_p=*/0.0, s.causal,
                                         no_random_state, no_random_state);
  }
};

// Which processors and sizes the kernels are built for is libtorch's to know.
bool works(const FlashAttention& kernels, at::Device device, int64_t head_size) {
  const at::Tensor q = at::zeros({2, 1, head_size},
                                 at::TensorOptions().dtype(at::kBFloat16).device(device)),
                   k = q.clone();
  const at::Tensor begin = on_device({0, 2}, device);
  const PackedSequences sequence{.query_begin_S = begin,
                                 .key_begin_S = begin,
                                 .most_queries = 2,
                                 .most_keys = 2,
                                 .causal = true};
  try {
    const auto [out, lse] = kernels.forward(q, k, k, sequence);
    kernels.backward({q, k, k, out, lse}, out, sequence);
    return lse.sizes() == at::IntArrayRef({1, 2});  // older versions pad it
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace

const VarlenAttention* flash_attention(at::Device device, int64_t head_size) {
  static const FlashAttention kernels;
  if (!device.is_cuda() || head_size % 8 != 0 || head_size > 256) return nullptr;
  return works(kernels, device, head_size) ? &kernels : nullptr;
}

std::optional<SharedPrefixAttention> SharedPrefixAttention::plan(
    const std::vector<KeyRuns>& queries, int64_t key_rows, at::Device device) {
  const auto rows = static_cast<int64_t>(queries.size());
  if (rows == 0 || rows != key_rows) return std::nullopt;
  SharedPrefixAttention passes;
  std::vector<int32_t> own_begin, prefix_query_begin = {0}, prefix_key_begin = {0};
  std::vector<int64_t> prefixed;
  at::Tensor among_T = at::zeros({rows}, at::kLong), has_prefix_T = at::zeros({rows}, at::kBool);
  for (int64_t row = 0; row < rows; ++row) {
    const KeyRuns& query = queries[static_cast<size_t>(row)];
    if (query.query_row != row || query.own_begin + query.own_length != row + 1)
      return std::nullopt;
    if (query.own_length == 1) own_begin.push_back(static_cast<int32_t>(row));
    if (own_begin.empty() || own_begin.back() != query.own_begin) return std::nullopt;
    passes.own_.most_queries = std::max(passes.own_.most_queries, query.own_length);
    if (query.prefix_length == 0) continue;
    const Rows keys{query.prefix_begin, query.prefix_length};
    if (passes.prefix_keys_.empty() || passes.prefix_keys_.back() != keys) {
      passes.prefix_keys_.push_back(keys);
      prefix_query_begin.push_back(prefix_query_begin.back());
      prefix_key_begin.push_back(prefix_key_begin.back() + static_cast<int32_t>(keys.length));
      passes.prefix_.most_keys = std::max(passes.prefix_.most_keys, keys.length);
    }
    among_T.mutable_data_ptr<int64_t>()[row] = static_cast<int64_t>(prefixed.size());
    has_prefix_T.mutable_data_ptr<bool>()[row] = true;
    prefixed.push_back(row);
    const int64_t of_this_prefix =
        ++prefix_query_begin.back() - prefix_query_begin[prefix_query_begin.size() - 2];
    passes.prefix_.most_queries = std::max(passes.prefix_.most_queries, of_this_prefix);
  }
  own_begin.push_back(static_cast<int32_t>(rows));
  passes.own_.most_keys = passes.own_.most_queries;
  passes.own_.causal = true;
  passes.own_.query_begin_S = passes.own_.key_begin_S = on_device(own_begin, device);
  if (prefixed.empty()) return passes;
  passes.prefix_.query_begin_S = on_device(prefix_query_begin, device);
  passes.prefix_.key_begin_S = on_device(prefix_key_begin, device);
  passes.prefixed_row_R_ = at::tensor(prefixed, at::kLong).to(device);
  passes.among_prefixed_T_ = among_T.to(device);
  passes.has_prefix_T_ = has_prefix_T.to(device);
  return passes;
}

at::Tensor SharedPrefixAttention::keys_of_prefixes(const at::Tensor& rows) const {
  std::vector<at::Tensor> parts;
  for (const Rows& keys : prefix_keys_) parts.push_back(rows.narrow(0, keys.begin, keys.length));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

void SharedPrefixAttention::forward(const VarlenAttention& kernels, const AttentionHeads& shape,
                                    const AttentionTensors& tensors) const {
  const auto& [q, k, v, out, lse] = tensors;
  const at::Tensor q_THC = heads_of(q, shape.heads, kernels.dtype()),
                   k_TKC = heads_of(k, shape.key_heads, kernels.dtype()),
                   v_TKC = heads_of(v, shape.key_heads, kernels.dtype());
  const auto [own_THC, own_lse_HT] = kernels.forward(q_THC, k_TKC, v_TKC, own_);
  if (!prefixed_row_R_.defined()) {
    out.copy_(rows_of(own_THC));
    lse.copy_(own_lse_HT.t());
    return;
  }
  const auto [prefix_RHC, prefix_lse_HR] =
      kernels.forward(q_THC.index_select(0, prefixed_row_R_), keys_of_prefixes(k_TKC),
                      keys_of_prefixes(v_TKC), prefix_);
  const at::Tensor prefix_lse_HT =
      prefix_lse_HR.index_select(1, among_prefixed_T_)
          .masked_fill_(has_prefix_T_.logical_not(), -std::numeric_limits<double>::infinity());
  const at::Tensor lse_HT = at::logaddexp(own_lse_HT, prefix_lse_HT);
  const auto share_TH1 = [&](const at::Tensor& part_HT) {
    return (part_HT - lse_HT).exp_().t().unsqueeze(2);
  };
  at::Tensor merged_THC = own_THC.to(out.scalar_type()) * share_TH1(own_lse_HT);
  merged_THC.addcmul_(prefix_RHC.index_select(0, among_prefixed_T_).to(out.scalar_type()),
                      share_TH1(prefix_lse_HT));
  out.copy_(rows_of(merged_THC));
  lse.copy_(lse_HT.t());
}

void SharedPrefixAttention::backward(const VarlenAttention& kernels, const AttentionHeads& shape,
                                     const AttentionTensors& tensors,
                                     const AttentionGradients& gradients) const {
  const auto& [dout, dq, dk, dv] = gradients;
  const at::ScalarType dtype = kernels.dtype();
  const AttentionTensors own{.q = heads_of(tensors.q, shape.heads, dtype),
                             .k = heads_of(tensors.k, shape.key_heads, dtype),
                             .v = heads_of(tensors.v, shape.key_heads, dtype),
                             .out = heads_of(tensors.out, shape.heads, dtype),
                             .lse = tensors.lse.t().contiguous()};
  const at::Tensor dout_THC = heads_of(dout, shape.heads, dtype);
  const auto [own_dq, own_dk, own_dv] = kernels.backward(own, dout_THC, own_);
  dq.add_(rows_of(own_dq));
  dk.add_(rows_of(own_dk));
  dv.add_(rows_of(own_dv));
  if (!prefixed_row_R_.defined()) return;
  const auto prefixed = [&](const at::Tensor& rows) {
    return rows.index_select(0, prefixed_row_R_);
  };
  const AttentionTensors of_prefixes{.q = prefixed(own.q),
                                     .k = keys_of_prefixes(own.k),
                                     .v = keys_of_prefixes(own.v),
                                     .out = prefixed(own.out),
                                     .lse = own.lse.index_select(1, prefixed_row_R_)};
  const auto [prefix_dq, prefix_dk, prefix_dv] =
      kernels.backward(of_prefixes, prefixed(dout_THC), prefix_);
  dq.add_(rows_of(prefix_dq).index_select(0, among_prefixed_T_).mul_(has_prefix_T_.unsqueeze(1)));
  int64_t at_key = 0;
  for (const Rows& keys : prefix_keys_) {
    dk.narrow(0, keys.begin, keys.length).add_(rows_of(prefix_dk.narrow(0, at_key, keys.length)));
    dv.narrow(0, keys.begin, keys.length).add_(rows_of(prefix_dv.narrow(0, at_key, keys.length)));
    at_key += keys.length;
  }
}

}  // namespace candor::trainer
