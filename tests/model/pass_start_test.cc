// A pass that begins above the embedding gives what the whole pass gives, and starts that lack
// something can't be made.
#include "trainer/model/pass_start.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "trainer/model/llama.h"

namespace candor::trainer {
namespace {

// One prefix of four tokens, two suffixes of three behind it; a marker of two tokens ends each.
data::MicroBatch batch_of_two() {
  data::MicroBatch batch;
  batch.tokens_T = {5, 9, 33, 7, 1, 20, 44, 3, 20, 44};
  batch.segments = {{0, 4, -1, 0}, {4, 3, 0, 4}, {7, 3, 0, 4}};
  batch.confidence_row_B = {6, 9};
  batch.marker_row_B = {5, 8};
  batch.example_B = {0, 1};
  batch.target_B = {0, 0};
  batch.response_rows_B = {{7, 7}, {10, 10}};
  return batch;
}

class PassStartTest : public testing::Test {
 protected:
  PassStartTest() : whole_(model_.forward(batch_, {}).head_in_RD) {}

  const LlamaModel model_{std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/tiny", at::kDouble};
  const data::MicroBatch batch_ = batch_of_two();
  const at::Tensor whole_;
};

TEST_F(PassStartTest, FromALayerOrAMarkerTheBaseModelGivesWhatTheWholePassGives) {
  const BaseStates states = model_.base_states(batch_, 1, /*keys_values=*/true);
  const ForwardResult from_layer =
      model_.forward(batch_, {}, PassStart::at_layer(1, states.entering_TD));
  EXPECT_TRUE(at::allclose(from_layer.head_in_RD, whole_, 1e-12, 1e-12));
  for (const at::Tensor& keys_values : states.keys_values) {
    for (const int64_t marker : batch_.marker_row_B) keys_values.narrow(0, marker, 2).zero_();
  }
  const ForwardResult from_marker =
      model_.forward(batch_, {}, PassStart::at_marker(1, states, {5, 6, 8, 9}));
  EXPECT_TRUE(at::allclose(from_marker.head_in_RD, whole_, 1e-12, 1e-12))
      << "the pass writes its own rows' keys and values";
}

TEST_F(PassStartTest, HiddenStatesNeedAPassFromTheEmbedding) {
  const BaseStates states = model_.base_states(batch_, 1, /*keys_values=*/false);
  EXPECT_THROW(
      model_.forward(batch_, {.collect_hidden = true}, PassStart::at_layer(1, states.entering_TD)),
      std::logic_error);
}

TEST_F(PassStartTest, AStartThatLacksSomethingCannotBeMade) {
  const BaseStates states = model_.base_states(batch_, 1, /*keys_values=*/true);
  EXPECT_THROW(PassStart::at_layer(1, {}), std::logic_error);
  EXPECT_THROW(PassStart::at_marker(1, states, {}), std::logic_error);
  EXPECT_THROW(PassStart::at_marker(1, {states.entering_TD, {}}, {6, 9}), std::logic_error);
  EXPECT_THROW(PassStart::at_marker(1, {{}, states.keys_values}, {6, 9}), std::logic_error);
}

TEST_F(PassStartTest, APassToTrainNeedsAnAdapter) {
  EXPECT_THROW(model_.forward_to_train(batch_, {}, /*dropout_key=*/0), std::logic_error);
}

}  // namespace
}  // namespace candor::trainer
