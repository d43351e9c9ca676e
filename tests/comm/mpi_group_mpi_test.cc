// The MPI backend against values that are known exactly, and against ranks that misbehave.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/comm_error.h"
#include "comm/device_group.h"
#include "comm/mpi_session.h"

namespace candor::comm {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<ProcessGroup> small_chunks() {
  return make_mpi_process_group({.timeout_s = 60, .chunk_numel = 7});
}

TEST(MpiGroup, SumsAndMaximaAreExactForEveryDtype) {
  const auto group = small_chunks();
  const std::int64_t ranks = group->world_size();
  for (const at::ScalarType dtype : {at::kLong, at::kInt, at::kByte, at::kFloat, at::kDouble}) {
    for (const std::int64_t numel : {0, 1, 7, 20}) {
      at::Tensor sum = at::arange(numel, at::kLong).add(group->rank()).to(dtype);
      at::Tensor max = sum.clone();
      group->all_reduce_sum(sum);
      group->all_reduce_max(max);
      EXPECT_TRUE(sum.equal(
          at::arange(numel, at::kLong).mul(ranks).add(ranks * (ranks - 1) / 2).to(dtype)));
      EXPECT_TRUE(max.equal(at::arange(numel, at::kLong).add(ranks - 1).to(dtype)));
    }
  }
}

TEST(MpiGroup, BroadcastsAnyDtypeFromAnyRoot) {
  const auto group = small_chunks();
  for (int root = 0; root < group->world_size(); ++root) {
    for (const at::ScalarType dtype : {at::kLong, at::kBFloat16, at::kDouble, at::kByte}) {
      at::Tensor tensor = at::arange(9, at::kLong).add(group->rank()).to(dtype);
      group->broadcast(tensor, root);
      EXPECT_TRUE(tensor.equal(at::arange(9, at::kLong).add(root).to(dtype)));
    }
  }
}

TEST(MpiGroup, BytesOfDifferentLengthsArriveInRankOrder) {
  const auto group = small_chunks();
  const auto text_of = [](int rank) {
    return std::string(static_cast<std::size_t>(rank * 13), static_cast<char>('a' + rank)) + '\0';
  };
  const auto gathered = group->all_gather_bytes(text_of(group->rank()));
  ASSERT_EQ(gathered.size(), static_cast<std::size_t>(group->world_size()));
  for (int rank = 0; rank < group->world_size(); ++rank)
    EXPECT_EQ(gathered[static_cast<std::size_t>(rank)], text_of(rank));
  std::string bytes = text_of(group->rank());
  group->broadcast_bytes(bytes, group->world_size() - 1);
  EXPECT_EQ(bytes, text_of(group->world_size() - 1));
  EXPECT_EQ(group->all_gather_bytes("").size(), static_cast<std::size_t>(group->world_size()));
}

TEST(MpiGroup, SplitOrdersByKeyAndLeavesOutNegativeColors) {
  const auto group = small_chunks();
  const int last = group->world_size() - 1;
  const auto reversed = group->split(0, last - group->rank());
  EXPECT_EQ(reversed->rank(), last - group->rank());
  EXPECT_EQ(reversed->rank_info().local_world_size, group->world_size());
  EXPECT_EQ(reversed->rank_info().local_rank, reversed->rank());
  const auto without_last = group->split(group->rank() == last ? -1 : 0, 0);
  EXPECT_EQ(without_last == nullptr, group->rank() == last);
  if (without_last) {
    at::Tensor one = at::ones({1}, at::kLong);
    without_last->all_reduce_sum(one);
    EXPECT_EQ(one.item<std::int64_t>(), last);
  }
}

TEST(MpiGroup, MissingRankRaisesWithinTheDeadline) {
  const auto healthy = small_chunks();
  for (const bool check_agreement : {true, false}) {
    const auto group =
        make_mpi_process_group({.timeout_s = 0.3, .check_agreement = check_agreement});
    const bool missing = group->world_size() > 1 && group->rank() == group->world_size() - 1;
    if (group->world_size() > 1 && !missing) {
      at::Tensor tensor = at::ones({5}, at::kFloat);
      try {
        group->all_reduce_sum(tensor);
        ADD_FAILURE() << "all_reduce_sum returned without the missing rank";
      } catch (const CommError& error) {
        EXPECT_THAT(error.what(),
                    HasSubstr("all_reduce_sum of 5 elements: not complete after 0.3 s"));
        EXPECT_EQ(error.rank(), group->rank());
      }
      EXPECT_THROW(group->barrier(), CommError);  // broken: at once
    }
    healthy->barrier();
  }
}

TEST(MpiGroup, EveryRankIsToldOfADisagreement) {
  const auto group = small_chunks();
  if (group->world_size() == 1) return;  // one rank has nobody to disagree with
  const bool last = group->rank() == group->world_size() - 1;
  const auto expect_disagreement = [](auto call, const std::string& words) {
    try {
      call();
      ADD_FAILURE() << "no error for " << words;
    } catch (const CommError& error) {
      EXPECT_THAT(error.what(), HasSubstr("ranks disagree"));
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  at::Tensor three = at::ones({3}, at::kFloat);
  at::Tensor four = at::ones({4}, at::kFloat);
  at::Tensor three_doubles = at::ones({3}, at::kDouble);
  expect_disagreement([&] { group->all_reduce_sum(last ? four : three); },
                      "with 4 elements of Float");
  expect_disagreement([&] { group->all_reduce_sum(last ? three_doubles : three); },
                      "with 3 elements of Double");
  expect_disagreement([&] { last ? group->all_reduce_max(three) : group->all_reduce_sum(three); },
                      "all_reduce_max as call 2");
  expect_disagreement([&] { group->broadcast(three, last ? 0 : 1); }, "from root 0");
  group->all_reduce_sum(three);  // the group still works
  EXPECT_EQ(three[0].item<float>(), static_cast<float>(group->world_size()));
}

TEST(MpiGroup, RefusesWhatItCannotSend) {
  const auto group = small_chunks();
  at::Tensor half = at::ones({2}, at::kHalf);
  EXPECT_THROW(group->all_reduce_sum(half), std::invalid_argument);
  at::Tensor strided = at::ones({4, 4}, at::kFloat).t().narrow(0, 0, 2);
  EXPECT_THROW(group->all_reduce_sum(strided), std::invalid_argument);
  at::Tensor tensor = at::ones({2}, at::kFloat);
  EXPECT_THROW(group->broadcast(tensor, group->world_size()), std::invalid_argument);
  EXPECT_THROW(make_mpi_process_group({.timeout_s = 0}), std::invalid_argument);
}

TEST(MpiGroup, SettlesWhereNobodyIsLost) {
  const auto group = small_chunks();
  const Settled settled = group->settle(true, "here");
  EXPECT_TRUE(settled.finished);
  EXPECT_TRUE(settled.lost.empty());
  group->barrier();
}

TEST(DeviceGroup, CpuTensorsTravelByMpiInEveryBuild) {
  const auto host = small_chunks();
  const auto group = make_device_process_group(*host, {});
  at::Tensor rank = at::full({3}, group->rank(), at::kLong);
  group->all_reduce_sum(rank);
  EXPECT_EQ(rank[2].item<std::int64_t>(), group->world_size() * (group->world_size() - 1) / 2);
}

}  // namespace
}  // namespace candor::comm
