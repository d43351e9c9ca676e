// What a config's writer is told of usual slips: names of other trainers, forms of other readers,
// files that aren't YAML, and what is read though it is most likely meant otherwise.
#include <gmock/gmock.h>

#include <cstdlib>
#include <string>

#include "launch/config/config_fields.h"
#include "launch/config/name_match.h"
#include "launch/config/nearest_key.h"
#include "launch/config/run_config.h"
#include "launch/config/usual_names.h"

namespace candor::launch {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const std::string kTop = "run: {dir: runs/x}\nmodel: {path: models/x}\n";  // lines 1 and 2

std::string refusal_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse_run_config(text, "my.yaml", overrides);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}
std::string refusal(const std::string& text) { return refusal_of(kTop + text); }
RunConfig config_with(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_run_config(kTop + text, "my.yaml", overrides);
}
std::vector<std::string> warnings_of(const std::string& text,
                                     const std::vector<std::string>& overrides = {}) {
  return parse_run_config_and_warnings(kTop + text, "my.yaml", overrides).warnings;
}

TEST(ConfigHints, NumbersAreReadAsYamlWritesThem) {
  const auto rate = [](const std::string& typed) {
    return config_with("train: {learning_rate: " + typed + "}\n").train.update.learning_rate.peak;
  };
  EXPECT_EQ(rate(".03"), 0.03);
  EXPECT_EQ(rate("+3e-4"), 3e-4);
  EXPECT_EQ(rate("+.5"), 0.5);
  EXPECT_EQ(rate("3E-4"), 3e-4);
  EXPECT_EQ(rate("3.e-4"), 3e-4);
  EXPECT_EQ(rate("2."), 2);
  EXPECT_EQ(config_with("", {"run.seed=+7"}).run.seed, 7);
  EXPECT_EQ(config_with("", {"lora.rank=+16"}).lora.rank, 16);
  EXPECT_THAT(refusal("lora: {rank: +0}\n"), HasSubstr("from 1 to 4096, got +0"));
  for (const char* typed : {"+", ".", "+-1", "-+1", "++1", ".e3", "+.inf", "+nan", "+0x1", "+01"})
    EXPECT_THAT(refusal(std::string("lora: {alpha: ") + typed + "}\n"),
                HasSubstr(std::string("expected a number above 0, got ") + typed));
}

TEST(ConfigHints, BooleansMayBeCapitals) {
  for (const char* typed : {"true", "True", "TRUE"})
    EXPECT_TRUE(config_with(std::string("lora: {rslora: ") + typed + "}\n").lora.rslora);
  for (const char* typed : {"false", "False", "FALSE"})
    EXPECT_FALSE(config_with("", {std::string("evaluate.probe=") + typed}).evaluate.probe);
  EXPECT_THAT(refusal("lora: {rslora: tRUE}\n"), HasSubstr("expected true or false, got tRUE"));
}

TEST(ConfigHints, WhatIsANumberElsewhereMayBeAText) {
  EXPECT_EQ(config_with("prompt: {system: True}\n").prompt.system, "True");
  EXPECT_EQ(config_with("prompt: {system: +49}\n").prompt.system, "+49");
  EXPECT_EQ(config_with("prompt: {system: .5}\n").prompt.system, ".5");
}

TEST(ConfigHints, AKeyWithADotBelongsUnderItsSection) {
  EXPECT_EQ(refusal("lora.rank: 8\n"),
            "my.yaml:3:1: unknown key \"lora.rank\"; write rank under lora: (in a file a key "
            "stands in its section, and the form with a dot is for --set) (see `candor help "
            "config`)");
  EXPECT_THAT(refusal("train.lr: 1e-4\n"),
              AllOf(HasSubstr("the nearest valid key is train.learning_rate; in a file"),
                    HasSubstr("--set")));
  EXPECT_THAT(refusal("lora: {lora.rank: 8}\n"), HasSubstr("in lora the key is rank alone"));
  EXPECT_THAT(refusal("lora: {train.epochs: 8}\n"), HasSubstr("write epochs under train:"));
  EXPECT_THAT(refusal("grade: {per_dataset.trivia: numeric}\n"),
              HasSubstr("write trivia under grade.per_dataset:"));
}

TEST(ConfigHints, ShortNamesAndThoseOfOtherTrainers) {
  const auto hint = [](const std::string& section, const std::string& key) {
    return refusal(section + ": {" + key + ": 1}\n");
  };
  EXPECT_THAT(hint("train", "lr"), HasSubstr("the nearest valid key is train.learning_rate ("));
  EXPECT_THAT(hint("train", "wd"), HasSubstr("key is train.weight_decay ("));
  EXPECT_THAT(hint("train", "bs"), HasSubstr("the nearest valid keys are "
                                             "train.global_batch_examples and "
                                             "train.micro_batch_examples ("));
  EXPECT_THAT(hint("train", "steps"), HasSubstr("key is train.max_steps ("));
  EXPECT_THAT(hint("train", "learningRate"), HasSubstr("key is train.learning_rate ("));
  EXPECT_THAT(hint("train", "Max-Steps"), HasSubstr("key is train.max_steps ("));
  EXPECT_THAT(hint("train", "checkpoint"), HasSubstr("train.checkpoint_every"));
  EXPECT_THAT(hint("lora", "r"), HasSubstr("key is lora.rank ("));
  EXPECT_THAT(hint("lora", "lr"), HasSubstr("key is train.learning_rate ("));
  EXPECT_THAT(hint("answer", "new_tokens"), HasSubstr("key is answer.max_new_tokens ("));
  EXPECT_THAT(hint("answer", "max_tokens"), HasSubstr("prepare.max_tokens"));
  EXPECT_THAT(hint("train", "l_r"), HasSubstr("key is train.learning_rate ("));
  EXPECT_THAT(hint("evaluate", "bs"), HasSubstr("key is evaluate.batch_examples ("));
  EXPECT_THAT(hint("data", "path"), HasSubstr("keys are data.questions and model.path ("));
  EXPECT_THAT(hint("data", "train"), HasSubstr("key is data.max_train ("));
  EXPECT_THAT(refusal("lr: 1e-4\n"), HasSubstr("key is train.learning_rate ("));
  EXPECT_THAT(refusal("rank: 8\n"), HasSubstr("key is lora.rank ("));
  EXPECT_THAT(refusal("model_path: m\n"), HasSubstr("key is model.path ("));
}

TEST(ConfigHints, KeysOfAnotherSection) {
  EXPECT_THAT(refusal("train: {seed: 1}\n"), HasSubstr("the nearest valid key is run.seed ("));
  EXPECT_THAT(refusal("train: {dropout: 0.1}\n"), HasSubstr("key is lora.dropout ("));
  EXPECT_THAT(refusal("train: {loss: mean_brier}\n"), HasSubstr("key is objective.loss ("));
  EXPECT_THAT(refusal("train: {objective: mean_brier}\n"),
              HasSubstr("objective stands at the top of the file, outside of train"));
  EXPECT_THAT(refusal("train:\n  epochs: 1\n  lora: {rank: 8}\n"),
              HasSubstr("lora stands at the top of the file, outside of train"));
}

TEST(ConfigHints, AKeyLikeNoOtherNamesThoseOfItsSectionAndNeverTheSectionItself) {
  EXPECT_EQ(refusal("prepare: {zzz: 1}\n"),
            "my.yaml:3:11: unknown key \"prepare.zzz\"; the keys of prepare are max_tokens and "
            "leave_out_too_long (see `candor help config`)");
  EXPECT_THAT(refusal("prompt: {few_shot: [{q: a}]}\n"),
              HasSubstr("the keys of prompt.few_shot are question and answer"));
  EXPECT_THAT(refusal("zzzzzz: 1\n"), HasSubstr("the sections and keys are run, model,"));
  const std::vector<std::string> all = all_key_paths();
  for (const std::string section : {"run", "model", "data", "prompt", "lora", "train"}) {
    for (const std::string typed : {"x", "ab", "qq", "zzzz", "rn", "tr", "mdl", "lra"}) {
      const std::string told =
          refusal_of("run: {dir: a}\nmodel: {path: m}\n", {section + "." + typed + "=1"});
      EXPECT_THAT(told, Not(testing::ContainsRegex("key is " + section + "[ ;]"))) << told;
    }
  }
  EXPECT_THAT(refusal("\xc2\xa0\xc2\xa0seed: 1\n"), HasSubstr("U+00A0"));
}

TEST(ConfigHints, UsualNamesLeadToKeys) {
  const std::vector<std::string> all = all_key_paths();
  for (const auto& [name, paths] : usual_names()) {
    EXPECT_EQ(snake_case(name), name);
    for (const std::string& path : paths) EXPECT_THAT(all, testing::Contains(path)) << name;
  }
}

TEST(ConfigHints, TabsAsIndentation) {
  EXPECT_EQ(refusal("lora:\n\trank: 8\n"),
            "my.yaml:4:1: not YAML: a tab in the indentation, where only spaces may stand");
  EXPECT_THAT(refusal("lora:\n  rank: 8\n\talpha: 8\n"),
              StartsWith("my.yaml:5:1: not YAML: a tab"));
  EXPECT_THAT(refusal("lora:\n  rank: 8\n  \talpha: 8\n"),
              StartsWith("my.yaml:5:3: not YAML: a tab"));
  EXPECT_THAT(refusal("lora:\n\tmodules:\n\t- q_proj\n"),
              StartsWith("my.yaml:4:1: not YAML: a tab"));
  EXPECT_EQ(config_with("lora:\n  rank:\t8\n").lora.rank, 8);
  EXPECT_EQ(config_with("lora: {\n\trank: 8}\n").lora.rank, 8);
}

TEST(ConfigHints, AQuestionInBraces) {
  for (const std::string text : {"{question: Who?, answer: I}", "{question: Who? You?, answer: I}",
                                 "{answer: I, question: Who?}"}) {
    EXPECT_THAT(refusal("prompt:\n  few_shot:\n    - " + text + "\n"),
                AllOf(StartsWith("my.yaml:5:"),
                      HasSubstr("a ? inside braces or brackets; put the text in double quotes")));
  }
  EXPECT_EQ(config_with("prompt: {few_shot: [{question: \"Who?\", answer: I}]}\n")
                .prompt.few_shot[0]
                .question,
            "Who?");
  EXPECT_EQ(config_with("prompt:\n  system: Who? You?\n").prompt.system, "Who? You?");
  EXPECT_THAT(refusal("prompt: {system: be brief, please}\n"),
              HasSubstr("a text with a comma has to be in double quotes"));
  EXPECT_THAT(refusal("prompt:\n  system: Note: be brief\n"), HasSubstr("in double quotes"));
  EXPECT_THAT(refusal("prompt:\n  system: *brief*\n"),
              HasSubstr("begins with * has to be in double"));
}

TEST(ConfigHints, BackslashesOutsideOfDoubleQuotesAreAWarning) {
  EXPECT_EQ(warnings_of("prompt: {marker: '\\nC: '}\n"),
            std::vector<std::string>{
                "my.yaml:3:18: prompt.marker: \\n in single quotes is a backslash and the letter "
                "n, not a line break; for a line break put the text in double quotes"});
  EXPECT_EQ(config_with("prompt: {marker: '\\nC: '}\n").prompt.marker, "\\nC: ");
  EXPECT_THAT(warnings_of("prompt:\n  marker: &m '\\tC'\n"),
              ElementsAre(HasSubstr("\\t in single quotes is a backslash and the letter t")));
  EXPECT_THAT(warnings_of("prompt:\n  system: |\n    be\\nbrief\n"),
              ElementsAre(HasSubstr("prompt.system: \\n in a block of text")));
  EXPECT_THAT(warnings_of("", {"prompt.marker=\\nC="}),
              ElementsAre(StartsWith("--set prompt.marker=\\nC=: prompt.marker: \\n outside of")));
  EXPECT_THAT(warnings_of("prompt:\n  few_shot:\n    - {question: 'a\\nb', answer: c}\n"),
              ElementsAre(HasSubstr("prompt.few_shot[0].question")));
  EXPECT_EQ(parse_run_config_and_warnings("\xef\xbb\xbfrun: {dir: a}\nmodel: {path: 'b\\nc'}\n",
                                          "my.yaml")
                .warnings.size(),
            1U);
}

TEST(ConfigHints, NoWarningWhereABackslashIsMeant) {
  EXPECT_THAT(warnings_of(""), IsEmpty());
  EXPECT_THAT(warnings_of("prompt: {marker: \"\\nC: \", system: \"\\\\n\"}\n"), IsEmpty());
  EXPECT_THAT(warnings_of("prompt: {system: 'What is $\\theta$?'}\n"), IsEmpty());
  EXPECT_THAT(warnings_of("prompt: {system: '\\frac{a}{b} \\times c'}\n"), IsEmpty());
  EXPECT_THAT(parse_run_config_and_warnings("\xef\xbb\xbfrun: {dir: \"a\\nb\"}\nmodel: {path: m}\n",
                                            "my.yaml")
                  .warnings,
              IsEmpty());
}

TEST(ConfigHints, FilesThatArentYaml) {
  const std::string nul("run: {dir: a}\nmo\0del: 1\n", 24);
  EXPECT_THAT(refusal_of(nul), AllOf(StartsWith("my.yaml:2:3: "), HasSubstr("a NUL byte")));
  EXPECT_THAT(refusal_of(std::string(100, '\0')), HasSubstr("a NUL byte"));
  EXPECT_THAT(refusal_of("\x1f\x8b\x08xyz"), AllOf(StartsWith("my.yaml:1:1: "), HasSubstr("gzip")));
  EXPECT_THAT(refusal_of("GGUF\x03"), HasSubstr("a GGUF model"));
  EXPECT_THAT(refusal_of("{\"id\": 1}\n{\"id\": 2}\n"), HasSubstr("JSON lines"));
  EXPECT_THAT(refusal_of("[{\"id\": 1}, {\"id\": 2}]\n"), HasSubstr("got a list of 2"));
  EXPECT_THAT(refusal_of(" \n"), HasSubstr("(the file is empty)"));
  EXPECT_THAT(refusal_of("# run: {dir: a}\n"), HasSubstr("(the file has no keys)"));
  EXPECT_EQ(parse_run_config("\xef\xbb\xbf" + kTop, "my.yaml").run.dir, "runs/x");
  EXPECT_THAT(refusal_of(kTop + "\xef\xbb\xbf" + "train: {}\n"), HasSubstr("byte order mark"));
}

class PathHints : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* home = std::getenv("HOME")) home_ = home;
    ::setenv("HOME", "/home/me", 1);
  }
  void TearDown() override { ::setenv("HOME", home_.c_str(), 1); }

  std::string home_ = "/";
};

TEST_F(PathHints, ATildeBeforeASlashIsTheHomeFolder) {
  const RunConfig config = parse_run_config(
      "run: {dir: ~/runs/x}\nmodel: {path: \"~/m\", gguf: ~/*.gguf, shared_weights: ~/w}\n"
      "train: {trunk_dir: ~/t}\nprompt: {system: ~/s}\n",
      "my.yaml", {"data.questions=~/q.jsonl"});
  EXPECT_EQ(config.run.dir, "/home/me/runs/x");
  EXPECT_EQ(config.model.path, "/home/me/m");
  EXPECT_EQ(config.model.gguf, "/home/me/*.gguf");
  EXPECT_EQ(config.model.shared_weights, "/home/me/w");
  EXPECT_EQ(config.trunk_dir, "/home/me/t");
  EXPECT_EQ(config.data.questions, "/home/me/q.jsonl");
  EXPECT_EQ(config.prompt.system, "~/s");  // no path
  EXPECT_EQ(parse_run_config(to_yaml(config), "resolved"), config);
  EXPECT_EQ(config_with("", {"run.dir=./~x"}).run.dir, "./~x");
}

TEST_F(PathHints, OtherTildesAreRefusedAndVariablesAWarning) {
  EXPECT_THAT(refusal_of(kTop, {"run.dir=~you/x"}), HasSubstr("as in ~/x, got ~you/x"));
  EXPECT_THAT(refusal_of("run: {dir: \"~\"}\nmodel: {path: m}\n"), HasSubstr("run.dir: expected"));
  EXPECT_THAT(warnings_of("", {"run.dir=$HOME/x"}),
              ElementsAre(HasSubstr("run.dir: $HOME/x is taken as it stands")));
  EXPECT_THAT(warnings_of("", {"run.dir=a$5"}), IsEmpty());
  ::setenv("HOME", "", 1);
  EXPECT_THAT(refusal_of(kTop, {"run.dir=~/x"}), HasSubstr("HOME names no folder"));
}

TEST(ConfigHints, TheHelpSaysWhatAPathIs) {
  EXPECT_THAT(describe_run_config(),
              AllOf(HasSubstr("~/"), HasSubstr("  questions:  # path; default")));
}

}  // namespace
}  // namespace candor::launch
