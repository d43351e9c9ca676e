#include "data_pipeline/tokens/micro_batch.h"

#include <gmock/gmock.h>

#include "tests/prompt/token_fixture.h"

namespace candor::data {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing_support::small_data;

TEST(MicroBatchTest, SharedPrefixesComeFirstAndOnce) {
  const TokenData data = small_data();
  const std::vector<int64_t> examples{2, 0, 4, 1};
  const MicroBatch batch = make_micro_batch(data, examples, true);
  EXPECT_THAT(batch.segments,
              ElementsAre(Segment{0, 2, -1, 0}, Segment{2, 3, -1, 0}, Segment{5, 5, 0, 2},
                          Segment{10, 4, 1, 3}, Segment{14, 7, -1, 0}, Segment{21, 6, 1, 3}));
  EXPECT_THAT(batch.tokens_T,
              ElementsAre(7, 8, 1, 2, 3, 300, 301, 302, 303, 304, 100, 101, 102, 103, 500, 501, 502,
                          503, 504, 505, 506, 200, 201, 202, 203, 204, 205));
  EXPECT_THAT(batch.confidence_row_B, ElementsAre(9, 13, 20, 26));
  EXPECT_THAT(batch.example_B, ElementsAre(2, 0, 4, 1));
  EXPECT_THAT(batch.target_B, ElementsAre(0.0F, 0.0F, 1.0F, 0.25F));
  EXPECT_THAT(batch.response_rows_B,
              ElementsAre(Pair(6, 8), Pair(11, 12), Pair(15, 19), Pair(22, 25)));
  EXPECT_EQ(micro_batch_tokens(data, examples, true), 27);
}

TEST(MicroBatchTest, UnsharedHoldsTheSameTokensPerExample) {
  TokenData data = small_data();
  data.prefix_parent[1] = 0;  // prefix 1 is now [1 2 3 7 8]
  const std::vector<int64_t> examples{0, 1, 2, 3, 4};
  const MicroBatch apart = make_micro_batch(data, examples, false);
  const MicroBatch shared = make_micro_batch(data, examples, true);
  ASSERT_EQ(apart.segments.size(), 5U);
  for (size_t b = 0; b < examples.size(); ++b) {
    const Segment& own = apart.segments[b];
    EXPECT_EQ(own.parent, -1);
    EXPECT_EQ(own.position, 0);
    EXPECT_EQ(own.length, static_cast<int64_t>(data.example_length(b)));
    EXPECT_EQ(apart.confidence_row_B[b], own.begin + own.length - 1);
    const Segment& suffix = shared.segments[shared.segments.size() - examples.size() + b];
    std::vector<uint32_t> joined;
    const auto append = [&](const Segment& s) {
      joined.insert(joined.end(), shared.tokens_T.begin() + s.begin,
                    shared.tokens_T.begin() + s.begin + s.length);
    };
    if (suffix.parent >= 0) append(shared.segments[static_cast<size_t>(suffix.parent)]);
    EXPECT_EQ(suffix.position, static_cast<int64_t>(joined.size()));
    append(suffix);
    EXPECT_EQ(joined, std::vector<uint32_t>(apart.tokens_T.begin() + own.begin,
                                            apart.tokens_T.begin() + own.begin + own.length));
  }
  EXPECT_EQ(micro_batch_tokens(data, examples, false), static_cast<int64_t>(apart.tokens_T.size()));
  EXPECT_EQ(micro_batch_tokens(data, examples, true), static_cast<int64_t>(shared.tokens_T.size()));
}

TEST(MicroBatchTest, SegmentsTileAllRows) {
  const TokenData data = small_data();
  for (const bool share : {false, true}) {
    const MicroBatch batch = make_micro_batch(data, std::vector<int64_t>{4, 3, 2, 1, 0}, share);
    int64_t row = 0;
    for (const Segment& segment : batch.segments) {
      EXPECT_EQ(segment.begin, row);
      row += segment.length;
    }
    EXPECT_EQ(row, static_cast<int64_t>(batch.tokens_T.size()));
  }
}

TEST(MicroBatchTest, TheLastGroupMayBeSmaller) {
  const std::vector<int64_t> examples{5, 3, 8, 1, 2};
  EXPECT_THAT(cut_micro_batches(examples, 2),
              ElementsAre(ElementsAre(5, 3), ElementsAre(8, 1), ElementsAre(2)));
  EXPECT_THAT(cut_micro_batches(examples, 9), ElementsAre(ElementsAre(5, 3, 8, 1, 2)));
  EXPECT_TRUE(cut_micro_batches({}, 2).empty());
  EXPECT_THROW(cut_micro_batches(examples, 0), std::invalid_argument);
}

TEST(MicroBatchTest, AnExampleThatIsNotThereIsAnError) {
  const TokenData data = small_data();
  EXPECT_THROW(make_micro_batch(data, std::vector<int64_t>{5}, true), std::out_of_range);
  EXPECT_THROW(make_micro_batch(data, std::vector<int64_t>{-1}, false), std::out_of_range);
}

}  // namespace
}  // namespace candor::data
