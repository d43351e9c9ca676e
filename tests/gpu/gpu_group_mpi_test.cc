// NcclGroup over the real NCCL: sums exact, the same gradient bits for any number of ranks, a rank
// that doesn't come. One GPU will do: ranks without one of their own share it. What happens inside
// NcclGroup on injected errors is tested over a fake library (tests/comm/fake_nccl).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "comm/comm_error.h"
#include "comm/device_group.h"
#include "comm/gradient_sum.h"
#include "comm/mpi_session.h"

namespace candor::trainer {
namespace {

class GpuGroup : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_GT(comm::visible_gpus(), 0)
        << "these tests need a GPU; without one, leave out the label gpu";
    setenv("CANDOR_SHARE_GPUS", "1", 1);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  }

  std::unique_ptr<comm::ProcessGroup> world_ = comm::make_mpi_process_group({.timeout_s = 60});
};

std::unique_ptr<comm::ProcessGroup> on_gpu(comm::ProcessGroup& host, double timeout_s = 60,
                                           bool check_agreement = true) {
  return comm::make_device_process_group(host, {.device_type = at::DeviceType::CUDA,
                                                .timeout_s = timeout_s,
                                                .check_agreement = check_agreement});
}

TEST_F(GpuGroup, CollectivesAreExactAndSplitsWork) {
  const auto group = on_gpu(*world_);
  ASSERT_TRUE(group->device().is_cuda());
  const int ranks = group->world_size();
  for (const at::ScalarType dtype : {at::kLong, at::kInt, at::kByte, at::kFloat, at::kDouble}) {
    at::Tensor sum = at::arange(100000, at::kLong)
                         .remainder(50)
                         .add(group->rank())
                         .to(dtype)
                         .to(group->device());
    at::Tensor largest = sum.clone();
    group->all_reduce_sum(sum);
    group->all_reduce_max(largest);
    EXPECT_EQ(sum[7].item<int64_t>(), 7 * ranks + ranks * (ranks - 1) / 2) << dtype;
    EXPECT_EQ(largest[49].item<int64_t>(), 49 + ranks - 1) << dtype;
  }
  at::Tensor sent = at::full({1000}, group->rank(),
                             at::TensorOptions().dtype(at::kFloat).device(group->device()));
  group->broadcast(sent, ranks - 1);
  EXPECT_TRUE(sent.eq(ranks - 1).all().item<bool>());
  at::Tensor on_host = at::ones({3});
  group->all_reduce_sum(on_host);
  EXPECT_EQ(on_host[0].item<double>(), ranks);

  const auto part = group->split(group->rank() % 2, group->rank());
  EXPECT_EQ(part->device(), group->device());
  at::Tensor ones = at::ones({5}, at::TensorOptions().device(group->device()));
  part->all_reduce_sum(ones);
  EXPECT_EQ(ones[0].item<double>(), part->world_size());
  group->barrier();
}

// Micro-batch gradients of one sum, dealt to the ranks; 1e8 numbers' range of magnitudes, so that
// fp32 addition isn't associative on them.
at::Tensor summed(comm::ProcessGroup& group, bool gpu) {
  constexpr int64_t kNumel = 5000, kMicroBatches = 7;
  comm::GradientSum sum(group, {{"a", "b"}, {2000, 3000}}, kMicroBatches);
  for (int64_t m = 0; m < kMicroBatches; ++m) {
    if (m % group.world_size() != group.rank()) continue;
    const at::Tensor numbers = at::arange(kNumel, at::kDouble).mul(static_cast<double>(m) + 1.7);
    const at::Tensor gradient =
        numbers.sin().mul(numbers.mul(0.3).cos().mul(9).exp()).to(at::kFloat);
    sum.add(gpu ? gradient.to(group.device()) : gradient);
  }
  at::Tensor out =
      at::empty({kNumel}, at::TensorOptions().device(gpu ? group.device() : at::Device(at::kCPU)));
  sum.finish(out);
  return out.cpu();
}

TEST_F(GpuGroup, AGradientHasTheSameBitsOnAnyNumberOfRanksAndOnTheCpu) {
  const auto alone = world_->split(world_->rank(), 0);
  const at::Tensor expected = summed(*alone, false);
  const auto group = on_gpu(*world_);
  EXPECT_TRUE(summed(*group, true).equal(expected));
  EXPECT_TRUE(summed(*group, false).equal(expected));
  group->barrier();
}

// The others' kernels wait on the GPU for the one that isn't there: NCCL's own way to hang.
TEST_F(GpuGroup, ARankThatDoesntComeIsAnErrorOnTheOthersAtTheDeadline) {
  if (world_->world_size() > 1) {
    const auto impatient = comm::make_mpi_process_group({.timeout_s = 3});
    const auto group = on_gpu(*impatient, 3, /*check_agreement=*/false);
    at::Tensor warm_up = at::ones({10}, at::TensorOptions().device(group->device()));
    group->all_reduce_sum(warm_up);
    if (group->rank() != group->world_size() - 1) {
      at::Tensor tensor = at::ones({1000}, at::TensorOptions().device(group->device()));
      EXPECT_THROW(group->all_reduce_sum(tensor), comm::CommError);
      EXPECT_THROW(group->all_reduce_sum(tensor), comm::CommError)
          << "the communicator was aborted";
    }
    world_->barrier();
  }
  // A GPU that was left by an aborted kernel computes on.
  const auto again = on_gpu(*world_);
  at::Tensor ones = at::ones({10}, at::TensorOptions().device(again->device()));
  again->all_reduce_sum(ones);
  EXPECT_EQ(ones[3].item<double>(), again->world_size());
  again->barrier();
}

}  // namespace
}  // namespace candor::trainer
