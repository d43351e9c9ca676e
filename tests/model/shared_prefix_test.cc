// A prefix that is computed once per micro-batch against every example in full: the same hidden
// states and LoRA gradients, for hundreds of random ragged micro-batches (one to four prefixes,
// examples without one, suffixes down to one token, models with other ratios of heads to key
// heads).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <random>

#include "data_pipeline/tokens/micro_batch.h"
#include "tests/model/relative.h"
#include "trainer/model/llama.h"

namespace candor::trainer {
namespace {

using testing_support::relative;

constexpr int64_t kVocabulary = 61;  // of the tiny models

class RandomData {
 public:
  explicit RandomData(uint32_t seed) : random_(seed) {}

  int64_t between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

  // Prefixes may begin alike, or be one token; examples may have none, or differ from each other in
  // nothing.
  data::TokenData examples(int64_t count, int64_t prefixes, int64_t longest_prefix,
                           int64_t longest_suffix) {
    data::TokenData data;
    for (int64_t p = 0; p < prefixes; ++p)
      data.add_prefix(tokens(between(0, 3) == 0 ? 1 : between(1, longest_prefix)));
    for (int64_t e = 0; e < count; ++e) {
      const int64_t length = between(0, 3) == 0 ? 1 : between(1, longest_suffix);
      const std::vector<uint32_t> suffix = tokens(length);
      data::Example example;
      example.prefix = static_cast<int32_t>(between(between(0, 4) == 0 ? -1 : 0, prefixes - 1));
      example.confidence_position = static_cast<uint32_t>(between(0, length - 1));
      example.marker_position = example.confidence_position;
      example.response_begin = example.response_end = static_cast<uint32_t>(length);
      data.add_example(std::move(example), suffix);
    }
    return data;
  }

 private:
  std::vector<uint32_t> tokens(int64_t count) {
    std::vector<uint32_t> ids;
    for (int64_t t = 0; t < count; ++t)
      ids.push_back(static_cast<uint32_t>(between(0, kVocabulary - 1)));
    return ids;
  }
  std::mt19937 random_;
};

struct Outcome {
  at::Tensor head, gradient;
};

Outcome outcome_of(const LlamaModel& model, const LoraAdapter& adapter, const data::TokenData& data,
                   const std::vector<int64_t>& examples, const at::Tensor& dhead_BD,
                   bool share_prefix) {
  const auto [result, saved] = model.forward_to_train(
      data::make_micro_batch(data, examples, share_prefix), {.adapter = &adapter}, 0);
  at::Tensor gradient = at::zeros_like(adapter.parameters());
  model.backward(saved, dhead_BD, gradient);
  return {result.head_in_RD, gradient};
}

struct Case {
  std::string family;
  at::ScalarType dtype;
  double limit;
};

class SharedPrefix : public testing::TestWithParam<Case> {
 protected:
  // Micro-batches 0 .. count-1 of `most` examples at most.
  void compare(int count, int64_t most, int64_t longest_prefix, int64_t longest_suffix) const {
    const LlamaModel model(
        std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/" + GetParam().family,
        GetParam().dtype);
    LoraOptions lora;
    lora.rank = 2;
    lora.dropout = 0;
    lora.modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    LoraAdapter adapter(model.config(), lora, model.dtype());
    at::manual_seed(11);
    adapter.parameters().copy_(at::randn_like(adapter.parameters()).mul_(0.1));
    const std::vector<std::string> names = adapter.names();
    const std::vector<int64_t> numels = adapter.numels();
    for (int seed = 0; seed < count; ++seed) {
      SCOPED_TRACE(testing::Message() << "micro-batch of seed " << seed);
      RandomData random(static_cast<uint32_t>(seed));
      const int64_t examples = random.between(1, most);
      const data::TokenData data =
          random.examples(examples, random.between(1, 4), longest_prefix, longest_suffix);
      std::vector<int64_t> all(static_cast<size_t>(examples));
      for (int64_t e = 0; e < examples; ++e) all[static_cast<size_t>(e)] = e;
      const at::Tensor dhead =
          at::randn({examples, model.config().width}, adapter.parameters().options());
      const Outcome shared = outcome_of(model, adapter, data, all, dhead, true),
                    whole = outcome_of(model, adapter, data, all, dhead, false);
      ASSERT_LT(relative(shared.head, whole.head), GetParam().limit);
      // q and k of sequences of one token have gradients of zero, up to rounding: measured against
      // all gradients, not against themselves.
      const double all_gradients = whole.gradient.norm().item<double>();
      int64_t offset = 0;
      for (size_t i = 0; i < names.size(); ++i) {
        const at::Tensor of_shared = shared.gradient.narrow(0, offset, numels[i]),
                         of_whole = whole.gradient.narrow(0, offset, numels[i]);
        const double difference = (of_shared - of_whole).norm().item<double>();
        ASSERT_LT(difference,
                  GetParam().limit * std::max(of_whole.norm().item<double>(), 1e-3 * all_gradients))
            << names[i];
        offset += numels[i];
      }
    }
  }
};

TEST_P(SharedPrefix, GivesTheGradientsOfWholeSequences) { compare(150, 6, 7, 5); }

// Longer than one block of queries, for prefix and suffix alike.
TEST_P(SharedPrefix, GivesTheGradientsOfWholeSequencesOfManyBlocks) {
  if (GetParam().family != "tiny_mistral") compare(6, 4, 120, 70);  // its sliding window is 16
}

INSTANTIATE_TEST_SUITE_P(
    Families, SharedPrefix,
    testing::Values(Case{"tiny", at::kDouble, 1e-9}, Case{"tiny", at::kFloat, 1e-4},
                    Case{"tiny_qwen2", at::kDouble, 1e-9}, Case{"tiny_mistral", at::kDouble, 1e-9},
                    Case{"tiny_bias", at::kDouble, 1e-9}, Case{"tiny_bias", at::kFloat, 1e-4}),
    [](const testing::TestParamInfo<Case>& p) {
      return p.param.family + (p.param.dtype == at::kDouble ? "_fp64" : "_fp32");
    });

}  // namespace
}  // namespace candor::trainer
