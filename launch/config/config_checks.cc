#include "launch/config/config_checks.h"

#include <fmt/format.h>

#include <stdexcept>

namespace candor::launch {
namespace {

class Checker {
 public:
  Checker(const RunConfig& config, const ConfigPlaces& places) : config_(config), places_(places) {}

  void check_model() const {
    if (config_.model.dtype == WeightsDtype::kFp64 &&
        config_.model.products != ProductsChoice::kFp32) {
      clash("model.products", "model.dtype",
            fmt::format("model.products {} clashes with model.dtype fp64: leave one of them out",
                        trainer::choice_name(config_.model.products)));
    }
  }

  void check_train() const {
    const trainer::BatchOptions& train = config_.train.batches;
    const int64_t warmup_steps = config_.train.update.learning_rate.warmup_steps;
    if (train.max_steps > 0 && train.epochs > 0) {
      clash("train.epochs", "train.max_steps",
            fmt::format("train.epochs {} clashes with train.max_steps {}: set one of them to 0",
                        train.epochs, train.max_steps));
    }
    if (train.micro_batch_examples > train.global_batch_examples) {
      clash(
          "train.micro_batch_examples", "train.global_batch_examples",
          fmt::format(
              "train.micro_batch_examples: expected at most train.global_batch_examples {}, got {}",
              train.global_batch_examples, train.micro_batch_examples));
    }
    if (train.max_steps > 0 && warmup_steps >= train.max_steps) {
      clash("train.warmup_steps", "train.max_steps",
            fmt::format("train.warmup_steps: expected less than train.max_steps {}, got {}",
                        train.max_steps, warmup_steps));
    }
  }

  void check_objective() const {
    double last_end = 0;
    for (size_t i = 0; i < config_.objective.size(); ++i) {
      const trainer::ObjectiveStage& stage = config_.objective[i];
      const std::string record = fmt::format("objective[{}]", i);
      const bool last = i + 1 == config_.objective.size();
      if (i == 0 && stage.ramp_to > 0) {
        fail(record + ".ramp_to", fmt::format("{}.ramp_to: the first stage has none before it to "
                                              "take over from; leave the key out",
                                              record));
      }
      if (stage.ramp_to > 0 && (stage.ramp_to <= last_end || stage.ramp_to > stage.until)) {
        fail(record + ".ramp_to", fmt::format("{}.ramp_to: expected above {} (the end of the stage "
                                              "before) and at most until {}, got {}",
                                              record, last_end, stage.until, stage.ramp_to));
      }
      if (stage.until <= last_end) {
        fail(record + ".until",
             fmt::format("{}.until: expected above {} (the end of the stage before), got {}",
                         record, last_end, stage.until));
      }
      if (last && stage.until < 1) {
        fail(record + ".until",
             fmt::format("{}.until: expected 1, the end of the run, for the last stage, got {}",
                         record, stage.until));
      }
      if (!last && stage.until >= 1) {
        fail(record + ".until",
             fmt::format("{}.until: expected below 1, because a stage follows, got {}", record,
                         stage.until));
      }
      last_end = stage.until;
    }
  }

  void check_alora() const {
    if (!config_.lora.acts_from_marker()) return;
    if (config_.objective_lm_weight > 0) {
      clash("objective_lm_weight", "lora.active_from",
            "objective_lm_weight clashes with lora.active_from confidence_marker: the adapter "
            "can't change what the response's tokens say; set it to "
            "0");
    }
    if (config_.compare_alora) {
      clash("compare_alora", "lora.active_from",
            "compare_alora: the main adapter is that already (lora.active_from); leave it out");
    }
  }

  void check_comparisons() const {
    for (const std::string& loss : config_.compare_objectives) {
      if (config_.objective.size() != 1 || trainer::loss_name(config_.objective[0].loss) != loss)
        continue;
      clash("compare_objectives", "objective",
            fmt::format("compare_objectives: {} alone is the objective already, so this would "
                        "train the same adapter twice; leave it out",
                        loss));
    }
  }

 private:
  // At the value's place, else at that of its section, else the message alone (both are defaults).
  [[noreturn]] void fail(const std::string& path, const std::string& message) const {
    if (const auto value = places_.value_at.find(path); value != places_.value_at.end())
      throw std::invalid_argument(value->second + ": " + message);
    const auto section = places_.section_at.find(path.substr(0, path.rfind('.')));
    throw std::invalid_argument(
        section == places_.section_at.end() ? message : section->second + ": " + message);
  }

  // At the first key that was set; says where the other was.
  [[noreturn]] void clash(const std::string& first, const std::string& second,
                          const std::string& message) const {
    const auto a = places_.value_at.find(first), b = places_.value_at.find(second);
    if (a == places_.value_at.end()) fail(second, message);
    fail(first, b == places_.value_at.end()
                    ? message
                    : fmt::format("{} ({} is at {})", message, second, b->second));
  }

  const RunConfig& config_;
  const ConfigPlaces& places_;
};

}  // namespace

void resolve_and_check(RunConfig& config, const ConfigPlaces& places) {
  trainer::BatchOptions& length = config.train.batches;
  if (length.max_steps == 0 && length.epochs == 0) length.epochs = 2;
  const Checker checker(config, places);
  checker.check_model();
  checker.check_train();
  checker.check_objective();
  checker.check_alora();
  checker.check_comparisons();
}

}  // namespace candor::launch
