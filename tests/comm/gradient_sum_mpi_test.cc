// GradientSum: the same bits for any group of ranks and any assignment, the right value, and one
// voice about bad input.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "comm/comm_error.h"
#include "comm/gradient_grid.h"
#include "comm/gradient_sum.h"
#include "comm/mpi_session.h"

namespace candor::comm {
namespace {

constexpr std::int64_t kMicroBatches = 13;

GradientLayout test_layout() {
  return {{"big", "zero", "empty", "tiny", "wide"}, {50, 8, 0, 30, 40}};
}

// The gradient of one micro-batch: magnitudes that differ between tensors and between
// micro-batches, so that fp32 addition isn't associative on them.
at::Tensor gradient(std::int64_t micro_batch, at::ScalarType dtype) {
  at::Tensor grad_T = at::empty({test_layout().total_numel()}, at::kDouble);
  auto* values = grad_T.mutable_data_ptr<double>();
  std::uint64_t state = static_cast<std::uint64_t>(micro_batch) * 7919 + 1;
  for (std::int64_t i = 0; i < grad_T.numel(); ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const double unit = static_cast<double>(state >> 11) / 4503599627370496.0 - 1.0;
    const double scale = i < 50   ? 1e3
                         : i < 58 ? 0.0
                         : i < 88 ? 1e-30
                                  : std::pow(10.0, static_cast<double>(state % 9) - 6.0);
    values[i] = unit * scale;
  }
  return grad_T.to(dtype);
}

at::Tensor sum_over(ProcessGroup& group, at::ScalarType dtype, std::int64_t stride) {
  GradientSum sum(group, test_layout(), kMicroBatches);
  for (std::int64_t i = 0; i < kMicroBatches; ++i) {
    const std::int64_t micro_batch = i * stride % kMicroBatches;  // another order
    if (micro_batch * stride / 2 % group.world_size() == group.rank())
      sum.add(gradient(micro_batch, dtype));
  }
  at::Tensor out_T = at::empty({test_layout().total_numel()}, dtype);
  sum.finish(out_T);
  return out_T;
}

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
  return a.nbytes() == b.nbytes() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

TEST(GradientSum, SameBytesForAnyGroupAndAssignment) {
  const auto world = make_mpi_process_group({.timeout_s = 60});
  const auto alone = world->split(world->rank(), 0);
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const at::Tensor expected = sum_over(*alone, dtype, 1);
    for (int ranks = 1; ranks <= world->world_size(); ++ranks) {
      const auto group = world->split(world->rank() < ranks ? 0 : -1, -world->rank());
      if (!group) continue;
      for (const std::int64_t stride : {1, 2, 5, 12})
        EXPECT_TRUE(same_bytes(sum_over(*group, dtype, stride), expected));
    }
  }
}

TEST(GradientSum, ItsTestDataIsOneOnWhichPlainAdditionDependsOnTheOrder) {
  at::Tensor forward_T = at::zeros({test_layout().total_numel()}, at::kFloat);
  at::Tensor backward_T = forward_T.clone();
  for (std::int64_t m = 0; m < kMicroBatches; ++m) {
    forward_T.add_(gradient(m, at::kFloat));
    backward_T.add_(gradient(kMicroBatches - 1 - m, at::kFloat));
  }
  EXPECT_FALSE(same_bytes(forward_T, backward_T));
}

TEST(GradientSum, IsAsAccurateAsItsDtype) {
  const auto world = make_mpi_process_group({.timeout_s = 60});
  std::vector<long double> exact(static_cast<std::size_t>(test_layout().total_numel()), 0.0L);
  for (std::int64_t m = 0; m < kMicroBatches; ++m) {
    const at::Tensor grad_T = gradient(m, at::kFloat).to(at::kDouble);
    for (std::size_t i = 0; i < exact.size(); ++i) exact[i] += grad_T.const_data_ptr<double>()[i];
  }
  const at::Tensor out_T = sum_over(*world, at::kFloat, 1);
  const at::Tensor plain_T = [&] {
    at::Tensor total = at::zeros({test_layout().total_numel()}, at::kFloat);
    for (std::int64_t m = 0; m < kMicroBatches; ++m) total.add_(gradient(m, at::kFloat));
    return total;
  }();
  long double error = 0;
  long double plain_error = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const float value = out_T.const_data_ptr<float>()[i];
    EXPECT_NEAR(
        value, static_cast<double>(exact[i]),
        std::abs(static_cast<double>(exact[i])) * 6.0e-8 + 1e-42);  // half a unit in the last place
    error += std::abs(static_cast<long double>(value) - exact[i]);
    plain_error +=
        std::abs(static_cast<long double>(plain_T.const_data_ptr<float>()[i]) - exact[i]);
  }
  EXPECT_LE(error, plain_error);

  const at::Tensor out_fp64_T = sum_over(*world, at::kDouble, 1);
  at::Tensor sum_fp64_T = at::zeros_like(out_fp64_T);
  for (std::int64_t m = 0; m < kMicroBatches; ++m) sum_fp64_T.add_(gradient(m, at::kDouble));
  EXPECT_LE((out_fp64_T - sum_fp64_T).norm().item<double>(),
            1e-14 * sum_fp64_T.norm().item<double>());
}

TEST(GradientSum, ExtremeMagnitudesSurvive) {
  const auto world = make_mpi_process_group({.timeout_s = 60});
  for (const double value : {5e-324, 1e-308, 1.0, 0x1p1000}) {
    GradientSum sum(*world, {{"t"}, {2}}, world->world_size());
    at::Tensor grad_T = at::full({2}, value, at::kDouble);
    grad_T.mutable_data_ptr<double>()[1] = -value;
    sum.add(grad_T);
    sum.finish(grad_T);
    if (value > 1e-300) {
      EXPECT_EQ(grad_T[0].item<double>(), value * world->world_size());
    }
    EXPECT_EQ(grad_T[0].item<double>(), -grad_T[1].item<double>());
  }
}

TEST(GradientSum, OneNonFiniteGradientStopsAllRanksTogether) {
  const auto world = make_mpi_process_group({.timeout_s = 60});
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    GradientSum sum(*world, test_layout(), world->world_size());
    at::Tensor grad_T = gradient(world->rank(), at::kFloat);
    if (world->rank() == world->world_size() - 1) grad_T[60] = bad;
    sum.add(grad_T);
    at::Tensor out_T = at::empty_like(grad_T);
    try {
      sum.finish(out_T);
      ADD_FAILURE() << "a non-finite gradient passed";
    } catch (const NonFiniteError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("infinity in tiny"));
    }
    sum.add(gradient(0, at::kFloat));  // the next step starts empty
    EXPECT_NO_THROW(sum.finish(out_T));
  }
  GradientSum overflowing(*world, {{"t"}, {1}}, 2 * world->world_size());
  at::Tensor huge_T = at::full({1}, std::numeric_limits<float>::max(), at::kFloat);
  overflowing.add(huge_T);
  overflowing.add(huge_T);
  EXPECT_THROW(overflowing.finish(huge_T), NonFiniteError);
}

TEST(GradientSum, WrongShapesAndCountsAreNamed) {
  const auto world = make_mpi_process_group({.timeout_s = 60});
  GradientSum sum(*world, {{"t"}, {3}}, 1 + world->world_size());
  EXPECT_THROW(sum.add(at::zeros({4}, at::kFloat)), std::invalid_argument);
  EXPECT_THROW(sum.add(at::zeros({3}, at::kLong)), std::invalid_argument);
  at::Tensor out_T = at::zeros({3}, at::kFloat);
  sum.add(out_T);
  EXPECT_THROW(sum.finish(out_T), std::invalid_argument);
  EXPECT_THROW(GradientSum(*world, {{"t"}, {}}, 1), std::invalid_argument);
  EXPECT_THROW(GradientSum(*world, {{"t"}, {3}}, 0), std::invalid_argument);
}

TEST(GradientGrid, TheGpuPathHasTheSameBitsAsTheLoops) {
  const std::vector<std::int64_t> numel_N = test_layout().numel;
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const std::vector<at::Tensor> grads = {gradient(1, dtype), gradient(2, dtype),
                                           gradient(3, dtype)};
    const std::vector<double> max_abs_N = max_abs_per_tensor(grads, numel_N);
    EXPECT_EQ(max_abs_N, max_abs_per_tensor_aten(grads, numel_N));
    const std::vector<int> exponents_N = grid_exponents(max_abs_N, 3);
    at::Tensor loops_T = at::zeros({grads[0].numel()}, at::kLong);
    at::Tensor aten_T = loops_T.clone();
    for (const at::Tensor& grad_T : grads) {
      add_to_grid(loops_T, grad_T, numel_N, exponents_N);
      add_to_grid_aten(aten_T, grad_T, numel_N, exponents_N);
    }
    EXPECT_TRUE(same_bytes(loops_T, aten_T));
    at::Tensor out_loops_T = at::empty_like(grads[0]);
    at::Tensor out_aten_T = at::empty_like(grads[0]);
    from_grid(out_loops_T, loops_T, numel_N, exponents_N);
    from_grid_aten(out_aten_T, aten_T, numel_N, exponents_N);
    EXPECT_TRUE(same_bytes(out_loops_T, out_aten_T));
  }
  at::Tensor with_nan = gradient(1, at::kFloat);
  with_nan[0] = std::nanf("");
  const std::vector<at::Tensor> grads = {gradient(2, at::kFloat), with_nan,
                                         gradient(3, at::kFloat)};
  EXPECT_EQ(max_abs_per_tensor(grads, numel_N), max_abs_per_tensor_aten(grads, numel_N));
}

}  // namespace
}  // namespace candor::comm
