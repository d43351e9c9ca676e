// The ATen versions, which GPUs use, against the CPU kernels: two implementations of one contract,
// compared on random packed rows in fp64 and fp32.
#include "trainer/model/aten_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <random>

#include "trainer/model/attention.h"
#include "trainer/model/tensor_kernels.h"

namespace candor::trainer {
namespace {

struct Precision {
  at::ScalarType dtype;
  double limit;
};

class AtenKernels : public testing::TestWithParam<Precision> {
 protected:
  AtenKernels() { at::manual_seed(3); }
  at::Tensor random(at::IntArrayRef shape) const {
    return at::randn(shape, at::TensorOptions().dtype(GetParam().dtype));
  }
  void expect_close(const at::Tensor& got, const at::Tensor& expected) const {
    ASSERT_EQ(got.sizes(), expected.sizes());
    EXPECT_LT(((got - expected).norm() / expected.norm()).item<double>(), GetParam().limit);
  }
  void expect_same_attention(const AttentionHeads& shape, const std::vector<KeyRuns>& queries,
                             int64_t rows) const;
};

TEST_P(AtenKernels, NormForwardAndBackward) {
  const at::Tensor x = random({7, 24}), weight = random({24}), dy = random({7, 24});
  at::Tensor rstd, rstd_aten, dx = random({7, 24}), dx_aten = dx.clone();
  expect_close(rms_norm_aten(x, weight, 1e-5, rstd_aten), rms_norm(x, weight, 1e-5, rstd));
  expect_close(rstd_aten, rstd);
  add_rms_norm_backward(dy, x, weight, rstd, dx);
  add_rms_norm_backward_aten(dy, x, weight, rstd, dx_aten);
  expect_close(dx_aten, dx);
}

TEST_P(AtenKernels, RotationAndItsInverse) {
  const at::Tensor cosine = random({5, 4}), sine = random({5, 4}), before = random({5, 3 * 8 + 6});
  for (const int direction : {+1, -1}) {
    at::Tensor x = before.clone(), x_aten = before.clone();
    rotate_heads(x, cosine, sine, 3, 8, direction);
    rotate_heads_aten(x_aten, cosine, sine, 3, 8, direction);
    expect_close(x_aten, x);
    EXPECT_TRUE(x_aten.narrow(1, 24, 6).equal(before.narrow(1, 24, 6)))
        << "columns behind the heads stay";
  }
}

TEST_P(AtenKernels, SwigluForwardAndBackward) {
  const at::Tensor gate_up = random({6, 20}), dy = random({6, 10});
  expect_close(swiglu_aten(gate_up), swiglu(gate_up));
  expect_close(swiglu_backward_aten(dy, gate_up), swiglu_backward(dy, gate_up));
}

TEST_P(AtenKernels, DropoutHasTheSameMask) {
  const at::Tensor x = at::ones({33, 17}, random({1}).options());
  for (const uint64_t key :
       {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{7}, uint64_t{0x1234567890abcdef}}) {
    const at::Tensor expected = dropout(x, key, 0.3);
    EXPECT_TRUE(dropout_aten(x, key, 0.3).equal(expected));
    EXPECT_NEAR(expected.eq(0).to(at::kDouble).mean().item<double>(), 0.3, 0.08);
  }
}

// Two prefixes, ragged suffixes behind them, one sequence without a prefix; of the last layer only
// some rows are queries.
std::vector<KeyRuns> packed_queries() {
  std::vector<KeyRuns> queries;
  const auto sequence = [&](int64_t begin, int64_t length, int64_t prefix_begin,
                            int64_t prefix_length) {
    for (int64_t t = 0; t < length; ++t)
      queries.push_back({begin + t, prefix_begin, prefix_length, begin, t + 1});
  };
  sequence(0, 5, 0, 0);  // prefix
  sequence(5, 1, 0, 0);  // prefix of one token
  sequence(6, 4, 0, 5);
  sequence(10, 1, 0, 5);
  sequence(11, 3, 5, 1);
  sequence(14, 2, 0, 0);  // shares nothing
  return queries;
}

// Forward and backward of both versions over `rows` rows of random q, k and v.
void AtenKernels::expect_same_attention(const AttentionHeads& shape,
                                        const std::vector<KeyRuns>& queries, int64_t rows) const {
  ModelConfig config;
  config.heads = shape.heads;
  config.key_heads = shape.key_heads;
  config.head_size = shape.head_size;
  const int64_t q_width = shape.heads * shape.head_size,
                kv_width = shape.key_heads * shape.head_size;
  const at::Tensor qkv = random({rows, q_width + 2 * kv_width}), dout = random({rows, q_width});
  const at::Tensor q = qkv.narrow(1, 0, q_width), k = qkv.narrow(1, q_width, kv_width),
                   v = qkv.narrow(1, q_width + kv_width, kv_width);
  const PackedAttention attention(config, queries, rows, at::kCPU);
  const AttentionMask mask = attention_mask(queries, rows, at::kCPU);
  at::Tensor out = at::zeros({rows, q_width}, q.options()),
             lse = at::zeros({rows, shape.heads}, q.options());
  at::Tensor out_aten = out.clone(), lse_aten = lse.clone();
  attention.forward({q, k, v, out, lse});
  attention_forward_aten(shape, mask, {q, k, v, out_aten, lse_aten});
  expect_close(out_aten, out);
  expect_close(lse_aten, lse);

  at::Tensor gradient = at::ones_like(qkv), gradient_aten = at::ones_like(qkv);  // backward adds
  const auto backward = [&](at::Tensor& into, bool aten) {
    at::Tensor dq = into.narrow(1, 0, q_width), dk = into.narrow(1, q_width, kv_width),
               dv = into.narrow(1, q_width + kv_width, kv_width);
    if (aten) {
      attention_backward_aten(shape, mask, {q, k, v, out, lse}, {dout, dq, dk, dv});
    } else {
      attention.backward({q, k, v, out, lse}, {dout, dq, dk, dv});
    }
  };
  backward(gradient, false);
  backward(gradient_aten, true);
  expect_close(gradient_aten, gradient);
}

TEST_P(AtenKernels, AttentionForwardAndBackward) {
  for (const auto& [heads, key_heads] : {std::pair<int64_t, int64_t>{4, 4}, {6, 2}, {3, 1}}) {
    for (const bool some_rows_only : {false, true}) {
      SCOPED_TRACE(testing::Message() << heads << " heads over " << key_heads
                                      << (some_rows_only ? ", some rows" : ""));
      std::vector<KeyRuns> queries = packed_queries();
      if (some_rows_only) queries = {queries[9], queries[13], queries[10]};
      expect_same_attention({heads, key_heads, 6}, queries, 16);
    }
  }
}

// Prefixes and sequences longer and shorter than a block of queries, decoding steps that see a
// cache, and queries left out.
TEST_P(AtenKernels, AttentionOfRandomPackedRows) {
  std::mt19937 numbers(5);
  const auto between = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(numbers);
  };
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    const int64_t key_heads = between(1, 4), group = between(1, 4),
                  longest = round % 3 == 0 ? 150 : 12;
    std::vector<KeyRuns> queries;
    int64_t rows = 0;
    for (int64_t prefixes = between(1, 3); prefixes > 0; --prefixes) {
      const int64_t prefix_begin = rows, prefix_length = between(1, longest);
      rows += prefix_length;
      const bool cached = between(0, 1) == 0;
      for (int64_t t = 0; t < prefix_length && !cached; ++t)
        queries.push_back({prefix_begin + t, 0, 0, prefix_begin, t + 1});
      for (int64_t sequences = between(1, 5); sequences > 0; --sequences) {
        const int64_t length = between(1, longest), first_query = cached ? length - 1 : 0;
        for (int64_t t = first_query; t < length; ++t) {
          if (between(0, 5) > 0 || t == first_query)
            queries.push_back({rows + t, prefix_begin, prefix_length, rows, t + 1});
        }
        rows += length;
      }
    }
    expect_same_attention({key_heads * group, key_heads, between(1, 3) * 4}, queries, rows);
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, AtenKernels,
                         testing::Values(Precision{at::kDouble, 1e-12},
                                         Precision{at::kFloat, 1e-5}),
                         [](const testing::TestParamInfo<Precision>& p) {
                           return p.param.dtype == at::kDouble ? "fp64" : "fp32";
                         });

}  // namespace
}  // namespace candor::trainer
