// sweep.yaml: what is read, and that each mistake is one error with a place and what to do.
#include "launch/sweep/sweep_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class SweepFile : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("candor_sweep_config_" + std::to_string(::getpid()));
    fs::create_directories(dir_);
    std::ofstream(dir_ / "base.yaml") << "run: {dir: runs/a}\nmodel: {path: m}\ndata: {questions: "
                                         "q.jsonl}\ntrain: {max_steps: 100, validate_every: 10}\n";
  }
  void TearDown() override { fs::remove_all(dir_); }

  SweepConfig read(const std::string& text) const {
    std::ofstream(dir_ / "sweep.yaml") << text;
    return read_sweep_config((dir_ / "sweep.yaml").string());
  }
  std::string refusal_of(const std::string& text) const {
    try {
      read(text);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }
  // The section and a space of one parameter.
  std::string refusal(const std::string& sweep, const std::string& space) const {
    return refusal_of("sweep: {dir: d, base: base.yaml, trials: 9" + sweep + "}\nspace:\n  " +
                      space + "\n");
  }

  fs::path dir_;
};

TEST_F(SweepFile, IsReadWhole) {
  const SweepConfig sweep = read(R"(
sweep:
  dir: runs/sweep
  base: base.yaml
  set: {train.warmup_steps: 5, evaluate.probe: false}
  method: tpe
  trials: 27
  seed: 7
  objective: [auroc, expectation_ece]
  halving: asynchronous
  first_rung_steps: 20
  factor: 2
  repeat_seeds: 2
  ranks_per_trial: 2
  retries: 3
  stall_s: 60
  max_hours: 1.5
space:
  train.learning_rate: {log_uniform: [1e-4, 1e-3], grid: 3}
  lora.rank: {choice: [4, 8]}
  lora.rslora: {choice: [true, false], when: {lora.rank: [8]}}
  objective: {choice: [tokenized_brier, [{loss: soft_target, until: 0.5}, {loss: tokenized_brier}]]}
points:
  - {train.learning_rate: 8e-4, lora.rank: 16}
)");
  EXPECT_EQ(sweep.dir, "runs/sweep");
  EXPECT_EQ(sweep.base.train.update.learning_rate.warmup_steps, 5);
  EXPECT_EQ(sweep.method, SearchMethod::kTpe);
  EXPECT_EQ(sweep.halving, Halving::kAsynchronous);
  EXPECT_THAT(sweep.rungs, ElementsAre(20, 40, 80, 100));
  ASSERT_EQ(sweep.objectives.size(), 2U);
  EXPECT_TRUE(sweep.objectives[0].larger_is_better);
  EXPECT_FALSE(sweep.objectives[1].larger_is_better);
  ASSERT_EQ(sweep.space.size(), 4U);
  EXPECT_EQ(sweep.space[2].when->key, "lora.rank");
  const RunConfig config = config_of_point(
      sweep, {.values = {{"objective", sweep.space[3].choices[1]}, {"lora.rank", "16"}}});
  ASSERT_EQ(config.objective.size(), 2U);
  EXPECT_EQ(config.objective[0].loss, trainer::Loss::kSoftTarget);
  EXPECT_EQ(config.lora.rank, 16);
  EXPECT_EQ(config.train.update.learning_rate.warmup_steps, 5);
}

TEST_F(SweepFile, TheShippedOneIsRepeatableAndShort) {
  const SweepConfig sweep = read_sweep_config(CANDOR_SOURCE_DIR "/configs/sweep_quick.yaml");
  EXPECT_EQ(sweep.halving, Halving::kSynchronous);
  EXPECT_EQ(sweep.base.train.batches.max_steps, sweep.rungs.back());
  EXPECT_LE(sweep.trials * sweep.rungs.back(), 500);
}

TEST_F(SweepFile, ParametersMustBeKeysOfAConfigAndTakeItsValues) {
  EXPECT_THAT(refusal("", "train.learning_rat: {choice: [1]}"),
              AllOf(HasSubstr("sweep.yaml:3:3"),
                    HasSubstr("the nearest valid key is train.learning_rate")));
  EXPECT_THAT(refusal("", "run.dir: {choice: [a]}"), HasSubstr("the sweep's own"));
  EXPECT_THAT(refusal("", "lora.rank: {choice: [4, none]}"),
              AllOf(HasSubstr("lora.rank=none"), HasSubstr("expected")));
  EXPECT_THAT(refusal("", "lora.rank: {integer: [0, 4]}"), HasSubstr("lora.rank=0"));
  EXPECT_THAT(refusal("", "lora.rank: {choice: []}"), HasSubstr("at least one value"));
  EXPECT_THAT(refusal("", "lora.rank: {choice: [4, 4]}"), HasSubstr("each value once"));
  EXPECT_THAT(refusal("", "lora.rank: {chioce: [4]}"), HasSubstr("the nearest is choice"));
  EXPECT_THAT(refusal("", "lora.rank: {grid: 3}"),
              HasSubstr("one of choice, uniform, log_uniform and integer"));
  EXPECT_THAT(refusal("", "train.learning_rate: {log_uniform: [1e-3, 1e-4]}"),
              HasSubstr("more than 0.001"));
  EXPECT_THAT(refusal("", "train.learning_rate: {log_uniform: [0, 1e-4]}"), HasSubstr("above 0"));
  EXPECT_THAT(refusal("", "train.learning_rate: {uniform: [1]}"), HasSubstr("[low, high]"));
}

TEST_F(SweepFile, ARangeMustGiveValuesThatTheKeyTakes) {
  for (const char* kind : {"uniform", "log_uniform"}) {
    EXPECT_THAT(refusal("", std::string("lora.rank: {") + kind + ": [2, 8]}"),
                AllOf(HasSubstr("sweep.yaml:3:15"), HasSubstr("space.lora.rank: expected"),
                      HasSubstr("{integer: [2, 8]}"), HasSubstr("whole numbers"),
                      HasSubstr(std::string("got {") + kind + ": [2, 8]}")));
  }
  EXPECT_THAT(refusal("", "run.seed: {uniform: [1.5, 3.5], grid: 2}"),
              HasSubstr("{integer: [2, 3]} or {choice: [...]}"));
  EXPECT_THAT(refusal("", "lora.rank: {uniform: [2.2, 2.8]}"),
              AllOf(HasSubstr("expected {choice: [...]}"), testing::Not(HasSubstr("integer"))));
  EXPECT_THAT(refusal("", "lora.rslora: {integer: [0, 1]}"),
              HasSubstr("space.lora.rslora: expected {choice: [true, false]}"));
  EXPECT_THAT(refusal("", "model.dtype: {uniform: [0, 1]}"), HasSubstr("{choice: [fp32, "));
  // Both ends are scales, but nothing between them is.
  EXPECT_THAT(refusal("", "prompt.scale: {integer: [9, 100]}"), HasSubstr("{choice: [9, 100]}"));
  EXPECT_THAT(refusal("", "lora.layers: {integer: [0, 4]}"),
              HasSubstr("it takes no range of numbers"));
  EXPECT_THAT(refusal("", "lora.rank: {choice: [2.5, 4]}"), HasSubstr("lora.rank=2.5"));
  EXPECT_THAT(refusal("", "lora.rslora: {choice: [maybe]}"), HasSubstr("lora.rslora=maybe"));
  EXPECT_THAT(refusal("", "train.schedule: {choice: [cosin]}"),
              AllOf(HasSubstr("train.schedule"), HasSubstr("nearest: cosine")));
  EXPECT_THAT(refusal("", "lora.rank: {choice: [2, 4], grid: 2}"),
              HasSubstr("grid for a range of numbers only"));
  EXPECT_EQ(read("sweep: {dir: d, base: base.yaml, trials: 9}\nspace: {lora.alpha: {integer: [2, "
                 "8]}}\n")
                .space[0]
                .kind,
            ParameterKind::kInteger)
      << "a whole number is a number";
}

TEST_F(SweepFile, KeysAndTextsAreExplainedAsInARunsConfig) {
  EXPECT_THAT(refusal("", "train.lr: {choice: [1]}"), HasSubstr("key is train.learning_rate"));
  EXPECT_THAT(refusal("", "lr: {choice: [1]}"), HasSubstr("key is train.learning_rate"));
  EXPECT_THAT(refusal("", "lora.seed: {choice: [1]}"), HasSubstr("key is run.seed"));
  EXPECT_THAT(refusal(", zzz: 1", "lora.rank: {choice: [4]}"),
              HasSubstr("no key sweep.zzz; expected one of dir, base, set,"));
  EXPECT_THAT(refusal_of("sweep: {dir: ~you/d, base: base.yaml}\nspace: {}\n"),
              HasSubstr("sweep.dir: expected a path"));
  EXPECT_THAT(refusal_of("sweep:\n\tdir: d\n"), HasSubstr("sweep.yaml:2:1: not YAML: a tab"));
  const SweepConfig sweep = read(
      "sweep: {dir: d, base: base.yaml, trials: 9, set: {prompt.system: 'a\\nb'}}\nspace:\n"
      "  lora.rank: {choice: [+4, 8]}\n  train.learning_rate: {log_uniform: [.0001, +1e-3]}\n"
      "points:\n  - {prompt.few_shot: [{question: \"Who?\", answer: I}]}\n"
      "  - {lora.rslora: True, prompt.system: \"True\"}\n");
  EXPECT_THAT(sweep.warnings, ElementsAre(HasSubstr("sweep.set.prompt.system: \\n in single")));
  EXPECT_EQ(sweep.base.prompt.system, "a\\nb");
  EXPECT_EQ(sweep.space[1].low, 0.0001);
  EXPECT_EQ(config_of_point(sweep, sweep.points[0]).prompt.few_shot[0].question, "Who?");
  EXPECT_TRUE(config_of_point(sweep, sweep.points[1]).lora.rslora);
  EXPECT_EQ(config_of_point(sweep, sweep.points[1]).prompt.system, "True");
}

TEST_F(SweepFile, ConditionsMustBeAbleToHold) {
  const std::string rank = "lora.rank: {choice: [4, 8]}\n  ";
  EXPECT_THAT(refusal("", rank + "lora.rslora: {choice: [true], when: {lora.rank: 16}}"),
              HasSubstr("lora.rank is never 16"));
  EXPECT_THAT(refusal("", "lora.rslora: {choice: [true], when: {lora.rank: 4}}\n  " + rank),
              HasSubstr("isn't a parameter above this one"));
  EXPECT_THAT(refusal("", rank + "lora.rslora: {choice: [true], when: {lora.rank: []}}"),
              HasSubstr("at least one value"));
  EXPECT_THAT(refusal("", rank + "lora.rslora: {choice: [true], when: 4}"),
              HasSubstr("one key with its values"));
}

TEST_F(SweepFile, TheSweepItselfIsChecked) {
  const std::string rank = "lora.rank: {choice: [4, 8]}";
  EXPECT_THAT(refusal_of("space: {}\n"), HasSubstr("no section sweep"));
  EXPECT_THAT(refusal_of("sweep: {dir: d, base: base.yaml, trials: 3}\nspace: {}\n"),
              HasSubstr("the space is empty"));
  EXPECT_THAT(refusal_of("sweep: {dir: d, base: base.yaml}\nspace: {lora.rank: {choice: [4]}}\n"),
              HasSubstr("sweep.trials"));
  EXPECT_THAT(refusal_of("sweep: {trials: 9}\nspace: {lora.rank: {choice: [4]}}\n"),
              HasSubstr("dir (a folder to make) and base"));
  EXPECT_THAT(refusal_of("sweep: {dir: d, base: base.yaml}\nspaces: {}\n"),
              HasSubstr("no section spaces"));
  EXPECT_THAT(refusal(", methd: grid", rank), HasSubstr("the nearest is sweep.method"));
  EXPECT_THAT(refusal(", method: gird", rank), HasSubstr("the nearest is grid"));
  EXPECT_THAT(refusal(", objective: brier", rank), HasSubstr("the nearest is"));
  EXPECT_THAT(refusal(", halving: synchronous, first_rung_steps: 15", rank),
              HasSubstr("a multiple of train.validate_every (10)"));
  EXPECT_THAT(refusal(", first_rung_steps: 10", rank), HasSubstr("nothing without sweep.halving"));
  EXPECT_THAT(refusal(", halving: synchronous", "train.max_steps: {choice: [10, 20]}"),
              HasSubstr("exclude each other"));
  EXPECT_THAT(refusal(", method: grid", "train.learning_rate: {log_uniform: [1e-4, 1e-3]}"),
              HasSubstr("add grid: N"));
  EXPECT_THAT(refusal(", method: points", rank), HasSubstr("needs a list `points`"));
  EXPECT_THAT(refusal(", trials: 0", rank), HasSubstr("repeated key"));
  EXPECT_THROW(
      read("sweep: {dir: d, base: nowhere.yaml, trials: 3}\nspace: {lora.rank: {choice: [4]}}\n"),
      std::system_error);
}

}  // namespace
}  // namespace candor::launch
