// The packed model against transformers + PEFT + autograd on a tiny random model (tests/model/make_golden.py): logits and every LoRA gradient,
// with the prefix shared and not, in fp64 and fp32.
#include "trainer/model/llama.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "data_pipeline/files/safetensors.h"

namespace candor {
namespace {

const std::string kTiny = std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/tiny";

at::Tensor golden(const SafetensorsFile& file, const std::string& name) {
  const TensorView& view = file.tensors().at(name);
  at::Tensor out = at::empty(view.shape, at::kDouble);
  EXPECT_EQ(view.dtype, DType::F64);
  std::memcpy(out.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
  return out;
}

MicroBatch batch_of(bool share_prefix) {
  std::ifstream stream(kTiny + "/batch.json");
  const nlohmann::json json = nlohmann::json::parse(stream);
  const auto prefix = json.at("prefix").get<std::vector<uint32_t>>();
  MicroBatch batch;
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
    batch.segments.push_back({begin, length, share_prefix ? 0 : -1, share_prefix ? static_cast<int64_t>(prefix.size()) : 0});
    batch.confidence_row_B.push_back(begin + length - 1);
    batch.example_B.push_back(static_cast<int64_t>(batch.example_B.size()));
    batch.target_B.push_back(0);
    batch.response_rows_B.emplace_back(begin + length, begin + length);
  }
  return batch;
}

double relative(const at::Tensor& got, const at::Tensor& expected) {
  return ((got.to(at::kDouble) - expected).norm() / expected.norm()).item<double>();
}

void expect_matches(at::ScalarType dtype, bool share_prefix, double logits_limit, double gradient_limit) {
  const LlamaModel model(kTiny, dtype);
  const SafetensorsFile file(kTiny + "/golden.safetensors");
  LoraOptions options;
  options.rank = 3;
  options.alpha = 6;
  options.dropout = 0;
  options.modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  options.layer_begin = 1;
  LoraAdapter adapter(model.config(), options, dtype);
  const std::vector<std::string> names = adapter.names();
  const std::vector<int64_t> numels = adapter.numels();
  int64_t offset = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    adapter.parameters().narrow(0, offset, numels[i]).copy_(golden(file, "weight." + names[i]).flatten());
    offset += numels[i];
  }
  ForwardOptions forward;
  forward.adapter = &adapter;
  forward.keep_for_backward = true;
  const ForwardResult result = model.forward(batch_of(share_prefix), forward);
  EXPECT_LT(relative(model.logits(result.head_in_RD), golden(file, "logits")), logits_limit);

  at::Tensor gradient = at::zeros_like(adapter.parameters());
  model.backward(result, forward, at::mm(golden(file, "dlogits").to(dtype), model.weights().head_VD), gradient);
  offset = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_LT(relative(gradient.narrow(0, offset, numels[i]), golden(file, "gradient." + names[i]).flatten()), gradient_limit) << names[i];
    offset += numels[i];
  }
}

TEST(Llama, Fp64EqualsTransformersAndPeft) { expect_matches(at::kDouble, false, 1e-9, 1e-9); }
TEST(Llama, Fp64WithSharedPrefixEqualsTransformersAndPeft) { expect_matches(at::kDouble, true, 1e-9, 1e-9); }
TEST(Llama, Fp32EqualsTransformersAndPeft) { expect_matches(at::kFloat, false, 1e-4, 1e-4); }
TEST(Llama, Fp32WithSharedPrefixEqualsTransformersAndPeft) { expect_matches(at::kFloat, true, 1e-4, 1e-4); }

TEST(Llama, RefusesATokenOutsideTheVocabulary) {
  const LlamaModel model(kTiny, at::kFloat);
  MicroBatch batch = batch_of(true);
  batch.tokens_T[0] = 61;
  EXPECT_THROW(model.forward(batch, {}), std::invalid_argument);
}

}  // namespace
}  // namespace candor
