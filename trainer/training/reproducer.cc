#include "trainer/training/reproducer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "trainer/model/adapter_files.h"
#include "trainer/training/micro_batch_gradient.h"

namespace candor::trainer {
namespace {

constexpr int64_t kReproducerVersion = 1;

// The data of these examples alone, in this order, with all prefixes.
data::TokenData subset(const data::TokenData& data, const std::vector<int64_t>& examples) {
  data::TokenData some = data;
  some.suffixes = {};
  some.examples.clear();
  for (const int64_t example : examples) {
    const auto i = static_cast<size_t>(example);
    some.add_example(data.examples[i], data.suffix(i));
  }
  return some;
}

std::string json_path(const std::string& folder) { return folder + "/reproducer.json"; }

}  // namespace

void write_reproducer(const std::string& folder, const Reproducer& reproducer,
                      const data::TokenData& data, const std::vector<int64_t>& examples,
                      const LoraAdapter& adapter) {
  std::filesystem::create_directories(folder);
  write_adapter(folder, adapter, reproducer.base_model);
  data::write_token_file(folder + "/tokens.h5", subset(data, examples));
  nlohmann::ordered_json json = {{"format", "candor reproducer"},
                                 {"version", kReproducerVersion},
                                 {"step", reproducer.step},
                                 {"micro_batch", reproducer.micro_batch},
                                 {"examples", data.ids_of(examples)},
                                 {"base_model", reproducer.base_model},
                                 {"dtype", reproducer.dtype},
                                 {"products", reproducer.products},
                                 {"share_prefix", reproducer.share_prefix},
                                 {"lm_weight_per_token", reproducer.lm_weight_per_token},
                                 {"dropout_key", reproducer.dropout_key},
                                 {"weights", reproducer.weight_B}};
  for (const LossWeight& part : reproducer.losses)
    json["losses"].push_back({{"loss", loss_name(part.loss)}, {"weight", part.weight}});
  data::write_file_atomically(json_path(folder), json.dump(2) + "\n");
}

Reproducer read_reproducer(const std::string& folder) {
  const std::string path = json_path(folder);
  const nlohmann::json json = data::parse_json(data::read_file(path), path);
  try {
    if (json.at("format") != "candor reproducer" || json.at("version") != kReproducerVersion) {
      throw std::invalid_argument(
          fmt::format("{}: expected a candor reproducer of version {}", path, kReproducerVersion));
    }
    Reproducer found{.step = json.at("step"),
                     .micro_batch = json.at("micro_batch"),
                     .base_model = json.at("base_model"),
                     .dtype = json.at("dtype"),
                     .products = json.at("products"),
                     .share_prefix = json.at("share_prefix"),
                     .lm_weight_per_token = json.at("lm_weight_per_token"),
                     .dropout_key = json.at("dropout_key"),
                     .weight_B = json.at("weights")};
    for (const nlohmann::json& part : json.at("losses"))
      found.losses.push_back({loss_from_name(part.at("loss")), part.at("weight")});
    return found;
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(fmt::format("{}: {}", path, error.what()));
  }
}

std::string replay(const std::string& folder, const LlamaModel& model) {
  const Reproducer reproducer = read_reproducer(folder);
  const data::TokenData data = data::read_token_file(folder + "/tokens.h5");
  const LoraAdapter adapter = read_adapter(folder, model.config(), model.dtype(), model.device());
  const auto compute = [&](const std::vector<int64_t>& examples,
                           const std::vector<double>& weight_B, at::Tensor& gradient) {
    const data::MicroBatch batch = data::make_micro_batch(data, examples, reproducer.share_prefix);
    return add_micro_batch_gradient(model, adapter, batch,
                                    {.losses = reproducer.losses,
                                     .lm_weight_per_token = reproducer.lm_weight_per_token,
                                     .dropout_key = reproducer.dropout_key,
                                     .level_ids = data.levels.ids,
                                     .weight_B = weight_B},
                                    gradient);
  };
  std::vector<int64_t> all(data.examples.size());
  std::iota(all.begin(), all.end(), 0);
  at::Tensor gradient = at::zeros_like(adapter.parameters());
  const double loss = compute(all, reproducer.weight_B, gradient);
  std::string text = fmt::format("step {}, micro-batch {}, {} examples, model {}\nloss of all {}\n",
                                 reproducer.step, reproducer.micro_batch, data.examples.size(),
                                 reproducer.base_model, loss);
  const std::vector<std::string> names = adapter.names();
  const std::vector<int64_t> numels = adapter.numels();
  int64_t begin = 0, bad = 0;
  for (size_t n = 0; n < names.size(); begin += numels[n++]) {
    if (gradient.narrow(0, begin, numels[n]).isfinite().all().item<bool>()) continue;
    if (++bad <= 5) text += fmt::format("gradient not finite in {}\n", names[n]);
  }
  text +=
      fmt::format("gradient not finite in {} of {} tensors; adapter {}finite\n", bad, names.size(),
                  adapter.parameters().isfinite().all().item<bool>() ? "" : "not ");
  for (size_t e = 0; e < data.examples.size(); ++e) {
    at::Tensor of_one = at::zeros_like(gradient);
    const double one =
        compute({static_cast<int64_t>(e)},
                {reproducer.weight_B.empty() ? 1.0 : reproducer.weight_B.at(e)}, of_one);
    const bool finite = std::isfinite(one) && of_one.isfinite().all().item<bool>();
    text += fmt::format("example {} by itself: loss {}{}\n", data.examples[e].id, one,
                        finite ? "" : "  <- not finite");
  }
  return text;
}

}  // namespace candor::trainer
