// When `candor run` trains again and when it goes on: by what fixes the adapter, not by how it is
// written down.
#include <gmock/gmock.h>

#include "tests/commands/tiny_run.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class TrainedAgainTest : public TinyRun {};

TEST_F(TrainedAgainTest, HowOftenCheckpointsAreWrittenIsNoReasonToTrainAgain) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  const std::string adapter = text_of(at("run/adapter/adapter_model.safetensors"));
  for (const char* key : {"checkpoint_every=2", "keep_checkpoints=1"}) {
    const Outcome again = alone("run " + config() + "--set train." + key);
    EXPECT_EQ(again.exit_code, 0) << again.text;
    EXPECT_THAT(again.text, HasSubstr("run  train: skipped")) << key;
  }

  // Killed after step 3: with other such keys it goes on from there.
  const auto kill_after_step_3 = [&] {
    fs::remove_all(at("run/adapter"));
    fs::remove_all(at("run/checkpoints/step_000006"));
  };
  kill_after_step_3();
  const Outcome resumed =
      alone("run " + config() + "--set train.checkpoint_every=2 --set train.keep_checkpoints=1");
  ASSERT_EQ(resumed.exit_code, 0) << resumed.text;
  EXPECT_THAT(resumed.text,
              AllOf(HasSubstr("resuming from step 3"), Not(HasSubstr("another training"))));
  EXPECT_EQ(text_of(at("run/adapter/adapter_model.safetensors")), adapter);

  // What does change the adapter: the first by its gradients, the others by which checkpoint is the
  // best.
  for (const char* key : {"learning_rate=0.01", "validate_every=2", "validation_examples=5"}) {
    const Outcome other = alone("run " + config() + "--set train." + key);
    ASSERT_EQ(other.exit_code, 0) << other.text;
    EXPECT_THAT(other.text,
                AllOf(HasSubstr("run  train: running, because its part of the config changed"),
                      HasSubstr("of another training"), Not(HasSubstr("resuming"))));
  }
}

TEST_F(TrainedAgainTest, RunKnowsWhatTheStagesDidByThemselves) {
  make_half_of_the_answers_right();
  for (const char* command : {"answer ", "grade ", "prepare ", "train "})
    ASSERT_EQ(alone(command + config()).exit_code, 0) << command;
  const Outcome run = alone("run " + config());
  ASSERT_EQ(run.exit_code, 0) << run.text;
  EXPECT_EQ(count_of(": skipped", run.text), 4) << run.text;
  EXPECT_THAT(run.text, HasSubstr("run  evaluate: running"));
}

TEST_F(TrainedAgainTest, RunGoesOnFromTheCheckpointsOfTrain) {
  make_half_of_the_answers_right();
  for (const char* command : {"answer ", "grade ", "prepare ", "train --pause-at 3 "})
    ASSERT_EQ(alone(command + config()).exit_code, 0) << command;
  const Outcome run = alone("run " + config());
  ASSERT_EQ(run.exit_code, 0) << run.text;
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("resuming from step 3"), Not(HasSubstr("another training"))));
}

}  // namespace
}  // namespace candor::launch
