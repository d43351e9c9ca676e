#include "trainer/evaluation/scoring.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "comm/comm_error.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/sampler.h"
#include "trainer/model/non_finite_weights.h"

namespace candor::trainer {
namespace {

// What travels: the place of an example whose logits aren't finite, or -1; then for each example
// its place, q, format mass and argmax level, then the hidden states. A rank that threw alone would
// leave the others waiting for it.
class Packet {
 public:
  template <typename T>
  void put(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void put(const float* values, size_t count) {
    bytes_.append(reinterpret_cast<const char*>(values), count * sizeof(float));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class PacketReader {
 public:
  explicit PacketReader(const std::string& bytes) : bytes_(bytes) {}
  bool done() const { return at_ == bytes_.size(); }
  template <typename T>
  T get() {
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  void get(float* values, size_t count) {
    std::memcpy(values, bytes_.data() + at_, count * sizeof(float));
    at_ += count * sizeof(float);
  }

 private:
  const std::string& bytes_;
  size_t at_ = 0;
};

struct LevelReading {
  std::vector<double> q;
  double format_mass = 0;
  int32_t argmax_level = -1;
  bool is_finite = true;
};

template <typename Real>
LevelReading read_levels(const Real* logits_V, int64_t vocabulary,
                         const std::vector<uint32_t>& level_ids) {
  int64_t best = 0;
  for (int64_t v = 1; v < vocabulary; ++v) {
    if (logits_V[v] > logits_V[best])
      best = v;  // a tie goes to the lower id, as greedy decoding does
  }
  const auto largest = static_cast<double>(logits_V[best]);
  double all = 0;
  for (int64_t v = 0; v < vocabulary; ++v)
    all += std::exp(static_cast<double>(logits_V[v]) - largest);
  LevelReading reading;
  double level_largest = -INFINITY;
  for (const uint32_t id : level_ids)
    level_largest = std::max(level_largest, static_cast<double>(logits_V[id]));
  double levels = 0;
  for (size_t i = 0; i < level_ids.size(); ++i) {
    const auto logit = static_cast<double>(logits_V[level_ids[i]]);
    reading.q.push_back(std::exp(logit - level_largest));
    levels += reading.q.back();
    if (level_ids[i] == static_cast<uint32_t>(best)) reading.argmax_level = static_cast<int32_t>(i);
  }
  for (double& p : reading.q) p /= levels;
  reading.format_mass = std::min(1.0, levels * std::exp(level_largest - largest) / all);
  reading.is_finite = std::isfinite(all) && std::isfinite(levels);
  return reading;
}

size_t hidden_numel_of(const LlamaModel& model, const ScoringOptions& options) {
  if (!options.collect_hidden) return 0;
  return static_cast<size_t>(model.config().layers * model.config().width);
}

// Appends the readings of one micro-batch, whose first example has `first_place` among the
// examples. Returns the place of an example whose logits aren't finite, or -1.
int64_t put_readings(const ForwardResult& result, const at::Tensor& logits_BV, int64_t first_place,
                     const std::vector<uint32_t>& level_ids, Packet& packet) {
  const int64_t vocabulary = logits_BV.size(1);
  at::Tensor hidden_BLD;
  if (result.hidden_LBD.defined())
    hidden_BLD = result.hidden_LBD.transpose(0, 1).to(at::kCPU, at::kFloat).contiguous();
  int64_t not_finite_at = -1;
  for (int64_t b = 0; b < logits_BV.size(0); ++b) {
    const int64_t row = b * vocabulary, place = first_place + b;
    const LevelReading reading =
        logits_BV.scalar_type() == at::kDouble
            ? read_levels(logits_BV.const_data_ptr<double>() + row, vocabulary, level_ids)
            : read_levels(logits_BV.const_data_ptr<float>() + row, vocabulary, level_ids);
    if (!reading.is_finite) not_finite_at = place;
    packet.put(place);
    for (const double p : reading.q) packet.put(p);
    packet.put(reading.format_mass);
    packet.put(reading.argmax_level);
    if (hidden_BLD.defined()) {
      const at::Tensor hidden_LD = hidden_BLD[b];
      packet.put(hidden_LD.const_data_ptr<float>(), static_cast<size_t>(hidden_LD.numel()));
    }
  }
  return not_finite_at;
}

// The fields of an example that the token data has.
ScoredExample described_example(const data::TokenData& data, int64_t example) {
  const data::Example& of = data.examples[static_cast<size_t>(example)];
  ScoredExample scored;
  scored.example_index = example;
  scored.id = of.id;
  scored.dataset = of.dataset;
  scored.entity = of.entity;
  scored.split = of.split;
  scored.target = static_cast<double>(of.target);
  scored.graded = of.graded;
  return scored;
}

}  // namespace

ScoringResult score_examples(const LlamaModel& model, const LoraAdapter* adapter,
                             const data::TokenData& data, std::span<const int64_t> examples,
                             const ScoringOptions& options, comm::ProcessGroup& group) {
  const std::vector<std::vector<int64_t>> micro_batches =
      data::cut_micro_batches(examples, options.batch_examples);
  std::vector<int64_t> tokens;
  for (const std::vector<int64_t>& members : micro_batches)
    tokens.push_back(data::micro_batch_tokens(data, members, options.share_prefix));
  const std::vector<int> rank_of = data::assign_micro_batches(tokens, group.world_size());
  const auto mine = static_cast<int64_t>(std::count(rank_of.begin(), rank_of.end(), group.rank()));

  Packet packet;
  int64_t done = 0, not_finite_at = -1;
  for (size_t m = 0; m < micro_batches.size() && not_finite_at < 0; ++m) {
    if (rank_of[m] != group.rank()) continue;
    const data::MicroBatch batch =
        data::make_micro_batch(data, micro_batches[m], options.share_prefix);
    const ForwardResult result =
        model.forward(batch, {.adapter = adapter, .collect_hidden = options.collect_hidden},
                      start_from_base(model, batch, options.trunk, adapter));
    not_finite_at =
        put_readings(result, model.logits(result.head_in_RD).cpu(),
                     static_cast<int64_t>(m) * options.batch_examples, data.levels.ids, packet);
    if (options.on_progress) options.on_progress(++done, mine);
  }

  const size_t hidden_numel = hidden_numel_of(model, options);
  ScoringResult result;
  result.examples.resize(examples.size());
  if (options.collect_hidden)
    result.hidden.assign(examples.size(), std::vector<float>(hidden_numel));
  Packet whole;
  whole.put(not_finite_at);
  for (const std::string& bytes : group.all_gather_bytes(whole.bytes() + packet.bytes())) {
    PacketReader reader(bytes);
    if (const auto place = reader.get<int64_t>(); place >= 0) {
      const auto index = static_cast<size_t>(examples[static_cast<size_t>(place)]);
      throw comm::NonFiniteError(
          fmt::format("scoring: the logits aren't finite for {}: {}", data.examples[index].id,
                      non_finite_weights(model, adapter,
                                         "numbers grow too large on the way; try model.dtype "
                                         "fp32, or an adapter of a lower learning rate")));
    }
    while (!reader.done()) {
      const auto place = static_cast<size_t>(reader.get<int64_t>());
      ScoredExample& scored = result.examples.at(place);
      scored = described_example(data, examples[place]);
      for (size_t i = 0; i < data.levels.ids.size(); ++i) scored.q.push_back(reader.get<double>());
      scored.format_mass = reader.get<double>();
      scored.argmax_level = reader.get<int32_t>();
      if (options.collect_hidden) reader.get(result.hidden[place].data(), hidden_numel);
    }
  }
  return result;
}

}  // namespace candor::trainer
