// `candor run` from questions to report on a tiny random model, as a user starts it: alone and
// under mpirun, again, and after a change.
#include <gmock/gmock.h>

#include "tests/commands/tiny_run.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class WholeLineTest : public TinyRun {};

// Long: it looks at one whole run from all sides, because a run takes seconds.
TEST_F(WholeLineTest, RunsFromQuestionsToReportAndTheSecondTimeDoesNothing) {
  make_half_of_the_answers_right();
  const Outcome first = on_ranks(2, "run " + config());
  ASSERT_EQ(first.exit_code, 0) << first.text;
  EXPECT_EQ(count_of("model  hashing the weights", first.text), 1) << first.text;
  EXPECT_EQ(count_of("model  loading the weights", first.text), 1) << first.text;
  EXPECT_THAT(first.text, AllOf(HasSubstr("run  train: running"), HasSubstr("after, expectation"),
                                HasSubstr("report.html")));
  const json report = json::parse(text_of(at("run/report.json")));
  for (const char* when : {"before", "after"}) {
    for (const char* read_out : {"expectation", "argmax"}) {
      for (const char* metric : {"auroc", "brier", "ece", "nll", "aurc", "accuracy"}) {
        const json& figure = report.at("overall").at(when).at(read_out).at(metric);
        EXPECT_TRUE(figure.contains("value") && figure.contains("low") && figure.contains("high"))
            << metric;
      }
    }
  }
  for (const char* name :
       {"constant", "per_relation", "isotonic", "temperature", "probe_last", "probe_best"})
    EXPECT_TRUE(report.at("baselines").contains(name)) << name;
  EXPECT_TRUE(report.at("per_dataset").contains("one"));
  for (const char* file : {"config.yaml", "report.html", "adapter/adapter_config.json",
                           "metrics.jsonl", "checkpoints/step_000006/state.json"}) {
    EXPECT_TRUE(fs::exists(at(std::string("run/") + file))) << file;
  }

  const Outcome plan = on_ranks(2, "doctor --plan " + config());
  EXPECT_EQ(plan.exit_code, 0) << plan.text;
  EXPECT_THAT(plan.text, AllOf(HasSubstr("6 steps of 8 examples in 4 micro-batches"),
                               HasSubstr("without the prefix computed once"),
                               HasSubstr("without the frozen layers computed once"),
                               HasSubstr("memory a rank"), HasSubstr("<- this config")));
  const Outcome from_marker =
      alone("doctor --plan " + config() + "--set lora.active_from=confidence_marker");
  EXPECT_THAT(from_marker.text, HasSubstr("without prompts and answers computed once a data set"));

  const std::string html = text_of(at("run/report.html")),
                    adapter = text_of(at("run/adapter/adapter_model.safetensors"));
  const Outcome second = on_ranks(3, "run " + config());
  ASSERT_EQ(second.exit_code, 0) << second.text;
  EXPECT_EQ(count_of("model  loading the weights", second.text), 0) << second.text;
  for (const char* stage : {"answer", "grade", "prepare", "train", "evaluate"})
    EXPECT_THAT(second.text, HasSubstr(fmt::format("run  {}: skipped", stage)));

  // One key of the training changes: what comes before stays, training and report are made again.
  const Outcome third = alone("run " + config() + "--set train.max_steps=4");
  ASSERT_EQ(third.exit_code, 0) << third.text;
  EXPECT_THAT(third.text,
              AllOf(HasSubstr("run  prepare: skipped"), HasSubstr("run  train: running"),
                    HasSubstr("run  evaluate: running")));

  // And back, on another number of ranks: the same bytes.
  ASSERT_EQ(on_ranks(4, "run " + config()).exit_code, 0);
  EXPECT_EQ(text_of(at("run/adapter/adapter_model.safetensors")), adapter);
  EXPECT_EQ(text_of(at("run/report.html")).size(), html.size());

  // score and export work from what the run left.
  put("qa.jsonl",
      "{\"question\":\"what is 1?\",\"response\":\"one\"}\n{\"question\":\"what is "
      "2?\",\"response\":\"two\"}\n");
  ASSERT_EQ(alone("score " + config() + "--input " + at("qa.jsonl") + " --output " + at("s1.jsonl"))
                .exit_code,
            0);
  ASSERT_EQ(
      on_ranks(3, "score " + config() + "--input " + at("qa.jsonl") + " --output " + at("s3.jsonl"))
          .exit_code,
      0);
  EXPECT_EQ(text_of(at("s1.jsonl")), text_of(at("s3.jsonl")));
  EXPECT_EQ(json::parse(text_of(at("s1.jsonl")).substr(0, text_of(at("s1.jsonl")).find('\n')))
                .at("q")
                .size(),
            10U);
  const Outcome exported = alone("export " + config() + "--merge");
  ASSERT_EQ(exported.exit_code, 0) << exported.text;
  EXPECT_THAT(exported.text, HasSubstr("may differ"));
  EXPECT_TRUE(fs::exists(at("run/export/merged/model.safetensors")));
  EXPECT_TRUE(fs::exists(at("run/export/merged/tokenizer.json")));

  // Another chat template is another prompt: nothing made with the old one is kept.
  put("model/tokenizer_config.json",
      json{{"chat_template", "{% for m in messages %}{{ m.content + 'D\n' }}{% endfor %}"}}.dump());
  const Outcome fourth = alone("run " + config());
  EXPECT_THAT(fourth.text, AllOf(HasSubstr("run  answer: running, because the model's "
                                           "generation_config.json or chat template changed"),
                                 HasSubstr("run  prepare: running")));
}

}  // namespace
}  // namespace candor::launch
