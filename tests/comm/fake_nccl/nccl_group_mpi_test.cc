// NcclGroup's logic over a fake NCCL on host memory: rendezvous, collectives, injected failures and
// hangs. What only a GPU can show isn't tested here.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <utility>

#include "comm/backend/nccl/nccl_group.h"
#include "comm/comm_error.h"
#include "comm/gradient_sum.h"
#include "comm/mpi_session.h"
#include "fake_nccl.h"

namespace candor::comm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Ends after the polls it is told to; the fake library has finished the data by then.
class FakeStream final : public DeviceStream {
 public:
  at::Device device() const override { return at::DeviceType::CPU; }
  CUstream_st* handle() const override { return nullptr; }
  void wait_for_compute() override {}
  void mark_end() override { polls_left_ = 3; }
  bool reached_end() override {
    if (std::getenv("FAKE_STREAM_ERROR") != nullptr)
      throw std::runtime_error("an illegal memory access was encountered");
    return std::getenv("FAKE_STREAM_HANG") == nullptr && polls_left_-- == 0;
  }

 private:
  int polls_left_ = 0;
};

class Fault {
 public:
  Fault(const char* name, const char* value, bool here) : name_(here ? name : nullptr) {
    if (name_ != nullptr) setenv(name_, value, 1);
  }
  ~Fault() {
    if (name_ != nullptr) unsetenv(name_);
  }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

 private:
  const char* name_;
};

// A group whose next all-gather may lose a rank for this process, as ULFM's may: on one survivor it
// fails, and on another it never began. Nobody is lost in truth, and all go on after settle().
class LosingGroup final : public ProcessGroup {
 public:
  explicit LosingGroup(std::unique_ptr<ProcessGroup> group) : group_(std::move(group)) {}
  void lose_next() { lose_next_ = true; }
  RankInfo rank_info() const override { return group_->rank_info(); }
  at::Device device() const override { return group_->device(); }
  void all_reduce_sum(at::Tensor& tensor) override { group_->all_reduce_sum(tensor); }
  void all_reduce_max(at::Tensor& tensor) override { group_->all_reduce_max(tensor); }
  void broadcast(at::Tensor& tensor, int root) override { group_->broadcast(tensor, root); }
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override {
    if (std::exchange(lose_next_, false))
      throw RankLostError(rank(), world_size(), "all_gather_bytes", 0, "a process failed");
    return group_->all_gather_bytes(bytes);
  }
  void broadcast_bytes(std::string& bytes, int root) override {
    group_->broadcast_bytes(bytes, root);
  }
  void barrier() override { group_->barrier(); }
  std::unique_ptr<ProcessGroup> split(int color, int key) override {
    return group_->split(color, key);
  }
  Settled settle(bool finished, const std::string& /*where*/) override {
    group_->barrier();
    return {.finished = finished};
  }
  bool may_speak() const override { return group_->may_speak(); }
  [[noreturn]] void abort(int exit_code) override {
    group_->abort(exit_code);
    std::terminate();
  }

 private:
  std::unique_ptr<ProcessGroup> group_;
  bool lose_next_ = false;
};

class NcclGroupTest : public ::testing::Test {
 protected:
  std::unique_ptr<ProcessGroup> make_group(double timeout_s = 60, bool check_agreement = true) {
    return std::make_unique<NcclGroup>(
        world_->split(0, world_->rank()), [] { return std::make_unique<FakeStream>(); },
        DeviceGroupOptions{.timeout_s = timeout_s, .check_agreement = check_agreement});
  }
  bool is_last() const { return world_->rank() == world_->world_size() - 1; }
  template <typename Call>
  std::string message_of(Call call) {
    try {
      call();
    } catch (const CommError& error) {
      return error.what();
    }
    return "no error";
  }
  void TearDown() override {
    world_->barrier();
    EXPECT_EQ(fake_nccl_live_communicators(), 0);
  }

  std::unique_ptr<ProcessGroup> world_ = make_mpi_process_group({.timeout_s = 60});
};

TEST_F(NcclGroupTest, CollectivesAreExactAndSplitsWork) {
  const auto group = make_group();
  const int ranks = group->world_size();
  for (const at::ScalarType dtype : {at::kLong, at::kInt, at::kByte, at::kFloat, at::kDouble}) {
    at::Tensor sum = at::arange(11, at::kLong).add(group->rank()).to(dtype);
    at::Tensor max = sum.clone();
    at::Tensor sent = sum.clone();
    group->all_reduce_sum(sum);
    group->all_reduce_max(max);
    group->broadcast(sent, ranks - 1);
    EXPECT_TRUE(
        sum.equal(at::arange(11, at::kLong).mul(ranks).add(ranks * (ranks - 1) / 2).to(dtype)));
    EXPECT_TRUE(max.equal(at::arange(11, at::kLong).add(ranks - 1).to(dtype)));
    EXPECT_TRUE(sent.equal(max));
  }
  at::Tensor empty = at::empty({0}, at::kFloat);
  group->all_reduce_sum(empty);
  const auto part = group->split(group->rank() == 0 ? -1 : group->rank() % 2, -group->rank());
  EXPECT_EQ(part == nullptr, group->rank() == 0);
  if (part) {
    at::Tensor one = at::ones({1}, at::kLong);
    part->all_reduce_sum(one);
    EXPECT_EQ(one.item<std::int64_t>(), part->world_size());
  }
  group->barrier();
}

TEST_F(NcclGroupTest, GradientSumHasTheBytesOfTheMpiBackend) {
  const auto group = make_group();
  const auto sum_with = [&](ProcessGroup& process_group) {
    GradientSum sum(process_group, {{"a", "b"}, {3, 2}}, process_group.world_size());
    sum.add(at::arange(5, at::kFloat).add(0.1F * static_cast<float>(process_group.rank())).sin());
    at::Tensor out_T = at::empty({5}, at::kFloat);
    sum.finish(out_T);
    return out_T;
  };
  EXPECT_TRUE(sum_with(*group).equal(sum_with(*world_)));
  group->barrier();
}

TEST_F(NcclGroupTest, AFailedStartIsToldToAllRanks) {
  {
    const Fault fault("FAKE_NCCL_FAIL", "id", world_->rank() == 0);
    EXPECT_THAT(message_of([&] { make_group(); }),
                HasSubstr("ncclGetUniqueId: unhandled system error"));
  }
  {
    const Fault fault("FAKE_NCCL_FAIL", "init", true);
    EXPECT_THAT(
        message_of([&] { make_group(); }),
        AllOf(HasSubstr("rank 0 of"), HasSubstr("ncclCommInitRankConfig: unhandled system error")));
  }
  {
    const Fault fault("FAKE_NCCL_HANG", "init", true);
    EXPECT_THAT(message_of([&] { make_group(0.3); }), HasSubstr("not complete after 0.3 s"));
  }
  // One rank without a GPU.
  const bool last = is_last();
  const auto make_stream = [last]() -> std::unique_ptr<DeviceStream> {
    if (last) throw std::runtime_error("GPU 3 was asked for and this host has 2");
    return std::make_unique<FakeStream>();
  };
  EXPECT_THAT(message_of([&] { NcclGroup(world_->split(0, 0), make_stream, {}); }),
              HasSubstr("GPU 3 was asked for"));
}

TEST_F(NcclGroupTest, FailuresAndHangsInACollectiveEndEveryRankInTime) {
  for (const char* kind : {"FAKE_NCCL_FAIL", "FAKE_NCCL_FAIL_LATER", "FAKE_NCCL_HANG"}) {
    const auto group = make_group(0.3);
    const Fault fault(kind, "all_reduce", is_last());
    at::Tensor tensor = at::ones({4}, at::kFloat);
    const std::string message = message_of([&] { group->all_reduce_sum(tensor); });
    if (!is_last() || std::string(kind) == "FAKE_NCCL_HANG") {
      EXPECT_THAT(message, HasSubstr("all_reduce_sum of 4 elements: not complete after 0.3 s"));
    } else {
      EXPECT_THAT(message, HasSubstr("injected by the fake library"));
    }
    EXPECT_THAT(message_of([&] { group->all_reduce_sum(tensor); }),
                HasSubstr("aborted after an earlier failure"));
    // The aborted call's buffer stays MPI's in the fake library: keep it for the life of the
    // process.
    [[maybe_unused]] const auto* kept = new at::Tensor(tensor);
    world_->barrier();
  }
}

TEST_F(NcclGroupTest, AStreamThatFailsOrNeverEndsRaises) {
  at::Tensor tensor = at::ones({4}, at::kFloat);
  {
    const auto group = make_group(0.3);
    const Fault fault("FAKE_STREAM_ERROR", "1", true);
    EXPECT_THAT(message_of([&] { group->all_reduce_sum(tensor); }),
                HasSubstr("illegal memory access"));
    world_->barrier();
  }
  const auto group = make_group(0.3);
  const Fault fault("FAKE_STREAM_HANG", "1", true);
  EXPECT_THAT(message_of([&] { group->all_reduce_sum(tensor); }),
              HasSubstr("not complete after 0.3 s"));
  world_->barrier();
}

TEST_F(NcclGroupTest, SurvivorsACallApartGoOnTogether) {
  auto losing = std::make_unique<LosingGroup>(world_->split(0, world_->rank()));
  LosingGroup& host = *losing;
  NcclGroup group(std::move(losing), [] { return std::make_unique<FakeStream>(); },
                  {.timeout_s = 60});
  at::Tensor sum = at::ones({1}, at::kLong);
  group.all_reduce_sum(sum);
  if (is_last()) {  // comes to a call that the others never begin
    host.lose_next();
    EXPECT_THROW(group.all_reduce_sum(sum), RankLostError);
  }
  EXPECT_FALSE(group.settle(false, "here").finished);
  at::Tensor again = at::ones({1}, at::kLong);
  group.all_reduce_sum(again);
  EXPECT_EQ(again.item<std::int64_t>(), group.world_size());
  group.barrier();
}

TEST_F(NcclGroupTest, DisagreementIsFoundBeforeNcclIsCalled) {
  const auto group = make_group();
  at::Tensor tensor = at::ones({is_last() ? 4 : 3}, at::kFloat);
  const std::string message = message_of([&] { group->all_reduce_sum(tensor); });
  if (group->world_size() > 1) {
    EXPECT_THAT(message, AllOf(HasSubstr("ranks disagree"), HasSubstr("with 4 elements of Float")));
  }
  at::Tensor one = at::ones({1}, at::kLong);
  group->all_reduce_sum(one);
  EXPECT_EQ(one.item<std::int64_t>(), group->world_size());
  group->barrier();
}

}  // namespace
}  // namespace candor::comm
