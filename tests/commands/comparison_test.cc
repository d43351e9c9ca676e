// compare_objectives: further adapters on the same data, and their rows in the report.
#include <gmock/gmock.h>

#include "tests/commands/tiny_run.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ComparisonTest : public TinyRun {};

TEST_F(ComparisonTest, AComparisonIsAnAdapterAndARowMoreAndChangesNothingElse) {
  make_half_of_the_answers_right();
  const std::string compare = "--set \"compare_objectives=[tokenized_brier]\" ",
                    weights = "/adapter/adapter_model.safetensors",
                    compared = "run/compare/tokenized_brier";
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  const std::string main_adapter = text_of(at("run" + weights));
  EXPECT_FALSE(fs::exists(at("run/compare")));
  EXPECT_TRUE(json::parse(text_of(at("run/report.json"))).at("extra_rows").empty());

  // Evaluated before it was trained: said, not an error.
  const Outcome missing = on_ranks(2, "evaluate " + config() + compare);
  ASSERT_EQ(missing.exit_code, 0) << missing.text;
  EXPECT_THAT(missing.text, AllOf(HasSubstr(compared + weights + " isn't there"),
                                  HasSubstr("`candor run` with this config trains it")));

  const Outcome first = on_ranks(2, "run " + config() + compare);
  ASSERT_EQ(first.exit_code, 0) << first.text;
  EXPECT_THAT(
      first.text,
      AllOf(HasSubstr("run  train: skipped"), HasSubstr("run  compare tokenized_brier: running"),
            HasSubstr("run  evaluate: running"),
            HasSubstr("is read from " + at("run/frozen_trunk.safetensors")),
            HasSubstr("tokenized_brier from scratch (the paper's recipe), argmax")));
  const std::string adapter = text_of(at(compared + weights));
  EXPECT_NE(adapter, main_adapter);
  for (const char* file : {"/metrics.jsonl", "/checkpoints/step_000006/state.json",
                           "/adapter/adapter_config.json", "/scored_after.jsonl"}) {
    EXPECT_TRUE(fs::exists(at(compared + file))) << file;
  }
  const json row = json::parse(text_of(at("run/report.json"))).at("extra_rows").at(0);
  EXPECT_EQ(row.at("name"), "tokenized_brier");
  EXPECT_TRUE(row.at("argmax").at("brier").at("value").is_number());
  EXPECT_THAT(text_of(at("run/report.html")),
              HasSubstr("tokenized_brier from scratch (the paper&#39;s recipe), expectation"));

  const Outcome second = alone("run " + config() + compare);
  for (const char* stage : {"train", "compare tokenized_brier", "evaluate"})
    EXPECT_THAT(second.text, HasSubstr(fmt::format("run  {}: skipped", stage)));

  // From nothing, with both: the main adapter's bytes are those of a run without comparison, the
  // other's those of a run with that objective.
  ASSERT_EQ(on_ranks(3, "run " + config() + compare + "--set run.dir=" + at("both")).exit_code, 0);
  EXPECT_EQ(text_of(at("both" + weights)), main_adapter);
  EXPECT_EQ(text_of(at("both/compare/tokenized_brier" + weights)), adapter);
  ASSERT_EQ(
      alone("run " + config() + "--set objective=tokenized_brier --set run.dir=" + at("other"))
          .exit_code,
      0);
  EXPECT_EQ(text_of(at("other" + weights)), adapter);
}

// An adapter that acts from the marker on: its own row, on any number of ranks, with what the base
// model gives kept or computed anew, and in PEFT's config.
TEST_F(ComparisonTest, AnAdapterFromTheMarkerOn) {
  make_half_of_the_answers_right();
  const std::string weights = "/adapter/adapter_model.safetensors";
  const Outcome compared = on_ranks(2, "run " + config() + "--set compare_alora=true");
  ASSERT_EQ(compared.exit_code, 0) << compared.text;
  EXPECT_THAT(
      compared.text,
      AllOf(HasSubstr("run  compare alora: running"),
            HasSubstr("before the marker all is the base model's"),
            HasSubstr("adapter from the marker on (aLoRA; not the paper's model), argmax")));
  const std::string adapter = text_of(at("run/compare/alora" + weights));
  EXPECT_NE(adapter, text_of(at("run" + weights)));
  const json written = json::parse(text_of(at("run/compare/alora/adapter/adapter_config.json")));
  EXPECT_EQ(written.at("alora_invocation_tokens").size(), 4U)
      << "a line break, C, a colon and a space";
  EXPECT_FALSE(json::parse(text_of(at("run/adapter/adapter_config.json")))
                   .contains("alora_invocation_tokens"));

  const std::string main = "--set lora.active_from=confidence_marker ";
  ASSERT_EQ(on_ranks(3, "run " + config() + main + "--set run.dir=" + at("main")).exit_code, 0);
  EXPECT_EQ(text_of(at("main" + weights)), adapter);
  EXPECT_THAT(text_of(at("main/report.html")), HasSubstr("not the paper&#39;s model"));
  const Outcome merged =
      alone("export " + config() + main + "--set run.dir=" + at("main") + " --merge");
  EXPECT_EQ(merged.exit_code, 2);
  EXPECT_THAT(merged.text, HasSubstr("can't be merged"));

  // Scored through another prompt's marker: refused, not scored with an adapter that never acts.
  put("qa.jsonl", "{\"question\":\"what is 1?\",\"response\":\"one\"}\n");
  const std::string score = "score " + config() + main + "--input " + at("qa.jsonl") +
                            " --adapter " + at("main/adapter") + " --output ";
  ASSERT_EQ(alone(score + at("scored.jsonl")).exit_code, 0);
  fs::remove(at("main/adapter/candor.json"));  // as one that was trained elsewhere
  const Outcome other = alone(score + at("other.jsonl") + " --set 'prompt.marker=\"\\nD: \"'");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.text, HasSubstr("an example's marker has other tokens"));
}

TEST_F(ComparisonTest, AKilledComparisonGoesOnWhereItWas) {
  make_half_of_the_answers_right();
  const std::string options =
      "--set \"compare_objectives=[mean_brier]\" --set train.checkpoint_every=10 --set "
      "train.keep_checkpoints=1000 "
      "--set train.max_steps=150 --set train.validate_every=50 ";
  const std::string folder = "run/compare/mean_brier",
                    weights = folder + "/adapter/adapter_model.safetensors";
  // Killed as soon as there is a checkpoint; 140 more steps stand before the adapter.
  shell(kCandor + "run " + config() + options +
        "& pid=$!; tries=0; while [ $tries -lt 6000 ] && ! [ -e " +
        at(folder + "/checkpoints/step_000010/state.json") +
        " ]; do sleep 0.01; tries=$((tries + 1)); done; kill -9 $pid; wait $pid");
  ASSERT_TRUE(fs::exists(at(folder + "/checkpoints/step_000010/state.json")));
  ASSERT_FALSE(fs::exists(at(weights)));
  const Outcome resumed = on_ranks(2, "run " + config() + options);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.text;
  EXPECT_THAT(resumed.text, AllOf(HasSubstr("run  train: skipped"),
                                  HasSubstr("compare mean_brier  resuming from step"),
                                  Not(HasSubstr("removing"))));
  const std::string adapter = text_of(at(weights));

  fs::remove_all(at("run/compare"));
  ASSERT_EQ(alone("run " + config() + options).exit_code, 0);
  EXPECT_EQ(text_of(at(weights)), adapter);
}

}  // namespace
}  // namespace candor::launch
