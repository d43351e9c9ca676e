// The counted operations: pairs against a count of every row's visible keys, and products against
// numbers worked out by hand.
#include "trainer/model/pass_cost.h"

#include <gtest/gtest.h>

#include "data_pipeline/tokens/micro_batch.h"
#include "tests/prompt/token_fixture.h"

namespace candor::trainer {
namespace {

using testing_support::small_data;

// Of the packed micro-batch, row by row: who is computed, and which keys each of them sees.
PassShape counted(const data::MicroBatch& batch, bool from_marker) {
  PassShape shape{.head_rows = static_cast<int64_t>(batch.confidence_row_B.size())};
  for (const data::Segment& segment : batch.segments) {
    const int64_t end = segment.begin + segment.length;
    for (int64_t row = segment.begin; row < end; ++row) {
      bool computed = !from_marker, read = false;
      for (size_t b = 0; b < batch.example_B.size(); ++b) {
        const int64_t confidence = batch.confidence_row_B[b];
        computed = computed || (row >= batch.marker_row_B[b] && row <= confidence);
        read = read || row == confidence;
      }
      if (!computed) continue;
      double seen =
          segment.parent < 0
              ? 0
              : static_cast<double>(batch.segments[static_cast<size_t>(segment.parent)].length);
      for (int64_t key = segment.begin; key <= row; ++key) ++seen;
      ++shape.rows;
      shape.scores += seen;
      if (read) shape.last_scores += seen;
    }
  }
  return shape;
}

TEST(PassCost, LengthsGiveTheShapeOfThePackedMicroBatch) {
  data::TokenData data = small_data();
  data.examples[1].confidence_position = 4;  // a row before the last
  data.examples[1].marker_position = 2;
  for (const std::vector<int64_t>& examples :
       {std::vector<int64_t>{0}, {4}, {0, 1, 2, 3, 4}, {2, 0, 4, 1}}) {
    for (const bool share : {true, false}) {
      for (const bool from_marker : {true, false}) {
        const PassShape shape = pass_shape(data, examples, share, from_marker);
        const PassShape expected =
            counted(data::make_micro_batch(data, examples, share), from_marker);
        EXPECT_EQ(shape.rows, expected.rows);
        EXPECT_EQ(shape.head_rows, expected.head_rows);
        EXPECT_EQ(shape.scores, expected.scores);
        EXPECT_EQ(shape.last_scores, expected.last_scores);
      }
    }
  }
}

// A prefix of 4 rows, suffixes of 3 and 2 behind it, a sequence of 2 of its own; the last row of
// each is read.
PassShape small_shape() {
  data::TokenData data;
  const std::vector<uint32_t> tokens(4, 1);
  data.add_prefix(tokens);
  const auto add = [&](int32_t prefix, uint32_t length) {
    data.add_example(
        {.prefix = prefix, .confidence_position = length - 1, .marker_position = length - 2},
        std::span(tokens).first(length));
  };
  add(0, 3);
  add(0, 2);
  add(-1, 2);
  return pass_shape(data, std::vector<int64_t>{0, 1, 2}, /*share_prefix=*/true);
}

ModelConfig small_model() {
  ModelConfig config;
  config.width = 4;
  config.mlp_width = 10;
  config.heads = 2;
  config.key_heads = 1;
  config.head_size = 2;
  config.layers = 3;
  return config;
}

LoraOptions on_q_from(int64_t layer) {
  LoraOptions lora;
  lora.rank = 1;
  lora.modules = {"q_proj"};
  lora.layers.begin = layer;
  return lora;
}

// Weights of a layer: q 16, k and v 8 each, o 16, MLP 120; keys and values are the only ones that
// every row of the last layer needs.
TEST(PassCost, CountsTheProductsOfAPass) {
  const PassShape shape = small_shape();
  const double inner = 2 * 11 * (16 + 16 + 16 + 120), last = 2 * (11 * 16 + 3 * (16 + 16 + 120));
  EXPECT_EQ(forward_cost(small_model(), shape, 10).linear, 2 * inner + last);
  EXPECT_EQ(forward_cost(small_model(), shape, 10).head, 2 * 3 * 4 * 10);
  EXPECT_EQ(forward_cost(small_model(), shape, 10).lora, 0);
  // Two products of 2 operations a score and dimension forward, five backward.
  EXPECT_EQ(forward_cost(small_model(), shape, 10).attention,
            2 * 2 * 4 * (2 * shape.scores + shape.last_scores));

  // All layers adapted: backward doubles every product but those into layer 0, whose input nobody
  // asks about.
  const PassCost all = training_cost(small_model(), on_q_from(0), shape, 0, 10);
  EXPECT_EQ(all.linear, 2 * (2 * inner + last) - 2 * 11 * (16 + 16));
  EXPECT_EQ(all.attention, 7 * 2 * 4 * (2 * shape.scores + shape.last_scores));
  EXPECT_EQ(all.lora, 3 * 2 * (11 + 11 + 3) * (4 + 4));
  EXPECT_EQ(all.head, 2 * 2 * 3 * 4 * 10);

  // The last layer only, with what enters it computed before.
  const PassCost upper = training_cost(small_model(), on_q_from(2), shape, 2, 10);
  EXPECT_EQ(upper.linear, 2 * last - 2 * (11 * 16 + 3 * 16));
  EXPECT_EQ(upper.attention, 7 * 2 * 4 * shape.last_scores);
}

}  // namespace
}  // namespace candor::trainer
