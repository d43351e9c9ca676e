// The arithmetic behind the doctor's measurements: bounds of clocks, rates, and which sizes are
// tried.
#include <gmock/gmock.h>

#include "launch/cluster/clock_difference.h"
#include "launch/cluster/link_bandwidth.h"

namespace candor::launch {
namespace {

using testing::HasSubstr;

constexpr int64_t kMs = 1'000'000;

TEST(ClockDifference, LiesBetweenTheBoundsOfAllExchanges) {
  // Rank 1 is 50 ms ahead. It noted its time 9 ms after rank 0's first and 1 ms before the last;
  // then 1 ms after and 7 ms before.
  const std::vector<ClockExchange> exchanges = {
      {.first_ns = 0, .last_ns = 10 * kMs, .notes_ns = {5 * kMs, 59 * kMs}},
      {.first_ns = 100 * kMs, .last_ns = 108 * kMs, .notes_ns = {104 * kMs, 151 * kMs}}};
  const std::vector<ClockDifference> differences = clock_differences(exchanges);
  ASSERT_EQ(differences.size(), 2);
  EXPECT_EQ(differences[0].seconds, 0);
  EXPECT_EQ(differences[0].uncertainty_s, 0);
  EXPECT_NEAR(differences[1].seconds, 0.050,
              1e-9);  // in [49, 59] and in [43, 51]: 50, give or take 1
  EXPECT_NEAR(differences[1].uncertainty_s, 0.001, 1e-9);
}

TEST(ClockDifference, AClockThatWasSetMeanwhileGivesItsLastValue) {
  const std::vector<ClockExchange> exchanges = {
      {.first_ns = 0, .last_ns = 2 * kMs, .notes_ns = {kMs, 1001 * kMs}},
      {.first_ns = 10 * kMs, .last_ns = 12 * kMs, .notes_ns = {11 * kMs, 1 * kMs}}};
  const std::vector<ClockDifference> differences = clock_differences(exchanges);
  EXPECT_NEAR(differences[1].seconds, -0.010, 1e-9);
  EXPECT_NEAR(differences[1].uncertainty_s, 0.001, 1e-9);
  EXPECT_TRUE(clock_differences({}).empty());
}

TEST(Bandwidth, BusbwIsWhatALinkCarriesInARing) {
  const BandwidthRow row{.bytes = 1'000'000, .repeats = 1, .seconds = 0.001};
  EXPECT_DOUBLE_EQ(algbw(row), 1e9);
  EXPECT_DOUBLE_EQ(busbw(row, 2), 1e9);
  EXPECT_DOUBLE_EQ(busbw(row, 4), 1.5e9);
  EXPECT_DOUBLE_EQ(busbw(row, 1), 0);
  // Small tensors may lie in buffers, so they say nothing of the link, unless there are no others.
  const BandwidthRow quick{.bytes = 4096, .repeats = 1, .seconds = 1e-9},
      large{.bytes = 4 << 20, .repeats = 1, .seconds = 1},
      larger{.bytes = 16 << 20, .repeats = 1, .seconds = 2};
  EXPECT_DOUBLE_EQ(link_busbw({.ranks = 4, .rows = {quick, large, larger}}), 1.5 * (8 << 20));
  EXPECT_DOUBLE_EQ(link_busbw({.ranks = 4, .rows = {quick}}), 1.5 * 4096e9);
  EXPECT_DOUBLE_EQ(link_busbw({}), 0);
}

TEST(Bandwidth, SizesThatWouldTakeTooLongAreLeftOut) {
  const BandwidthOptions options{.seconds = 10, .longest_call_s = 2};
  EXPECT_TRUE(fits({.bytes = 8, .seconds = 0.1}, 5, options));     // 0.4 s twice
  EXPECT_FALSE(fits({.bytes = 8, .seconds = 0.6}, 0, options));    // one call of 2.4 s
  EXPECT_FALSE(fits({.bytes = 8, .seconds = 0.1}, 9.5, options));  // no time left
  EXPECT_EQ(repeats_of(1e-6, options), options.most_repeats);
  EXPECT_EQ(repeats_of(0.25, options), 4);
  EXPECT_EQ(repeats_of(30, options), 1);
}

TEST(Bandwidth, BelowHalfOfTheLinkIsSlow) {
  EXPECT_TRUE(is_slow(6.2e9, 100));  // 49.6 Gbit/s
  EXPECT_FALSE(is_slow(6.3e9, 100));
  EXPECT_EQ(share_text(1.25e9, 100), "busbw reached 10 of the expected 100 Gbit/s (10 %)");
  const std::string table =
      table_of({.ranks = 2,
                .rows = {{.bytes = 4096, .repeats = 20, .seconds = 4.096e-6, .best_s = 0.002e-3},
                         {.bytes = 1 << 20, .seconds = 1}},
                .left_out = "4 MiB and more, which would take too long"});
  EXPECT_THAT(
      table,
      HasSubstr(
          "4 KiB       20      0.002        0.004        1.000        1.000          8.000\n"));
  EXPECT_THAT(table, HasSubstr("1 MiB"));
  EXPECT_THAT(table, HasSubstr("left out: 4 MiB and more"));
}

}  // namespace
}  // namespace candor::launch
