// The counted operations: pairs against a count of every row's visible keys, and products against
// numbers worked out by hand.
#include "trainer/model/pass_cost.h"

#include <gtest/gtest.h>

namespace candor::trainer {
namespace {

// A prefix of 4 rows, suffixes of 3 and 2 behind it, a sequence of 2 of its own; the last row of
// each is read.
data::MicroBatch small_batch() {
  data::MicroBatch batch;
  batch.tokens_T.resize(11);
  batch.segments = {{0, 4, -1, 0}, {4, 3, 0, 4}, {7, 2, 0, 4}, {9, 2, -1, 0}};
  batch.confidence_row_B = {6, 8, 10};
  return batch;
}

TEST(PassCost, CountsThePairsThatAreSeen) {
  const data::MicroBatch batch = small_batch();
  double all = 0, of_head_rows = 0;
  for (int64_t row = 0; row < 11; ++row) {
    double seen = 0;
    for (int64_t key = 0; key < 11; ++key) {
      const auto segment_of = [&](int64_t r) { return r < 4 ? 0 : (r < 7 ? 1 : (r < 9 ? 2 : 3)); };
      const int64_t mine = segment_of(row), theirs = segment_of(key);
      if ((mine == theirs && key <= row) || (theirs == 0 && (mine == 1 || mine == 2))) ++seen;
    }
    all += seen;
    if (row == 6 || row == 8 || row == 10) of_head_rows += seen;
  }
  const PassShape shape = pass_shape(batch);
  EXPECT_EQ(shape.rows, 11);
  EXPECT_EQ(shape.head_rows, 3);
  EXPECT_EQ(shape.scores, all);
  EXPECT_EQ(shape.last_scores, of_head_rows);
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
  lora.layer_begin = layer;
  return lora;
}

// Weights of a layer: q 16, k and v 8 each, o 16, MLP 120; keys and values are the only ones that
// every row of the last layer needs.
TEST(PassCost, CountsTheProductsOfAPass) {
  const PassShape shape = pass_shape(small_batch());
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
