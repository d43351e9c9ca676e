// The packed model against transformers + PEFT + autograd on tiny random models of each family
// (tests/model/make_golden.py): logits and every LoRA gradient, with the prefix shared and not, in
// fp64 and fp32; bf16 weights; and the limits of what is computed.
#include "trainer/model/llama.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "data_pipeline/files/safetensors.h"
#include "tests/model/relative.h"

namespace candor::trainer {
namespace {

using testing_support::relative;

const std::string kData = std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/";
const std::string kTiny = kData + "tiny";

at::Tensor golden(const data::SafetensorsFile& file, const std::string& name) {
  const data::TensorView& view = file.tensors().at(name);
  at::Tensor out = at::empty(view.shape, at::kDouble);
  EXPECT_EQ(view.dtype, data::DType::F64);
  std::memcpy(out.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
  return out;
}

data::MicroBatch batch_of(bool share_prefix) {
  std::ifstream stream(kTiny + "/batch.json");
  const nlohmann::json json = nlohmann::json::parse(stream);
  const auto prefix = json.at("prefix").get<std::vector<uint32_t>>();
  data::MicroBatch batch;
  if (share_prefix) {
    batch.tokens_T = prefix;
    batch.segments.push_back({0, static_cast<int64_t>(prefix.size()), -1, 0});
  }
  for (const auto& item : json.at("suffixes")) {
    const auto suffix = item.get<std::vector<uint32_t>>();
    const auto begin = static_cast<int64_t>(batch.tokens_T.size());
    if (!share_prefix) batch.tokens_T.insert(batch.tokens_T.end(), prefix.begin(), prefix.end());
    batch.tokens_T.insert(batch.tokens_T.end(), suffix.begin(), suffix.end());
    const auto length = static_cast<int64_t>(batch.tokens_T.size()) - begin;
    batch.segments.push_back({begin, length, share_prefix ? 0 : -1,
                              share_prefix ? static_cast<int64_t>(prefix.size()) : 0});
    batch.confidence_row_B.push_back(begin + length - 1);
    batch.example_B.push_back(static_cast<int64_t>(batch.example_B.size()));
    batch.target_B.push_back(0);
    batch.response_rows_B.emplace_back(begin + length, begin + length);
  }
  return batch;
}

LoraAdapter golden_adapter(const LlamaModel& model, const data::SafetensorsFile& file) {
  LoraOptions options;
  options.rank = 3;
  options.alpha = 6;
  options.dropout = 0;
  options.modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  options.layers.begin = 1;
  LoraAdapter adapter(model.config(), options, model.dtype(), model.device());
  const std::vector<std::string> names = adapter.names();
  const std::vector<int64_t> numels = adapter.numels();
  int64_t offset = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    adapter.parameters()
        .narrow(0, offset, numels[i])
        .copy_(golden(file, "weight." + names[i]).flatten());
    offset += numels[i];
  }
  return adapter;
}

void expect_matches(const std::string& folder, at::ScalarType dtype, bool share_prefix,
                    double logits_limit, double gradient_limit) {
  const LlamaModel model(folder, dtype);
  const data::SafetensorsFile file(folder + "/golden.safetensors");
  const LoraAdapter adapter = golden_adapter(model, file);
  const std::vector<std::string> names = adapter.names();
  const std::vector<int64_t> numels = adapter.numels();
  const auto [result, saved] =
      model.forward_to_train(batch_of(share_prefix), {.adapter = &adapter}, 0);
  EXPECT_LT(relative(model.logits(result.head_in_RD), golden(file, "logits")), logits_limit);

  at::Tensor gradient = at::zeros_like(adapter.parameters());
  model.backward(saved, model.logits_backward(golden(file, "dlogits").to(dtype)), gradient);
  int64_t offset = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_LT(relative(gradient.narrow(0, offset, numels[i]),
                       golden(file, "gradient." + names[i]).flatten()),
              gradient_limit)
        << names[i];
    offset += numels[i];
  }
}

class LlamaFamily : public testing::TestWithParam<std::string> {};

TEST_P(LlamaFamily, EqualsTransformersAndPeft) {
  for (const bool share_prefix : {false, true}) {
    SCOPED_TRACE(share_prefix ? "shared prefix" : "whole sequences");
    expect_matches(kData + GetParam(), at::kDouble, share_prefix, 1e-9, 1e-9);
    expect_matches(kData + GetParam(), at::kFloat, share_prefix, 1e-4, 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, LlamaFamily,
                         testing::Values("tiny", "tiny_qwen2", "tiny_mistral", "tiny_bias"),
                         [](const testing::TestParamInfo<std::string>& family) {
                           return family.param;
                         });

// Weights rounded to bf16 in an fp32 model must give what the bf16 model gives, bit for bit: on the
// CPU only the storage differs.
TEST(Llama, Bf16WeightsAreComputedWithInFp32) {
  const LlamaModel bf16(kTiny, at::kBFloat16), fp32(kTiny, at::kFloat);
  EXPECT_EQ(bf16.dtype(), at::kFloat);
  ModelWeights& rounded = const_cast<ModelWeights&>(
      fp32.weights());  // NOLINT: the test makes the model it compares with
  const auto round = [](at::Tensor& weight) { weight.copy_(weight.to(at::kBFloat16)); };
  round(rounded.embedding_VD);
  round(rounded.head_VD);
  for (LayerWeights& layer : rounded.layers) {
    for (at::Tensor* weight : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) round(*weight);
  }
  EXPECT_EQ(bf16.weights().layers[0].qkv.scalar_type(), at::kBFloat16);
  const data::SafetensorsFile file(kTiny + "/golden.safetensors");
  std::vector<at::Tensor> logits, gradients;
  for (const LlamaModel* model : {&bf16, &fp32}) {
    const LoraAdapter adapter = golden_adapter(*model, file);
    const auto [result, saved] = model->forward_to_train(batch_of(true), {.adapter = &adapter}, 0);
    logits.push_back(model->logits(result.head_in_RD));
    gradients.push_back(at::zeros_like(adapter.parameters()));
    model->backward(saved, model->logits_backward(golden(file, "dlogits").to(at::kFloat)),
                    gradients.back());
  }
  EXPECT_TRUE(logits[0].equal(logits[1]));
  EXPECT_TRUE(gradients[0].equal(gradients[1]));
  EXPECT_LT(relative(logits[0], golden(file, "logits")), 0.02)
      << "rounding the weights costs about 2^-9 a product";
}

// Products in bf16 are near those of fp32, the same every time, and take every layout of weights
// that the passes hand over.
TEST(Llama, Bf16ProductsAreNearFp32AndRepeatable) {
  const LlamaModel model(kTiny, at::kBFloat16, at::kCPU, Products::kBf16);
  const data::SafetensorsFile file(kTiny + "/golden.safetensors");
  const LoraAdapter adapter = golden_adapter(model, file);
  std::vector<at::Tensor> logits, gradients;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto [result, saved] = model.forward_to_train(batch_of(true), {.adapter = &adapter}, 0);
    logits.push_back(model.logits(result.head_in_RD));
    gradients.push_back(at::zeros_like(adapter.parameters()));
    model.backward(saved, model.logits_backward(golden(file, "dlogits").to(at::kFloat)),
                   gradients.back());
  }
  EXPECT_TRUE(logits[0].equal(logits[1]));
  EXPECT_TRUE(gradients[0].equal(gradients[1]));
  EXPECT_LT(relative(logits[0], golden(file, "logits")), 0.03) << "activations are rounded too";
  const std::vector<std::string> names = adapter.names();
  std::vector<at::Tensor> expected;
  for (const std::string& name : names)
    expected.push_back(golden(file, "gradient." + name).flatten());
  EXPECT_LT(relative(gradients[0], at::cat(expected)), 0.05);
}

// Forward and backward on the meta device, which has shapes but no numbers: an operation that mixes
// it with the CPU throws. So no tensor is made on the wrong device, which a GPU would be needed to
// see otherwise.
TEST(Llama, EveryTensorIsMadeOnTheModelsDevice) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const char* family : {"tiny", "tiny_bias"}) {
      const LlamaModel model(kData + family, dtype, at::Device(at::kMeta));
      LoraOptions options;
      options.dropout = 0.1;
      options.modules = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                         "gate_proj", "up_proj", "down_proj"};
      LoraAdapter adapter(model.config(), options, model.dtype(), model.device());
      const auto [result, saved] = model.forward_to_train(
          batch_of(true), {.adapter = &adapter, .collect_hidden = true}, /*dropout_key=*/0);
      EXPECT_TRUE(result.hidden_LBD.is_meta());
      const at::Tensor logits = model.logits(result.head_in_RD);
      EXPECT_EQ(logits.sizes(), at::IntArrayRef({3, 61}));
      at::Tensor gradient = at::zeros_like(adapter.parameters());
      model.backward(saved, model.logits_backward(at::zeros_like(logits)), gradient);
      EXPECT_TRUE(gradient.is_meta());
    }
  }
}

TEST(Llama, RefusesASequenceThatTheSlidingWindowWouldCut) {
  const LlamaModel model(kData + "tiny_mistral", at::kFloat);  // its window is 16
  data::MicroBatch batch = batch_of(true);
  batch.segments.back().position = 10;
  EXPECT_NO_THROW(model.forward(batch, {}));
  batch.segments.back().position = 11;
  EXPECT_THROW(model.forward(batch, {}), std::invalid_argument);
}

TEST(Llama, RefusesATokenOutsideTheVocabulary) {
  const LlamaModel model(kTiny, at::kFloat);
  data::MicroBatch batch = batch_of(true);
  batch.tokens_T[0] = 61;
  EXPECT_THROW(model.forward(batch, {}), std::invalid_argument);
}

}  // namespace
}  // namespace candor::trainer
