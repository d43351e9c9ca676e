// One mapped copy of the weights: the numbers of weights of one's own, one file however many ranks,
// made again where it is damaged.
#include "trainer/base_cache/shared_weights.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "comm/mpi_session.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "synthetic_data.h"
#include "trainer/model/llama.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;

class SharedWeightsTest : public testing::Test {
 protected:
  SharedWeightsTest() : all_(comm::make_mpi_process_group({.timeout_s = 120})), folder_(*all_) {}

  ModelWeights mapped(const std::string& model, at::ScalarType dtype, const std::string& identity) {
    return map_shared_weights(model, ModelConfig::from_model_dir(model), dtype, identity,
                              folder_.path() + "/weights", *all_);
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_.path() + "/weights"),
                                             fs::directory_iterator()));
  }

  std::unique_ptr<comm::ProcessGroup> all_;
  SharedFolder folder_;
};

TEST_F(SharedWeightsTest, GiveTheBitsOfWeightsOfOnesOwn) {
  const data::TokenData data = synthetic_data(6);
  const std::vector<int64_t> examples = {0, 1, 2, 3, 4, 5};
  size_t expected_files = 0;
  for (const char* family : {"tiny", "tiny_bias", "tiny_qwen2"}) {
    const std::string dir = std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/" + family;
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
      const LlamaModel own(dir, dtype), shared(dir, mapped(dir, dtype, family), dtype);
      const data::MicroBatch batch = data::make_micro_batch(data, examples, true);
      EXPECT_TRUE(own.logits(own.forward(batch, {}).head_in_RD)
                      .equal(shared.logits(shared.forward(batch, {}).head_in_RD)))
          << family << dtype;
      all_->barrier();
      EXPECT_EQ(files(), expected_files += 2);  // the weights and their hash
      all_->barrier();                          // all have counted before one writes the next
    }
  }
}

TEST_F(SharedWeightsTest, AFileThatIsThereIsReadAndADamagedOneMadeAgain) {
  mapped(kTinyModel, at::kFloat, "a");
  const std::string path = shared_weights_path(folder_.path() + "/weights", "a", at::kFloat),
                    whole = file_text(path);
  const auto written = fs::last_write_time(path);
  all_->barrier();
  mapped(kTinyModel, at::kFloat, "a");
  EXPECT_EQ(fs::last_write_time(path), written);
  all_->barrier();
  if (all_->rank() == 0) fs::resize_file(path, whole.size() / 2);
  all_->barrier();
  mapped(kTinyModel, at::kFloat, "a");
  EXPECT_EQ(file_text(path), whole);
  all_->barrier();
  if (all_->rank() == 0) {
    std::string flipped = whole;
    flipped[whole.size() - 5] ^= 1;
    std::ofstream(path, std::ios::binary) << flipped;
  }
  all_->barrier();
  mapped(kTinyModel, at::kFloat, "a");
  EXPECT_EQ(file_text(path), whole);
  all_->barrier();
}

}  // namespace
}  // namespace candor::trainer
