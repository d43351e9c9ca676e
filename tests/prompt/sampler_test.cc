#include "data_pipeline/tokens/sampler.h"

#include <gmock/gmock.h>

#include <map>
#include <numeric>

#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/splitmix64.h"
#include "tests/prompt/token_fixture.h"

namespace candor::data {
namespace {

using testing::ElementsAre;

std::vector<int64_t> iota(int64_t count) {
  std::vector<int64_t> result(static_cast<size_t>(count));
  std::iota(result.begin(), result.end(), 0);
  return result;
}

TEST(SamplerTest, SplitsAndGrades) {
  const TokenData data = testing_support::small_data();
  EXPECT_THAT(examples_of_split(data, "train", true), ElementsAre(0, 1, 3));
  EXPECT_THAT(examples_of_split(data, "train", false), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(examples_of_split(data, "test", true), ElementsAre(4));
}

// The reference implementation's first outputs from the state 1234567.
TEST(SamplerTest, SplitMix64GivesTheReferenceNumbers) {
  EXPECT_EQ(splitmix64_finalize(1234567 + kSplitMix64Gamma), 6457827717110365317ULL);
  EXPECT_EQ(splitmix64_finalize(1234567 + 2 * kSplitMix64Gamma), 3203168211198807973ULL);
  EXPECT_EQ(splitmix64_finalize(0), 0U);
}

TEST(SamplerTest, OrderIsAPermutationSetBySeedAndEpoch) {
  const auto examples = iota(1000);
  const auto order = epoch_order(42, 0, examples);
  EXPECT_THAT(order, testing::UnorderedElementsAreArray(examples));
  EXPECT_EQ(order, epoch_order(42, 0, examples));
  EXPECT_NE(order, epoch_order(42, 1, examples));
  EXPECT_NE(order, epoch_order(43, 0, examples));
  EXPECT_NE(epoch_order(42, 1, examples), epoch_order(43, 0, examples));
  EXPECT_TRUE(epoch_order(1, 1, {}).empty());
}

// The order is part of a run's identity; a change here changes every run.
TEST(SamplerTest, OrderIsFrozen) {
  EXPECT_THAT(epoch_order(42, 3, iota(8)), ElementsAre(7, 0, 6, 1, 4, 2, 5, 3));
}

TEST(SamplerTest, EveryOrderIsEquallyLikely) {
  std::map<std::vector<int64_t>, int> counts;
  for (int64_t epoch = 0; epoch < 24'000; ++epoch) ++counts[epoch_order(7, epoch, iota(4))];
  ASSERT_EQ(counts.size(), 24U);
  for (const auto& [order, count] : counts)
    EXPECT_NEAR(count, 1000, 160);  // five standard deviations
}

TEST(AssignTest, LongestFirstToTheLeastLoaded) {
  EXPECT_THAT(assign_micro_batches(std::vector<int64_t>{3, 9, 5, 4}, 2), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(assign_micro_batches(std::vector<int64_t>{5, 5, 5, 5}, 3), ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(assign_micro_batches(std::vector<int64_t>{5}, 4), ElementsAre(0));
  EXPECT_TRUE(assign_micro_batches({}, 4).empty());
  EXPECT_THROW(assign_micro_batches(std::vector<int64_t>{5}, 0), std::invalid_argument);
}

TEST(AssignTest, EveryWorldSizeComputesTheSameMicroBatches) {
  const TokenData data = testing_support::small_data();
  const auto groups =
      cut_micro_batches(epoch_order(1, 0, examples_of_split(data, "train", false)), 3);
  std::vector<int64_t> tokens;
  for (const auto& group : groups) tokens.push_back(micro_batch_tokens(data, group, true));
  for (int world = 1; world <= 4; ++world) {
    const auto rank_of = assign_micro_batches(tokens, world);
    std::vector<int> times(groups.size(), 0);
    for (int rank = 0; rank < world; ++rank) {
      for (size_t m = 0; m < groups.size(); ++m) {
        if (rank_of[m] == rank) ++times[m];
      }
    }
    EXPECT_THAT(times, testing::Each(1)) << world;
  }
}

}  // namespace
}  // namespace candor::data
