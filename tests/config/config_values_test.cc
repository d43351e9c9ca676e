// What a good config becomes: values, defaults, overrides, round trip, and that no declared key is
// dropped on the way.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "launch/config/config_fields.h"
#include "launch/config/nearest_key.h"
#include "launch/config/run_config.h"

namespace candor::launch {
namespace {

constexpr const char* kHead = "run: {dir: runs/x}\nmodel: {path: models/x}\n";

RunConfig parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_run_config(kHead + text, "my.yaml", overrides);
}

// Gives every field another valid value.
class Changer final : public FieldVisitor {
 public:
  int fields = 0;
  void begin_section(const std::string&, const std::string&) override {}
  void end_section() override {}
  void text(const std::string&, std::string& value, const TextRule& rule,
            const std::string&) override {
    ++fields;
    if (rule.is_day) {
      value = "2024-02-29";
      return;
    }
    value = rule.choices.empty() ? "other: \"text\"\n\t# \\ 'x' \x01 é " + rule.must_contain
                                 : other(rule.choices, value);
  }
  void choice(const std::string&, ChoiceField& value, bool, const std::string&) override {
    ++fields;
    value.choose(other(value.names(), value.name()));
  }
  void integer(const std::string&, int64_t& value, const IntegerRule& rule,
               const std::string&) override {
    ++fields;
    value = rule.choices.empty() ? value + 1
                                 : *std::find_if(rule.choices.begin(), rule.choices.end(),
                                                 [&](int64_t x) { return x != value; });
  }
  void number(const std::string&, double& value, const NumberRule& rule,
              const std::string&) override {
    ++fields;
    value = std::isinf(rule.max) ? value + 1.0 / 3 : rule.min + (rule.max - rule.min) / 3;
  }
  void flag(const std::string&, bool& value, const std::string&) override {
    ++fields;
    value = !value;
  }
  void texts(const std::string&, std::vector<std::string>& value, const TextRule& rule,
             const std::string&) override {
    ++fields;
    value = rule.choices;
  }
  void text_map(const std::string&, std::map<std::string, std::string>& value, const TextRule& rule,
                const std::string&) override {
    ++fields;
    value = {{"a data set: of mine", rule.choices.back()}, {"true", rule.choices.front()}};
  }
  void layers(const std::string&, trainer::LayerRange& value, const std::string&) override {
    ++fields;
    value = {.begin = 3, .end = 5};
  }
  void records(const std::string& name, RecordList& value, const std::string&,
               const std::string&) override {
    ++fields;
    value.clear();
    value.append();
    value.visit(0, *this);
    if (name == "few_shot") {
      value.append();
      value.visit(1, *this);
    }
  }

 private:
  static std::string other(const std::vector<std::string>& choices, const std::string& value) {
    return choices.back() == value ? choices.front() : choices.back();
  }
};

RunConfig changed_config() {
  RunConfig config;
  Changer changer;
  visit_fields(config, changer);
  config.train.batches.epochs = 0;           // clashes with max_steps
  config.model.dtype = WeightsDtype::kBf16;  // fp64 clashes with products
  // confidence_marker clashes with objective_lm_weight and compare_alora
  config.lora.active_from = trainer::ActiveFrom::kStart;
  config.train.batches.max_steps = 30;
  config.objective = {{.loss = trainer::Loss::kMeanBrier, .until = 1.0 / 3},
                      {.loss = trainer::Loss::kSoftTarget, .until = 0.7, .ramp_to = 0.5},
                      {.loss = trainer::Loss::kTokenizedBrier}};
  return config;
}

TEST(ConfigValues, DefaultsOfAMinimalFile) {
  const RunConfig config = read_run_config(CANDOR_SOURCE_DIR "/tests/config/data/minimal.yaml");
  EXPECT_EQ(config.run.dir, "runs/minimal");
  EXPECT_EQ(config.model.path, "models/tiny");
  EXPECT_EQ(config.train.batches.epochs, 2);  // neither epochs nor max_steps is given
  ASSERT_EQ(config.objective.size(), 3U);
  EXPECT_EQ(config.objective.front().loss, trainer::Loss::kSoftTarget);
  EXPECT_EQ(config.objective.back().loss, trainer::Loss::kTokenizedBrier);
  EXPECT_EQ(config.prompt.marker, "\nConfidence: ");
}

TEST(ConfigValues, EveryKindOfValue) {
  const RunConfig config = parse(R"(
prompt:
  system: |
    Two
    lines
  few_shot:
    - question: "Capital of France?"
      answer: Paris
  scale: 100
grade: {grader: numeric, per_dataset: {strategy: yes_no}}
lora: {modules: [q_proj, down_proj], layers: 20-29, rslora: true, alpha: 1e1}
objective:
  - {loss: expectation_log_loss, until: 0.4}
  - {loss: tokenized_brier, ramp_to: 0.6}
train: {max_steps: 20}
)");
  EXPECT_EQ(config.prompt.system, "Two\nlines\n");
  EXPECT_EQ(config.prompt.few_shot, (std::vector<data::FewShot>{{"Capital of France?", "Paris"}}));
  EXPECT_EQ(config.prompt.scale, 100);
  EXPECT_EQ(config.grade.per_dataset.at("strategy"), "yes_no");
  EXPECT_EQ(config.lora.layers, (trainer::LayerRange{20, 30}));
  EXPECT_THAT(config.lora.modules, testing::ElementsAre("q_proj", "down_proj"));
  EXPECT_TRUE(config.lora.rslora);
  EXPECT_EQ(config.lora.alpha, 10);
  EXPECT_EQ(config.objective[1].ramp_to, 0.6);
  EXPECT_EQ(config.train.batches.epochs, 0);
}

TEST(ConfigValues, OneLossAloneIsTheWholeRun) {
  EXPECT_EQ(parse("objective: tokenized_brier\n").objective,
            (std::vector<trainer::ObjectiveStage>{{.loss = trainer::Loss::kTokenizedBrier}}));
  EXPECT_EQ(parse("", {"objective=mean_brier"}).objective,
            (std::vector<trainer::ObjectiveStage>{{.loss = trainer::Loss::kMeanBrier}}));
}

TEST(ConfigValues, ComparisonsAreLossesAndMayBeNone) {
  EXPECT_TRUE(parse("").compare_objectives.empty());
  EXPECT_TRUE(parse("compare_objectives: []\n").compare_objectives.empty());
  const RunConfig config = parse("", {"compare_objectives=[tokenized_brier, soft_target]"});
  EXPECT_THAT(config.compare_objectives, testing::ElementsAre("tokenized_brier", "soft_target"));
  EXPECT_EQ(parse_run_config(to_yaml(config), "resolved"), config);
  // A stage of several isn't the loss alone.
  EXPECT_EQ(parse("objective: [{loss: mean_brier, until: 0.5}, {loss: "
                  "soft_target}]\ncompare_objectives: [mean_brier]\n")
                .compare_objectives.size(),
            1U);
}

TEST(ConfigValues, OverridesReplaceAddAndTheLastHolds) {
  const RunConfig config = parse(
      "train: {max_steps: 5}\n",
      {"train.max_steps=7", "train.max_steps=9", "lora.modules=[o_proj]", "lora.layers=\"1-2\"",
       "grade.per_dataset.a=numeric", "prompt.system=", "prompt.marker=\" C=\"", "run.dir=a=b"});
  EXPECT_EQ(config.train.batches.max_steps, 9);
  EXPECT_THAT(config.lora.modules, testing::ElementsAre("o_proj"));
  EXPECT_EQ(config.lora.layers, (trainer::LayerRange{1, 3}));
  EXPECT_EQ(config.grade.per_dataset.at("a"), "numeric");
  EXPECT_EQ(config.prompt.system, "");
  EXPECT_EQ(config.prompt.marker, " C=");
  EXPECT_EQ(config.run.dir, "a=b");
  EXPECT_EQ(parse_run_config("", "e.yaml", {"run.dir=a", "model.path=b"}).model.path, "b");
}

TEST(ConfigValues, TheResolvedConfigReadsBackTheSame) {
  const RunConfig config = parse("");
  EXPECT_EQ(parse_run_config(to_yaml(config), "resolved"), config);
  for (const double value : {1.0 / 3, 5e-324, 1e300, 123456789.123, 1e-8}) {
    RunConfig odd = config;
    odd.lora.alpha = value;
    EXPECT_EQ(parse_run_config(to_yaml(odd), "resolved"), odd) << value;
  }
  for (const char* text : {"yes", "null", "~", "1.5", "- a", "a: b", " lead", "trail ", "#", "\"",
                           "\\n", "\r\n", "%", "@x", "!t", "*", "&a", "é漢字😀"}) {
    RunConfig odd = config;
    odd.prompt.system = text;
    EXPECT_EQ(parse_run_config(to_yaml(odd), "resolved"), odd) << text;
  }
}

TEST(ConfigValues, EveryFieldIsWrittenAndRead) {
  const RunConfig config = changed_config();
  const RunConfig back = parse_run_config(to_yaml(config), "resolved");
  EXPECT_EQ(back, config) << to_yaml(config);

  // A member that no field declares would be equal in both; this finds a field whose line the
  // reader drops.
  const std::string defaults = to_yaml(RunConfig{}), changed = to_yaml(config);
  for (const std::string& path : all_key_paths()) {
    const std::string key = path.substr(path.rfind('.') + 1) + ":";
    EXPECT_THAT(changed, testing::HasSubstr(key));
    EXPECT_THAT(describe_run_config(), testing::HasSubstr(key));
  }
  EXPECT_NE(defaults, changed);
}

// Each number or text of the default config differs in the changed one, so a field that visits the
// wrong member is found.
TEST(ConfigValues, ChangingOneKeyChangesOneLine) {
  const RunConfig base = parse("train: {max_steps: 100}\n");
  const RunConfig other = changed_config();
  const std::vector<std::string> values = {"run.seed=7",
                                           "train.beta1=0.5",
                                           "train.beta2=0.5",
                                           "train.clip_norm=3",
                                           "evaluate.probe=false",
                                           "data.max_test=5",
                                           "data.max_train=5",
                                           "data.max_validation=5",
                                           "train.share_prefix=false",
                                           "evaluate.baselines=false"};
  for (const std::string& value : values) {
    const std::string a = to_yaml(base), b = to_yaml(parse("train: {max_steps: 100}\n", {value}));
    std::vector<std::string> lines_a, lines_b;
    for (auto* pair : {&a, &b}) {
      std::istringstream in(*pair);
      for (std::string line; std::getline(in, line);)
        (pair == &a ? lines_a : lines_b).push_back(line);
    }
    ASSERT_EQ(lines_a.size(), lines_b.size());
    std::vector<std::string> different;
    for (size_t i = 0; i < lines_a.size(); ++i) {
      if (lines_a[i] != lines_b[i]) different.push_back(lines_b[i]);
    }
    const std::string key =
        value.substr(value.find('.') + 1, value.find('=') - value.find('.') - 1);
    EXPECT_THAT(different,
                testing::ElementsAre("  " + key + ": " + value.substr(value.find('=') + 1)));
  }
  EXPECT_NE(to_yaml(base), to_yaml(other));
}

TEST(NearestKey, EditDistance) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("trian", "train"), 1U);
  EXPECT_EQ(nearest("fp31", {"fp64", "fp32"}), "fp32");
  EXPECT_EQ(nearest("x", {}), "");
}

}  // namespace
}  // namespace candor::launch
