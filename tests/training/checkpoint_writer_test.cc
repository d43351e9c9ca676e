// Checkpoints written in the background: in order, whole, by whoever is the writer, and an error of
// the disk isn't lost.
#include "trainer/training/checkpoint_writer.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "data_pipeline/files/write_fence.h"
#include "synthetic_data.h"
#include "tests/files/temporary_folder.h"

namespace candor::trainer {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::IsEmpty;

class CheckpointWriterTest : public testing::Test {
 protected:
  CheckpointWriterTest() { adapter_.initialize(1); }

  std::shared_ptr<const TrainingSnapshot> snapshot(int64_t step) {
    state_.step = step;
    adapter_.parameters().fill_(static_cast<double>(step));
    return std::make_shared<const TrainingSnapshot>(
        training_snapshot(state_, adapter_, optimizer_));
  }
  CheckpointWriterOptions options() const {
    return {.checkpoints = folder_.path() + "/checkpoints", .keep = 10};
  }
  std::vector<int64_t> steps() const { return checkpoint_steps(folder_.path() + "/checkpoints"); }

  data::TemporaryFolder folder_;
  ModelConfig config_ = ModelConfig::from_model_dir(kTinyModel);
  LoraAdapter adapter_{config_, {}, at::kFloat};
  AdamW optimizer_{adapter_.parameters(), {}};
  TrainState state_{.identity = "a"};
};

TEST_F(CheckpointWriterTest, WritesWhatASnapshotHeldWhenItWasTaken) {
  CheckpointWriter writer(options(), adapter_);
  writer.become_writer();
  for (const int64_t step : {2, 4, 4, 3, 6}) writer.submit(snapshot(step));
  adapter_.parameters().fill_(99);
  writer.flush();
  EXPECT_THAT(steps(), ElementsAre(2, 4, 6));  // an older step than the newest is none
  EXPECT_EQ(writer.written_step(), 6);
  for (const int64_t step : {2, 4, 6}) {
    EXPECT_EQ(checkpoint_damage(options().checkpoints, step), "");
    read_checkpoint(options().checkpoints, step, "a", config_, adapter_, optimizer_);
    EXPECT_EQ(adapter_.parameters()[5].item<float>(), static_cast<float>(step));
  }
}

TEST_F(CheckpointWriterTest, TheNextWriterWritesWhatTheLostOneHadNot) {
  CheckpointWriter writer(options(), adapter_);
  for (const int64_t step : {2, 4, 6, 8}) writer.submit(snapshot(step));
  writer.written_elsewhere(2);
  writer.forget_after(6);
  EXPECT_THAT(steps(), IsEmpty());
  writer.become_writer();
  writer.submit(snapshot(8));
  writer.flush();
  EXPECT_THAT(steps(), ElementsAre(4, 6, 8));
}

TEST_F(CheckpointWriterTest, AnErrorOfTheDiskIsThrownAndNothingAppears) {
  CheckpointWriterOptions failing = options();
  failing.before_rename = [] { throw std::runtime_error("no room"); };
  CheckpointWriter writer(failing, adapter_);
  writer.become_writer();
  writer.submit(snapshot(2));
  EXPECT_THROW(writer.flush(), std::runtime_error);
  EXPECT_THROW(writer.submit(snapshot(4)), std::runtime_error);
  EXPECT_THROW(writer.written_step(), std::runtime_error);
  EXPECT_THAT(steps(), IsEmpty());
}

// A rank that was stopped, replaced, and goes on.
TEST_F(CheckpointWriterTest, AWriterThatWasReplacedWritesNothingMore) {
  data::WriteFence old_fence(folder_.path()), new_fence(folder_.path());
  CheckpointWriterOptions fenced = options();
  fenced.before_rename = [&] { old_fence.check(); };
  CheckpointWriter writer(fenced, adapter_);
  writer.become_writer();
  old_fence.take();
  writer.submit(snapshot(2));
  writer.flush();
  new_fence.take();
  writer.submit(snapshot(4));
  try {
    writer.flush();
    FAIL() << "expected an error";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("another candor has begun to write into this folder"));
  }
  EXPECT_THAT(steps(), ElementsAre(2));
}

}  // namespace
}  // namespace candor::trainer
