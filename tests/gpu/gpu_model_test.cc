// The model on a GPU against the same model on the CPU: logits, every LoRA gradient with dropout,
// cached decoding, an optimizer step, the fixed-point grid. Only in builds with CUDA, label "gpu":
// launch/gpu_check.sh runs it where there is a GPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "comm/device_group.h"
#include "comm/gradient_grid.h"
#include "data_pipeline/files/read_file.h"
#include "trainer/generation/cached_decoder.h"
#include "trainer/model/llama.h"
#include "trainer/training/adamw.h"

namespace candor::trainer {
namespace {

const std::string kData = std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/";

data::MicroBatch golden_batch() {
  const nlohmann::json json = nlohmann::json::parse(data::read_file(kData + "tiny/batch.json"));
  data::MicroBatch batch;
  batch.tokens_T = json.at("prefix").get<std::vector<uint32_t>>();
  const auto prefix = static_cast<int64_t>(batch.tokens_T.size());
  batch.segments.push_back({0, prefix, -1, 0});
  for (const auto& item : json.at("suffixes")) {
    const auto suffix = item.get<std::vector<uint32_t>>();
    const auto begin = static_cast<int64_t>(batch.tokens_T.size()),
               length = static_cast<int64_t>(suffix.size());
    batch.tokens_T.insert(batch.tokens_T.end(), suffix.begin(), suffix.end());
    batch.segments.push_back({begin, length, 0, prefix});
    batch.confidence_row_B.push_back(begin + length - 1);
    batch.example_B.push_back(static_cast<int64_t>(batch.example_B.size()));
    batch.target_B.push_back(0);
    batch.response_rows_B.emplace_back(begin + length, begin + length);
  }
  return batch;
}

struct Computed {
  at::Tensor logits, gradient;
};

Computed compute(const std::string& family, at::ScalarType dtype, at::Device device) {
  const LlamaModel model(kData + family, dtype, device);
  LoraOptions options;
  options.dropout = 0.2;
  options.modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  options.layers.begin = 1;
  LoraAdapter adapter(model.config(), options, model.dtype(), device);
  adapter.initialize(5);
  adapter.parameters().add_(0.05);  // lora_B not zero
  const auto [result, saved] =
      model.forward_to_train(golden_batch(), {.adapter = &adapter}, /*dropout_key=*/11);
  Computed computed{model.logits(result.head_in_RD), at::zeros_like(adapter.parameters())};
  const at::Tensor dlogits = at::arange(computed.logits.numel(), at::kDouble)
                                 .sin()
                                 .view(computed.logits.sizes())
                                 .to(computed.logits.options());
  model.backward(saved, model.logits_backward(dlogits), computed.gradient);
  return {computed.logits.cpu(), computed.gradient.cpu()};
}

double relative(const at::Tensor& got, const at::Tensor& expected) {
  return ((got - expected).norm() / expected.norm()).item<double>();
}

const at::Device kGpu(at::kCUDA, 0);

class Gpu : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_GT(comm::visible_gpus(), 0)
        << "these tests need a GPU; without one, leave out the label gpu";
  }
};

TEST_F(Gpu, LogitsAndGradientsEqualTheCpus) {
  for (const char* family : {"tiny", "tiny_qwen2", "tiny_mistral", "tiny_bias"}) {
    SCOPED_TRACE(family);
    const Computed cpu = compute(family, at::kDouble, at::kCPU),
                   gpu = compute(family, at::kDouble, kGpu);
    EXPECT_LT(relative(gpu.logits, cpu.logits), 1e-9);
    EXPECT_LT(relative(gpu.gradient, cpu.gradient), 1e-9);
    const Computed gpu_fp32 = compute(family, at::kFloat, kGpu);
    EXPECT_LT(relative(gpu_fp32.logits.to(at::kDouble), cpu.logits), 1e-4);
    EXPECT_LT(relative(gpu_fp32.gradient.to(at::kDouble), cpu.gradient), 1e-4);
    // Activations are rounded to bf16 for each product on a GPU: 2^-9 a rounding.
    const Computed gpu_bf16 = compute(family, at::kBFloat16, kGpu);
    EXPECT_LT(relative(gpu_bf16.logits.to(at::kDouble), cpu.logits), 0.03);
    EXPECT_LT(relative(gpu_bf16.gradient.to(at::kDouble), cpu.gradient), 0.06);
  }
}

// Two prefixes with suffixes behind them and a sequence that shares nothing; 6 heads over 2 key
// heads.
TEST_F(Gpu, FlashAttentionEqualsAttentionOverAllScores) {
  at::globalContext().setDeterministicAlgorithms(true, false);
  at::manual_seed(2);
  std::vector<KeyRuns> queries;
  const auto sequence = [&](int64_t length, int64_t prefix_begin, int64_t prefix_length) {
    const auto begin = static_cast<int64_t>(queries.size());
    for (int64_t t = 0; t < length; ++t)
      queries.push_back({begin + t, prefix_begin, prefix_length, begin, t + 1});
  };
  sequence(150, 0, 0);
  for (const int64_t length : {20, 1, 70}) sequence(length, 0, 150);
  sequence(9, 0, 0);
  for (const int64_t length : {33, 130}) sequence(length, 241, 9);
  sequence(12, 0, 0);
  const auto rows = static_cast<int64_t>(queries.size());
  for (const int64_t size : {16, 64, 128}) {
    SCOPED_TRACE(size);
    ModelConfig config;
    config.heads = 6;
    config.key_heads = 2;
    config.head_size = size;
    const VarlenAttention* const kernels = flash_attention(kGpu, size);
    ASSERT_NE(kernels, nullptr);
    const at::Tensor qkv = at::randn({rows, 10 * size}), dout = at::randn({rows, 6 * size});
    const auto computed = [&](at::Device device, at::ScalarType dtype,
                              const VarlenAttention* flash) {
      const PackedAttention attention(config, queries, rows, device, flash);
      const at::Tensor x = qkv.to(device, dtype), dy = dout.to(device, dtype);
      at::Tensor out = at::zeros({rows, 6 * size}, x.options()),
                 lse = at::zeros({rows, 6}, x.options()), dx = at::zeros_like(x);
      at::Tensor dq = dx.narrow(1, 0, 6 * size), dk = dx.narrow(1, 6 * size, 2 * size),
                 dv = dx.narrow(1, 8 * size, 2 * size);
      const at::Tensor q = x.narrow(1, 0, 6 * size), k = x.narrow(1, 6 * size, 2 * size),
                       v = x.narrow(1, 8 * size, 2 * size);
      attention.forward({q, k, v, out, lse});
      attention.backward({q, k, v, out, lse}, {dy, dq, dk, dv});
      return std::vector<at::Tensor>{out.cpu().to(at::kDouble), lse.cpu().to(at::kDouble),
                                     dx.cpu().to(at::kDouble)};
    };
    const std::vector<at::Tensor> expected = computed(at::kCPU, at::kDouble, nullptr),
                                  got = computed(kGpu, at::kFloat, kernels),
                                  again = computed(kGpu, at::kFloat, kernels);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_LT(relative(got[i], expected[i]), 0.01) << i;  // operands of bf16
      EXPECT_TRUE(got[i].equal(again[i])) << i;
    }
  }
}

TEST_F(Gpu, GivesTheSameBitsTwice) {
  at::globalContext().setDeterministicAlgorithms(true, false);
  const Computed first = compute("tiny", at::kFloat, kGpu),
                 second = compute("tiny", at::kFloat, kGpu);
  EXPECT_TRUE(first.logits.equal(second.logits));
  EXPECT_TRUE(first.gradient.equal(second.gradient));
}

TEST_F(Gpu, CachedDecodingEqualsTheCpus) {
  std::vector<at::Tensor> logits;
  for (const at::Device device : {at::Device(at::kCPU), kGpu}) {
    const LlamaModel model(kData + "tiny_qwen2", at::kDouble, device);
    CachedDecoder decoder(model, {5, 9, 33});
    decoder.begin_group(2, 6);
    const std::vector<uint32_t> first = {7, 1, 20}, second = {44}, third = {3};
    decoder.append({{0, first}, {1, second}});
    logits.push_back(decoder.append({{1, third}, {0, second}}).cpu());
  }
  EXPECT_LT(relative(logits[1], logits[0]), 1e-9);
}

TEST_F(Gpu, AnOptimizerStepEqualsTheCpus) {
  std::vector<at::Tensor> parameters;
  for (const at::Device device : {at::Device(at::kCPU), kGpu}) {
    at::Tensor weights = at::linspace(-1, 1, 100).to(device);
    AdamW optimizer(weights, {.weight_decay = 0.01});
    for (int step = 0; step < 3; ++step) {
      at::Tensor gradient = at::linspace(2, -1 - step, 100).to(device);
      clip_gradient(gradient, 1.0);
      optimizer.step(gradient, 0.1);
    }
    parameters.push_back(weights.cpu());
  }
  EXPECT_LT(relative(parameters[1], parameters[0]), 1e-6);
}

TEST_F(Gpu, TheGradientGridHasTheCpusBits) {
  const std::vector<std::int64_t> numel = {40, 60};
  std::vector<at::Tensor> sums;
  for (const at::Device device : {at::Device(at::kCPU), kGpu}) {
    const at::Tensor gradient = at::linspace(-3, 5, 100).to(device);
    const std::vector<at::Tensor> gradients = {gradient};
    const std::vector<double> largest = comm::max_abs_per_tensor(gradients, numel);
    const std::vector<int> exponents = comm::grid_exponents(largest, 4);
    at::Tensor sum = at::zeros({100}, gradient.options().dtype(at::kLong)),
               out = at::empty_like(gradient);
    comm::add_to_grid(sum, gradient, numel, exponents);
    comm::add_to_grid(sum, gradient, numel, exponents);
    comm::from_grid(out, sum, numel, exponents);
    sums.push_back(out.cpu());
  }
  EXPECT_TRUE(sums[0].equal(sums[1]));
}

}  // namespace
}  // namespace candor::trainer
