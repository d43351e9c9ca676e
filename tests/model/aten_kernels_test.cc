// The ATen versions, which GPUs use, against the CPU kernels: two implementations of one contract, compared on random packed rows in fp64 and fp32.
#include "trainer/model/aten_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "trainer/model/attention.h"
#include "trainer/model/tensor_kernels.h"

namespace candor {
namespace {

struct Precision {
  at::ScalarType dtype;
  double limit;
};

class AtenKernels : public testing::TestWithParam<Precision> {
 protected:
  AtenKernels() { at::manual_seed(3); }
  at::Tensor random(at::IntArrayRef shape) const { return at::randn(shape, at::TensorOptions().dtype(GetParam().dtype)); }
  void expect_close(const at::Tensor& got, const at::Tensor& expected) const {
    ASSERT_EQ(got.sizes(), expected.sizes());
    EXPECT_LT(((got - expected).norm() / expected.norm()).item<double>(), GetParam().limit);
  }
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
    EXPECT_TRUE(x_aten.narrow(1, 24, 6).equal(before.narrow(1, 24, 6))) << "columns behind the heads stay";
  }
}

TEST_P(AtenKernels, SwigluForwardAndBackward) {
  const at::Tensor gate_up = random({6, 20}), dy = random({6, 10});
  expect_close(swiglu_aten(gate_up), swiglu(gate_up));
  expect_close(swiglu_backward_aten(dy, gate_up), swiglu_backward(dy, gate_up));
}

TEST_P(AtenKernels, DropoutHasTheSameMask) {
  const at::Tensor x = at::ones({33, 17}, random({1}).options());
  for (const uint64_t key : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{7}, uint64_t{0x1234567890abcdef}}) {
    const at::Tensor expected = dropout(x, key, 0.3);
    EXPECT_TRUE(dropout_aten(x, key, 0.3).equal(expected));
    EXPECT_NEAR(expected.eq(0).to(at::kDouble).mean().item<double>(), 0.3, 0.08);
  }
}

// Two prefixes, ragged suffixes behind them, one sequence without a prefix; of the last layer only some rows are queries.
std::vector<KeyRuns> packed_queries() {
  std::vector<KeyRuns> queries;
  const auto sequence = [&](int64_t begin, int64_t length, int64_t prefix_begin, int64_t prefix_length) {
    for (int64_t t = 0; t < length; ++t) queries.push_back({begin + t, prefix_begin, prefix_length, begin, t + 1});
  };
  sequence(0, 5, 0, 0);  // prefix
  sequence(5, 1, 0, 0);  // prefix of one token
  sequence(6, 4, 0, 5);
  sequence(10, 1, 0, 5);
  sequence(11, 3, 5, 1);
  sequence(14, 2, 0, 0);  // shares nothing
  return queries;
}

TEST_P(AtenKernels, AttentionForwardAndBackward) {
  constexpr int64_t kRows = 16, kHeadSize = 6;
  for (const auto& [heads, key_heads] : {std::pair<int64_t, int64_t>{4, 4}, {6, 2}, {3, 1}}) {
    for (const bool some_rows_only : {false, true}) {
      SCOPED_TRACE(testing::Message() << heads << " heads over " << key_heads << (some_rows_only ? ", some rows" : ""));
      std::vector<KeyRuns> queries = packed_queries();
      if (some_rows_only) queries = {queries[9], queries[13], queries[10]};
      ModelConfig config;
      config.heads = heads;
      config.key_heads = key_heads;
      config.head_size = kHeadSize;
      const AttentionHeads shape{heads, key_heads, kHeadSize};
      const at::Tensor qkv = random({kRows, (heads + 2 * key_heads) * kHeadSize}), dout = random({kRows, heads * kHeadSize});
      const at::Tensor q = qkv.narrow(1, 0, heads * kHeadSize), k = qkv.narrow(1, heads * kHeadSize, key_heads * kHeadSize),
                       v = qkv.narrow(1, (heads + key_heads) * kHeadSize, key_heads * kHeadSize);
      const PackedAttention attention(config, queries, kRows, at::kCPU);
      const AttentionMask mask = attention_mask(queries, kRows, at::kCPU);
      at::Tensor out = at::zeros({kRows, heads * kHeadSize}, q.options()), lse = at::zeros({kRows, heads}, q.options());
      at::Tensor out_aten = out.clone(), lse_aten = lse.clone();
      attention.forward(q, k, v, out, lse);
      attention_forward_aten(shape, mask, q, k, v, out_aten, lse_aten);
      expect_close(out_aten, out);
      expect_close(lse_aten, lse);

      at::Tensor gradient = at::zeros_like(qkv), gradient_aten = at::zeros_like(qkv);
      const auto backward = [&](at::Tensor& into, bool aten) {
        at::Tensor dq = into.narrow(1, 0, q.size(1)), dk = into.narrow(1, q.size(1), k.size(1)),
                   dv = into.narrow(1, q.size(1) + k.size(1), v.size(1));
        if (aten) {
          attention_backward_aten(shape, mask, q, k, v, out, lse, dout, dq, dk, dv);
        } else {
          attention.backward(q, k, v, out, lse, dout, dq, dk, dv);
        }
      };
      backward(gradient, false);
      backward(gradient_aten, true);
      expect_close(gradient_aten, gradient);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, AtenKernels, testing::Values(Precision{at::kDouble, 1e-12}, Precision{at::kFloat, 1e-5}),
                         [](const testing::TestParamInfo<Precision>& p) { return p.param.dtype == at::kDouble ? "fp64" : "fp32"; });

}  // namespace
}  // namespace candor
