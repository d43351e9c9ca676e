// Every kind of error that reading a config can find, with its exact place.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <system_error>

#include "launch/config/run_config.h"

namespace candor::launch {
namespace {

constexpr const char* kFourLines = "run:\n  dir: runs/x\nmodel:\n  path: models/x\n";  // lines 1-4

std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse_run_config(text, "my.yaml", overrides);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}
std::string error_after_head(const std::string& text) { return error_of(kFourLines + text); }

TEST(ConfigErrors, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(error_after_head("train:\n  learing_rate: 1e-4\n"),
            "my.yaml:6:3: unknown key \"train.learing_rate\"; the nearest valid key is "
            "train.learning_rate (see `candor help config`)");
  EXPECT_EQ(error_after_head("trian:\n  max_steps: 4\n"),
            "my.yaml:5:1: unknown key \"trian\"; the nearest valid key is train (see `candor help "
            "config`)");
  EXPECT_EQ(error_after_head("lora:\n  learning_rate: 1\n"),
            "my.yaml:6:3: unknown key \"lora.learning_rate\"; the nearest valid key is "
            "train.learning_rate (see `candor help config`)");
  EXPECT_EQ(error_after_head("prompt:\n  few_shot:\n    - {question: a, answr: b}\n"),
            "my.yaml:7:21: unknown key \"prompt.few_shot.answr\"; the nearest valid key is "
            "prompt.few_shot.answer (see `candor help config`)");
  EXPECT_EQ(error_after_head("\"run.dir\": x\n"),
            "my.yaml:5:1: unknown key \"run.dir\"; write dir under run: (in a file a key stands in "
            "its section, and the form with a dot is for --set) (see `candor help config`)");
}

TEST(ConfigErrors, RepeatedKey) {
  EXPECT_EQ(error_after_head("train:\n  beta1: 0.9\n  beta1: 0.8\n"),
            "my.yaml:7:3: repeated key \"beta1\", first at my.yaml:6:3; keep one of them");
  EXPECT_EQ(error_after_head("run:\n  seed: 1\n"),
            "my.yaml:5:1: repeated key \"run\", first at my.yaml:1:1; keep one of them");
  EXPECT_EQ(error_after_head("grade:\n  per_dataset: {a: numeric, a: yes_no}\n"),
            "my.yaml:6:29: repeated key \"a\", first at my.yaml:6:17; keep one of them");
}

TEST(ConfigErrors, WrongType) {
  EXPECT_EQ(error_after_head("train:\n  max_steps: many\n"),
            "my.yaml:6:14: train.max_steps: expected an integer from 0 to 1000000000, got many");
  EXPECT_EQ(
      error_after_head("train:\n  max_steps: [1]\n"),
      "my.yaml:6:14: train.max_steps: expected an integer from 0 to 1000000000, got a list of 1");
  EXPECT_EQ(error_after_head("train:\n  max_steps:\n"),
            "my.yaml:6:3: train.max_steps: expected an integer from 0 to 1000000000, got nothing");
  EXPECT_EQ(error_after_head("train:\n  beta1: high\n"),
            "my.yaml:6:10: train.beta1: expected a number at least 0 and below 1, got high");
  EXPECT_EQ(error_after_head("train: 5\n"),
            "my.yaml:5:8: train: expected a section of key: value lines, got 5");
  EXPECT_EQ(error_after_head("data:\n  questions: 12\n"),
            "my.yaml:6:14: data.questions: expected a text (put it in quotes), got 12");
  EXPECT_EQ(error_after_head("prompt:\n  system: true\n"),
            "my.yaml:6:11: prompt.system: expected a text (put it in quotes), got true");
  EXPECT_EQ(error_after_head("prompt:\n  system: {a: b}\n"),
            "my.yaml:6:11: prompt.system: expected a text, got a section");
  EXPECT_EQ(error_after_head("prompt:\n  few_shot: none\n"),
            "my.yaml:6:13: prompt.few_shot: expected a list, got none");
  EXPECT_EQ(error_after_head("prompt:\n  few_shot: [a]\n"),
            "my.yaml:6:14: prompt.few_shot[0]: expected a section of key: value lines, got a");
  EXPECT_EQ(error_after_head("lora:\n  modules: q_proj\n"),
            "my.yaml:6:12: lora.modules: expected a list [a, b] of at least one text, got q_proj");
  EXPECT_EQ(
      error_after_head("grade:\n  per_dataset: numeric\n"),
      "my.yaml:6:16: grade.per_dataset: expected a section of name: value lines, got numeric");
  EXPECT_EQ(error_after_head("compare_objectives: mean_brier\n"),
            "my.yaml:5:21: compare_objectives: expected a list [a, b] of texts, got mean_brier");
  EXPECT_EQ(error_of("- a\n- b\n"),
            "my.yaml:1:1: the config: expected sections of key: value lines, got a list of 2");
}

TEST(ConfigErrors, BooleansAreOnlyTrueAndFalse) {
  for (const char* typed : {"yes", "no", "on", "tRue", "Off", "1", "y"}) {
    EXPECT_EQ(error_after_head(std::string("lora:\n  rslora: ") + typed + "\n"),
              std::string("my.yaml:6:11: lora.rslora: expected true or false, got ") + typed);
  }
  EXPECT_EQ(error_after_head("lora:\n  rslora: \"true\"\n"),
            "my.yaml:6:11: lora.rslora: expected true or false, got the text \"true\"");
}

TEST(ConfigErrors, IntegersAreStrictlyDecimal) {
  for (const char* typed :
       {"012", "0x10", "1_000", "1e3", "5.0", "+05", "0o7", "--5", "5 5", "99999999999999999999"}) {
    EXPECT_EQ(
        error_after_head(std::string("lora:\n  rank: ") + typed + "\n"),
        std::string("my.yaml:6:9: lora.rank: expected an integer from 1 to 4096, got ") + typed);
  }
  EXPECT_EQ(error_after_head("lora:\n  rank: \"8\"\n"),
            "my.yaml:6:9: lora.rank: expected an integer from 1 to 4096, got the text \"8\"");
  for (const char* typed : {".inf", ".nan", "0x1p3", "1e999", "007", ".5.", "1.2.3", "nan"}) {
    EXPECT_EQ(error_after_head(std::string("lora:\n  alpha: ") + typed + "\n"),
              std::string("my.yaml:6:10: lora.alpha: expected a number above 0, got ") + typed);
  }
}

TEST(ConfigErrors, OutOfRange) {
  EXPECT_EQ(error_after_head("lora:\n  rank: 0\n"),
            "my.yaml:6:9: lora.rank: expected an integer from 1 to 4096, got 0");
  EXPECT_EQ(error_after_head("lora:\n  dropout: 1\n"),
            "my.yaml:6:12: lora.dropout: expected a number at least 0 and below 1, got 1");
  EXPECT_EQ(error_after_head("lora:\n  alpha: 0\n"),
            "my.yaml:6:10: lora.alpha: expected a number above 0, got 0");
  EXPECT_EQ(
      error_after_head("train:\n  learning_rate: -1e-3\n"),
      "my.yaml:6:18: train.learning_rate: expected a number above 0 and at most 10, got -1e-3");
  EXPECT_EQ(error_after_head("prompt:\n  scale: 10\n"),
            "my.yaml:6:10: prompt.scale: expected 9 or 100, got 10");
  EXPECT_EQ(error_after_head("model: {}\n").substr(0, 31), "my.yaml:5:1: repeated key \"mode");
  EXPECT_EQ(error_after_head("train:\n  schedule: cosin\n"),
            "my.yaml:6:13: train.schedule: expected one of constant, linear, cosine, step "
            "(nearest: cosine), got cosin");
  EXPECT_EQ(error_after_head("lora:\n  modules: [q_proj, v]\n"),
            "my.yaml:6:21: lora.modules: expected one of q_proj, k_proj, v_proj, o_proj, "
            "gate_proj, up_proj, down_proj (nearest: v_proj), got v");
  EXPECT_EQ(error_after_head("lora:\n  modules: [q_proj, q_proj]\n"),
            "my.yaml:6:21: lora.modules: expected every entry once, got q_proj");
  EXPECT_EQ(error_after_head("compare_objectives: [mean_brier, mean_brier]\n"),
            "my.yaml:5:34: compare_objectives: expected every entry once, got mean_brier");
  EXPECT_EQ(error_after_head("compare_objectives: [brier]\n"),
            "my.yaml:5:22: compare_objectives: expected one of tokenized_brier, "
            "expectation_log_loss, mean_brier, soft_target (nearest: mean_brier), got "
            "brier");
  EXPECT_EQ(
      error_after_head("lora:\n  modules: []\n"),
      "my.yaml:6:12: lora.modules: expected a list [a, b] of at least one text, got a list of 0");
  EXPECT_EQ(error_after_head("grade:\n  per_dataset: {trivia: yesno}\n"),
            "my.yaml:6:25: grade.per_dataset.trivia: expected one of alias_match, numeric, yes_no "
            "(nearest: yes_no), got yesno");
  EXPECT_EQ(
      error_after_head("prompt:\n  question: \"Q:\"\n"),
      "my.yaml:6:13: prompt.question: expected a text with {question} in it, got the text \"Q:\"");
  EXPECT_EQ(error_after_head("prompt:\n  marker: \"\"\n"),
            "my.yaml:6:11: prompt.marker: expected a text that isn't empty, got the text \"\"");
  EXPECT_THAT(error_after_head("prompt:\n  marker: \"\\n\\n\"\n"),
              testing::HasSubstr("my.yaml:6:11: prompt.marker: expected a text that isn't white "
                                 "space alone"));
  for (const char* typed : {"20", "29-20", "a-b", "-3", "1-2-3", "01-2"}) {
    EXPECT_EQ(
        error_after_head(std::string("lora:\n  layers: ") + typed + "\n"),
        std::string("my.yaml:6:11: lora.layers: expected all, or first-last such as 20-29, got ") +
            typed);
  }
}

TEST(ConfigErrors, ADayIsOneOfTheCalendar) {
  EXPECT_EQ(parse_run_config("run: {dir: a}\nmodel: {path: b}\nprompt: {date: 2024-02-29}\n", "m")
                .prompt.date,
            "2024-02-29");
  for (const char* typed : {"2026-02-29", "2026-13-01", "01.05.2026", "2026-5-1", "today"}) {
    EXPECT_EQ(
        error_after_head(std::string("prompt:\n  date: ") + typed + "\n"),
        std::string("my.yaml:6:9: prompt.date: expected a day such as 2026-05-01, got ") + typed);
  }
}

TEST(ConfigErrors, MissingKey) {
  EXPECT_EQ(error_of("model:\n  path: x\n"),
            "my.yaml:1:1: run.dir is missing: folder of everything the run writes; made where it "
            "doesn't exist");
  EXPECT_EQ(error_of("run:\n  dir: x\nmodel:\n  dtype: fp64\n"),
            "my.yaml:4:3: model.path is missing: folder in Hugging Face layout (config.json, "
            "safetensors, tokenizer.json)");
  EXPECT_EQ(error_of(""),
            "my.yaml:1:1: run.dir is missing: folder of everything the run writes; made where it "
            "doesn't exist (the file is empty)");
  EXPECT_EQ(error_after_head("objective:\n  - {until: 0.5}\n"),
            "my.yaml:6:5: objective[0].loss is missing: of the stage");
  EXPECT_EQ(error_after_head("objective: []\n"),
            "my.yaml:5:12: objective: expected a loss or a list of at least one, got a list of 0");
}

TEST(ConfigErrors, ClashingKeys) {
  EXPECT_THAT(error_of(kFourLines, {"model.dtype=fp64", "model.products=bf16"}),
              testing::HasSubstr(
                  "model.products bf16 clashes with model.dtype fp64: leave one of them out"));
  EXPECT_THAT(
      error_of(kFourLines, {"lora.active_from=confidence_marker", "objective_lm_weight=0.1"}),
      testing::HasSubstr("objective_lm_weight clashes with lora.active_from confidence_marker"));
  EXPECT_THAT(error_of(kFourLines, {"lora.active_from=confidence_marker", "compare_alora=true"}),
              testing::HasSubstr("the main adapter is that already"));
  EXPECT_EQ(error_after_head("train:\n  max_steps: 10\n  epochs: 2\n"),
            "my.yaml:7:11: train.epochs 2 clashes with train.max_steps 10: set one of them to 0 "
            "(train.max_steps is at my.yaml:6:14)");
  EXPECT_EQ(error_after_head("train:\n  global_batch_examples: 2\n"),
            "my.yaml:6:26: train.micro_batch_examples: expected at most "
            "train.global_batch_examples 2, got 4");
  EXPECT_EQ(error_after_head("train:\n  warmup_steps: 20\n  max_steps: 20\n"),
            "my.yaml:6:17: train.warmup_steps: expected less than train.max_steps 20, got 20 "
            "(train.max_steps is at my.yaml:7:14)");
  EXPECT_EQ(error_after_head("objective:\n  - {loss: mean_brier, ramp_to: 0.5}\n"),
            "my.yaml:6:33: objective[0].ramp_to: the first stage has none before it to take over "
            "from; leave the key out");
  EXPECT_EQ(error_after_head("objective:\n  - {loss: mean_brier, until: 0.5}\n  - {loss: "
                             "soft_target, ramp_to: 0.5}\n"),
            "my.yaml:7:34: objective[1].ramp_to: expected above 0.5 (the end of the stage before) "
            "and at most until 1, got 0.5");
  EXPECT_EQ(
      error_after_head(
          "objective:\n  - {loss: mean_brier, until: 0.5}\n  - {loss: soft_target, until: 0.4}\n"),
      "my.yaml:7:32: objective[1].until: expected above 0.5 (the end of the stage before), got "
      "0.4");
  EXPECT_EQ(error_after_head("objective:\n  - {loss: mean_brier, until: 0.5}\n"),
            "my.yaml:6:31: objective[0].until: expected 1, the end of the run, for the last stage, "
            "got 0.5");
  EXPECT_EQ(
      error_after_head("objective: mean_brier\ncompare_objectives: [soft_target, mean_brier]\n"),
      "my.yaml:6:21: compare_objectives: mean_brier alone is the objective already, so this would "
      "train the same adapter twice; leave it out "
      "(objective is at my.yaml:5:12)");
  EXPECT_EQ(error_after_head("objective:\n  - loss: mean_brier\n  - loss: soft_target\n"),
            "my.yaml:6:5: objective[0].until: expected below 1, because a stage follows, got 1");
}

TEST(ConfigErrors, NotYaml) {
  EXPECT_THAT(error_of("run:\n  dir: [a\n"), testing::StartsWith("my.yaml:3:1: not YAML: "));
  EXPECT_EQ(error_of("run:\n\tdir: a\n"),
            "my.yaml:2:1: not YAML: a tab in the indentation, where only spaces may stand");
  EXPECT_THAT(error_of(std::string(kFourLines) + "---\na: b\n"),
              testing::StartsWith("my.yaml:6:1: expected one YAML document, got 2"));
  EXPECT_THAT(error_of("{run: {dir: a}}\n,"), testing::HasSubstr("expected one YAML document"));
  EXPECT_THAT(error_of(kFourLines, {"run.dir=,"}), testing::StartsWith("--set run.dir=,: "));
  EXPECT_EQ(error_after_head("[a]: b\n"), "my.yaml:5:1: expected a key, got a list of 1");
  std::string deep = "x: ";
  for (int i = 0; i < 50; ++i) deep += "[";
  for (int i = 0; i < 50; ++i) deep += "]";
  EXPECT_THAT(error_after_head(deep), testing::HasSubstr("nested too deeply"));
}

TEST(ConfigErrors, AFewLinesCannotBecomeManyNodes) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    laughs += fmt::format("a{}: &a{} [", i, i);
    for (int k = 0; k < 10; ++k) laughs += fmt::format("{}*a{}", k > 0 ? ", " : "", i - 1);
    laughs += "]\n";
  }
  EXPECT_THAT(error_after_head(laughs), testing::HasSubstr("too large for a config"));
  EXPECT_THAT(error_after_head("x: &a [*a]\n"), testing::StartsWith("my.yaml:"));
  EXPECT_THAT(error_of(std::string(1'000'001, '#')), testing::HasSubstr("too many for a config"));
  std::string path = "a";
  for (int i = 0; i < 50'000; ++i) path += ".a";
  EXPECT_THAT(error_of(kFourLines, {path + "=1"}), testing::HasSubstr("over 32 parts"));
}

TEST(ConfigErrors, OverridesAreNamed) {
  EXPECT_EQ(
      error_of(kFourLines, {"train.max_steps=x"}),
      "--set train.max_steps=x: train.max_steps: expected an integer from 0 to 1000000000, got x");
  EXPECT_EQ(error_of(kFourLines, {"train.max_step=3"}),
            "--set train.max_step=3: unknown key \"train.max_step\"; the nearest valid key is "
            "train.max_steps (see `candor help config`)");
  EXPECT_EQ(error_of(kFourLines, {"train"}), "--set train: expected key.path=value");
  EXPECT_EQ(error_of(kFourLines, {"=5"}), "--set =5: expected key.path=value");
  EXPECT_EQ(error_of(kFourLines, {"run.dir.x=5"}),
            "--set run.dir.x=5: \"x\" lies in no section: my.yaml:2:8 holds runs/x");
  EXPECT_THAT(error_of(kFourLines, {"lora.modules=[q_proj"}),
              testing::StartsWith("--set lora.modules=[q_proj: not YAML: "));
  EXPECT_EQ(error_of(std::string(kFourLines) + "train:\n  epochs: 3\n", {"train.max_steps=20"}),
            "my.yaml:6:11: train.epochs 3 clashes with train.max_steps 20: set one of them to 0 "
            "(train.max_steps is at --set train.max_steps=20)");
}

TEST(ConfigErrors, MissingFileIsASystemErrorWithItsPath) {
  try {
    read_run_config("/nowhere/my.yaml");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nowhere/my.yaml"));
  }
}

}  // namespace
}  // namespace candor::launch
