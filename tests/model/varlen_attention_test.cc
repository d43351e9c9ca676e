// Attention in two passes, own sequence and prefix, merged by their log-sum-exps, against attention
// over all scores: random packed rows in fp64. The kernels of a pass are dense here; those of a GPU
// are compared in tests/gpu.
#include "trainer/model/varlen_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/model/relative.h"
#include "trainer/model/aten_kernels.h"

namespace candor::trainer {
namespace {

using testing_support::relative;

// One sequence after the other, all scores at once.
class DenseAttention final : public VarlenAttention {
 public:
  at::ScalarType dtype() const override { return at::kDouble; }

  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& q, const at::Tensor& k,
                                            const at::Tensor& v,
                                            const PackedSequences& s) const override {
    at::Tensor out = at::zeros_like(q), lse_HR = at::zeros({q.size(1), q.size(0)}, q.options());
    for_each_sequence(
        q, k, s,
        [&](int64_t query, int64_t queries, int64_t key, int64_t keys,
            const at::Tensor& scores_HRN) {
          const at::Tensor lse = scores_HRN.logsumexp(2);
          lse_HR.narrow(1, query, queries).copy_(lse);
          const at::Tensor values = expanded(v.narrow(0, key, keys), q.size(1));
          out.narrow(0, query, queries)
              .copy_(at::bmm((scores_HRN - lse.unsqueeze(2)).exp(), values).transpose(0, 1));
        });
    return {out, lse_HR};
  }

  std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const AttentionTensors& tensors,
                                                          const at::Tensor& dout,
                                                          const PackedSequences& s) const override {
    const at::Tensor &q = tensors.q, &k = tensors.k, &v = tensors.v, &out = tensors.out,
                     &lse = tensors.lse;
    at::Tensor dq = at::zeros_like(q), dk = at::zeros_like(k), dv = at::zeros_like(v);
    for_each_sequence(
        q, k, s,
        [&](int64_t query, int64_t queries, int64_t key, int64_t keys,
            const at::Tensor& scores_HRN) {
          const at::Tensor weights =
              (scores_HRN - lse.narrow(1, query, queries).unsqueeze(2)).exp();
          const at::Tensor dout_HRC = dout.narrow(0, query, queries).transpose(0, 1),
                           out_HRC = out.narrow(0, query, queries).transpose(0, 1);
          const at::Tensor delta = (dout_HRC * out_HRC).sum(2, true);
          const at::Tensor dweights =
              at::bmm(dout_HRC, expanded(v.narrow(0, key, keys), q.size(1)).transpose(1, 2));
          const at::Tensor dscores =
              weights * (dweights - delta) / std::sqrt(static_cast<double>(q.size(2)));
          dq.narrow(0, query, queries)
              .copy_(at::bmm(dscores, expanded(k.narrow(0, key, keys), q.size(1))).transpose(0, 1));
          dk.narrow(0, key, keys)
              .copy_(summed(
                  at::bmm(dscores.transpose(1, 2), q.narrow(0, query, queries).transpose(0, 1)),
                  k.size(1)));
          dv.narrow(0, key, keys)
              .copy_(summed(at::bmm(weights.transpose(1, 2), dout_HRC), k.size(1)));
        });
    return {dq, dk, dv};
  }

 private:
  static at::Tensor expanded(const at::Tensor& rows_NKC, int64_t heads) {  // [H, N, C]
    return rows_NKC.repeat_interleave(heads / rows_NKC.size(1), 1).transpose(0, 1);
  }
  static at::Tensor summed(const at::Tensor& heads_HNC, int64_t key_heads) {  // [N, K, C]
    return heads_HNC
        .view({key_heads, heads_HNC.size(0) / key_heads, heads_HNC.size(1), heads_HNC.size(2)})
        .sum(1)
        .transpose(0, 1);
  }

  template <typename Each>
  void for_each_sequence(const at::Tensor& q, const at::Tensor& k, const PackedSequences& s,
                         Each each) const {
    for (int64_t i = 0; i + 1 < s.query_begin_S.size(0); ++i) {
      const auto query = s.query_begin_S[i].item<int64_t>(),
                 queries = s.query_begin_S[i + 1].item<int64_t>() - query;
      const auto key = s.key_begin_S[i].item<int64_t>(),
                 keys = s.key_begin_S[i + 1].item<int64_t>() - key;
      ASSERT_LE(queries, s.most_queries);
      ASSERT_LE(keys, s.most_keys);
      at::Tensor scores = at::bmm(q.narrow(0, query, queries).transpose(0, 1),
                                  expanded(k.narrow(0, key, keys), q.size(1)).transpose(1, 2));
      scores.div_(std::sqrt(static_cast<double>(q.size(2))));
      if (s.causal) {
        ASSERT_EQ(queries, keys);
        scores.masked_fill_(at::ones({queries, keys}, at::kBool).triu(1),
                            -std::numeric_limits<double>::infinity());
      }
      each(query, queries, key, keys, scores);
    }
  }
};

TEST(VarlenAttention, EqualsAttentionOverAllScoresForwardAndBackward) {
  std::mt19937 numbers(11);
  at::manual_seed(4);
  const auto between = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(numbers);
  };
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    std::vector<KeyRuns> queries;
    const auto sequence = [&](int64_t length, int64_t prefix_begin, int64_t prefix_length) {
      const auto begin = static_cast<int64_t>(queries.size());
      for (int64_t t = 0; t < length; ++t)
        queries.push_back({begin + t, prefix_begin, prefix_length, begin, t + 1});
    };
    for (int64_t prefixes = between(0, 3); prefixes > 0; --prefixes) {
      const auto begin = static_cast<int64_t>(queries.size()), length = between(1, 30);
      sequence(length, 0, 0);
      for (int64_t suffixes = between(0, 5); suffixes > 0; --suffixes)
        sequence(between(1, 20), begin, length);
    }
    if (between(0, 1) == 0 || queries.empty()) sequence(between(1, 20), 0, 0);
    const auto rows = static_cast<int64_t>(queries.size());
    const int64_t key_heads = between(1, 3), heads = key_heads * between(1, 3), size = 4;
    const auto random = [&](int64_t width) { return at::randn({rows, width}, at::kDouble); };
    const at::Tensor q = random(heads * size), k = random(key_heads * size),
                     v = random(key_heads * size), dout = random(heads * size);

    const AttentionHeads shape{heads, key_heads, size};
    const AttentionMask mask = attention_mask(queries, rows, at::kCPU);
    at::Tensor out = at::zeros_like(q), lse = at::zeros({rows, heads}, q.options()),
               expected_out = out.clone(), expected_lse = lse.clone();
    at::Tensor dq = random(heads * size), dk = random(key_heads * size),
               dv = random(key_heads * size);
    at::Tensor expected_dq = dq.clone(), expected_dk = dk.clone(), expected_dv = dv.clone();
    const AttentionTensors expected{q, k, v, expected_out, expected_lse};
    attention_forward_aten(shape, mask, expected);
    attention_backward_aten(shape, mask, expected, {dout, expected_dq, expected_dk, expected_dv});

    const auto passes = SharedPrefixAttention::plan(queries, rows, at::kCPU);
    ASSERT_TRUE(passes.has_value());
    passes->forward(DenseAttention(), shape, {q, k, v, out, lse});
    passes->backward(DenseAttention(), shape, {q, k, v, out, lse}, {dout, dq, dk, dv});
    EXPECT_LT(relative(out, expected_out), 1e-12);
    EXPECT_LT(relative(lse, expected_lse), 1e-12);
    EXPECT_LT(relative(dq, expected_dq), 1e-12);
    EXPECT_LT(relative(dk, expected_dk), 1e-12);
    EXPECT_LT(relative(dv, expected_dv), 1e-12);
  }
}

TEST(VarlenAttention, LeavesOtherQueriesToAttentionOverAllScores) {
  const std::vector<KeyRuns> whole = {{0, 0, 0, 0, 1}, {1, 0, 0, 0, 2}, {2, 0, 2, 2, 1}};
  EXPECT_TRUE(SharedPrefixAttention::plan(whole, 3, at::kCPU).has_value());
  EXPECT_FALSE(SharedPrefixAttention::plan({whole[2]}, 3, at::kCPU).has_value())
      << "the last layer's head rows";
  EXPECT_FALSE(
      SharedPrefixAttention::plan({whole[0], whole[1], {2, 0, 0, 0, 4}}, 3, at::kCPU).has_value())
      << "keys of a cache";
  EXPECT_FALSE(SharedPrefixAttention::plan({whole[1], whole[0], whole[2]}, 3, at::kCPU).has_value())
      << "another order";
  EXPECT_EQ(flash_attention(at::kCPU, 64), nullptr);
}

}  // namespace
}  // namespace candor::trainer
