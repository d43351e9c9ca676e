#include "trainer/model/aten_kernels.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "data_pipeline/tokens/splitmix64.h"

namespace candor::trainer {
namespace {

// Legend: R queries, N key rows, K key heads, G query heads of a key head, H = K G, C head size.

at::Tensor queries_of(const at::Tensor& rows, const AttentionHeads& shape,
                      const at::Tensor& row_R) {  // [K, R G, C]
  const int64_t group = shape.heads / shape.key_heads;
  return at::index(rows, {row_R})
      .view({row_R.size(0), shape.key_heads, group, shape.head_size})
      .permute({1, 0, 2, 3})
      .reshape({shape.key_heads, row_R.size(0) * group, shape.head_size});
}

at::Tensor rows_of_queries(const at::Tensor& heads_KQC, const AttentionHeads& shape,
                           int64_t queries) {  // back to [R, H C]
  return heads_KQC.view({shape.key_heads, queries, shape.heads / shape.key_heads, shape.head_size})
      .permute({1, 0, 2, 3})
      .reshape({queries, shape.heads * shape.head_size});
}

at::Tensor keys_of(const at::Tensor& rows, const AttentionHeads& shape) {  // [K, N, C]
  return rows.reshape({rows.size(0), shape.key_heads, shape.head_size}).transpose(0, 1);
}

at::Tensor rows_of_keys(const at::Tensor& heads_KNC) {
  return heads_KNC.transpose(0, 1).reshape(
      {heads_KNC.size(1), heads_KNC.size(0) * heads_KNC.size(2)});
}

double scale_of(const AttentionHeads& shape) {
  return 1.0 / std::sqrt(static_cast<double>(shape.head_size));
}

// Scaled scores, -inf where forbidden: [K, R, G, N].
at::Tensor scores_of(const AttentionHeads& shape, const AttentionMask& mask,
                     const at::Tensor& q_KQC, const at::Tensor& k_KNC) {
  const int64_t queries = mask.query_row_R.size(0), group = shape.heads / shape.key_heads;
  at::Tensor scores = at::bmm(q_KQC, k_KNC.transpose(1, 2))
                          .mul_(scale_of(shape))
                          .view({shape.key_heads, queries, group, k_KNC.size(1)});
  return scores.masked_fill_(mask.forbidden_RN.view({1, queries, 1, k_KNC.size(1)}),
                             -std::numeric_limits<double>::infinity());
}

at::Tensor shifted_right(const at::Tensor& z, int64_t bits) {  // as if z were unsigned
  return z.bitwise_right_shift(bits).bitwise_and((int64_t{1} << (64 - bits)) - 1);
}

}  // namespace

at::Tensor rms_norm_aten(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon,
                         at::Tensor& rstd_T) {
  rstd_T = x_TD.square().mean(1).add_(epsilon).rsqrt_();
  return x_TD * rstd_T.unsqueeze(1) * weight_D;
}

void add_rms_norm_backward_aten(const at::Tensor& dy_TD, const at::Tensor& x_TD,
                                const at::Tensor& weight_D, const at::Tensor& rstd_T,
                                at::Tensor& dx_TD) {
  const at::Tensor weighted_TD = dy_TD * weight_D, rstd_T1 = rstd_T.unsqueeze(1);
  const at::Tensor dot_T1 = (weighted_TD * x_TD).mean(1, /*keepdim=*/true);
  dx_TD.add_(rstd_T1 * weighted_TD - x_TD * (dot_T1 * rstd_T1.pow(3)));
}

void rotate_heads_aten(at::Tensor& x_TS, const at::Tensor& cos_TJ, const at::Tensor& sin_TJ,
                       int64_t heads, int64_t head_size, int direction) {
  const at::Tensor halves =
      x_TS.narrow(1, 0, heads * head_size).view({x_TS.size(0), heads, 2, head_size / 2});
  at::Tensor first = halves.select(2, 0), second = halves.select(2, 1);
  const at::Tensor cosine = cos_TJ.unsqueeze(1), sine = sin_TJ.unsqueeze(1) * direction;
  const at::Tensor rotated_first = first * cosine - second * sine,
                   rotated_second = second * cosine + first * sine;
  first.copy_(rotated_first);
  second.copy_(rotated_second);
}

at::Tensor swiglu_aten(const at::Tensor& gate_up_T2F) {
  const int64_t width = gate_up_T2F.size(1) / 2;
  const at::Tensor gate = gate_up_T2F.narrow(1, 0, width);
  return at::silu(gate).mul_(gate_up_T2F.narrow(1, width, width));
}

at::Tensor swiglu_backward_aten(const at::Tensor& dy_TF, const at::Tensor& gate_up_T2F) {
  const int64_t width = dy_TF.size(1);
  const at::Tensor gate = gate_up_T2F.narrow(1, 0, width), up = gate_up_T2F.narrow(1, width, width);
  // A large model's step on a GPU is these passes over memory as much as its products, so no copies
  // are made.
  at::Tensor dgate_up_T2F = at::empty_like(gate_up_T2F);
  at::Tensor dgate = dgate_up_T2F.narrow(1, 0, width), dup = dgate_up_T2F.narrow(1, width, width);
  at::silu_backward_out(dgate, dy_TF * up, gate);
  at::mul_out(dup, at::silu(gate), dy_TF);
  return dgate_up_T2F;
}

at::Tensor dropout_aten(const at::Tensor& x_TD, uint64_t key, double p) {
  // These are splitmix64_finalize's steps in wrapping int64, which all devices have; the
  // multipliers are negative numbers then.
  const auto wrapped = [](uint64_t constant) { return static_cast<int64_t>(constant); };
  at::Tensor z = at::arange(x_TD.numel(), x_TD.options().dtype(at::kLong))
                     .mul_(wrapped(data::kSplitMix64Gamma))
                     .add_(wrapped(key));
  z = z.bitwise_xor(shifted_right(z, 30)).mul_(wrapped(data::kSplitMix64First));
  z = z.bitwise_xor(shifted_right(z, 27)).mul_(wrapped(data::kSplitMix64Second));
  z = shifted_right(z.bitwise_xor(shifted_right(z, 31)), 11);
  const auto threshold = static_cast<int64_t>(p * 9007199254740992.0);  // p of 2^53
  return (x_TD * (1.0 / (1.0 - p))).masked_fill_(z.lt(threshold).view(x_TD.sizes()), 0);
}

AttentionMask attention_mask(const std::vector<KeyRuns>& queries, int64_t key_rows,
                             at::Device device) {
  const auto count = static_cast<int64_t>(queries.size());
  at::Tensor rows = at::empty({count}, at::kLong),
             forbidden = at::ones({count, key_rows}, at::kBool);
  for (int64_t r = 0; r < count; ++r) {
    const KeyRuns& runs = queries[static_cast<size_t>(r)];
    rows.mutable_data_ptr<int64_t>()[r] = runs.query_row;
    bool* row = forbidden.mutable_data_ptr<bool>() + r * key_rows;
    std::fill_n(row + runs.prefix_begin, runs.prefix_length, false);
    std::fill_n(row + runs.own_begin, runs.own_length, false);
  }
  return {rows.to(device), forbidden.to(device)};
}

void attention_forward_aten(const AttentionHeads& shape, const AttentionMask& mask,
                            const AttentionTensors& tensors) {
  const auto& [q, k, v, out, lse] = tensors;
  const int64_t queries = mask.query_row_R.size(0), group = shape.heads / shape.key_heads;
  const at::Tensor scores =
      scores_of(shape, mask, queries_of(q, shape, mask.query_row_R), keys_of(k, shape));
  // The largest score is finite, because every query sees itself at least.
  const at::Tensor largest_KRG1 = scores.amax({3}, /*keepdim=*/true);
  const at::Tensor normalizer_KRG =
      ((scores - largest_KRG1).exp_().sum({3}, /*keepdim=*/true).log_() + largest_KRG1).squeeze(3);
  const at::Tensor weights_KQN = (scores - normalizer_KRG.unsqueeze(3))
                                     .exp_()
                                     .view({shape.key_heads, queries * group, k.size(0)});
  out.index_copy_(0, mask.query_row_R,
                  rows_of_queries(at::bmm(weights_KQN, keys_of(v, shape)), shape, queries));
  lse.index_copy_(0, mask.query_row_R,
                  normalizer_KRG.permute({1, 0, 2}).reshape({queries, shape.heads}));
}

// The formulas are packed_attention.h's, on whole matrices.
void attention_backward_aten(const AttentionHeads& shape, const AttentionMask& mask,
                             const AttentionTensors& tensors, const AttentionGradients& gradients) {
  const auto& [q, k, v, out, lse] = tensors;
  const auto& [dout, dq, dk, dv] = gradients;
  const at::Tensor& row_R = mask.query_row_R;
  const int64_t queries = row_R.size(0), group = shape.heads / shape.key_heads;
  const at::Tensor q_KQC = queries_of(q, shape, row_R), k_KNC = keys_of(k, shape),
                   dout_KQC = queries_of(dout, shape, row_R);
  const at::Tensor normalizer_KRG =
      at::index(lse, {row_R}).view({queries, shape.key_heads, group}).permute({1, 0, 2});
  const at::Tensor weights_KQN =
      (scores_of(shape, mask, q_KQC, k_KNC) - normalizer_KRG.unsqueeze(3))
          .exp_()
          .view({shape.key_heads, queries * group, k.size(0)});
  dv.add_(rows_of_keys(at::bmm(weights_KQN.transpose(1, 2), dout_KQC)));
  const at::Tensor delta_KQ1 = (dout_KQC * queries_of(out, shape, row_R)).sum(2, /*keepdim=*/true);
  const at::Tensor dscores_KQN = (at::bmm(dout_KQC, keys_of(v, shape).transpose(1, 2)) - delta_KQ1)
                                     .mul_(weights_KQN)
                                     .mul_(scale_of(shape));
  dq.index_add_(0, row_R, rows_of_queries(at::bmm(dscores_KQN, k_KNC), shape, queries));
  dk.add_(rows_of_keys(at::bmm(dscores_KQN.transpose(1, 2), q_KQC)));
}

}  // namespace candor::trainer
