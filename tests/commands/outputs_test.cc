// Outputs that a user names: nothing that isn't a file of the command's own is replaced, and no
// input is.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "tests/commands/tiny_run.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;

class OutputsTest : public TinyRun {
 protected:
  void make_an_adapter() const {
    make_half_of_the_answers_right();
    ASSERT_EQ(alone("run " + config() + "--set evaluate.probe=false").exit_code, 0);
    put("qa.jsonl",
        "{\"question\": \"what is 1?\", \"response\": \"a\"}\n"
        "{\"question\": \"what is 2?\", \"response\": \"b\"}\n");
  }
  Outcome score(const std::string& input, const std::string& output,
                const std::string& more = "") const {
    return alone("score " + config() + "--input " + input + " --output " + output + more);
  }
  void expect_refused(const Outcome& outcome, const std::vector<std::string>& parts) const {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.text;
    for (const std::string& part : parts) EXPECT_THAT(outcome.text, HasSubstr(part));
    EXPECT_EQ(count_of("candor: ", outcome.text), 1) << outcome.text;
  }
};

TEST_F(OutputsTest, ScoresGoWhereTheyAreSent) {
  make_an_adapter();
  ASSERT_EQ(score(at("qa.jsonl"), at("scored.jsonl")).exit_code, 0);
  const std::string scores = text_of(at("scored.jsonl"));
  ASSERT_THAT(scores, HasSubstr("expectation"));

  fs::create_directory(at("disk"));
  fs::create_symlink("disk/scores", at("link"));
  EXPECT_EQ(score(at("qa.jsonl"), at("link")).exit_code, 0);
  EXPECT_TRUE(fs::is_symlink(at("link")));
  EXPECT_EQ(text_of(at("disk/scores")), scores);

  for (const std::string output : {"/dev/stdout", "-"}) {
    const Outcome sent = score(at("qa.jsonl"), output, " 2> /dev/null");
    EXPECT_EQ(sent.exit_code, 0) << output;
    EXPECT_EQ(sent.text, scores) << output;
  }
  put("log", "before\n");
  EXPECT_EQ(score(at("qa.jsonl"), "/dev/stdout", " 2> /dev/null >> " + at("log")).exit_code, 0);
  EXPECT_EQ(text_of(at("log")), "before\n" + scores);
  EXPECT_EQ(
      on_ranks(2, "score " + config() + "--input " + at("qa.jsonl") + " --output - 2> /dev/null")
          .text,
      scores);

  if (::mknod(at("null").c_str(), S_IFCHR | 0600, ::makedev(1, 3)) == 0) {  // as root
    score(at("qa.jsonl"), at("null"));
    EXPECT_TRUE(fs::is_character_file(at("null")));
  }
  const auto is_journal = [](const fs::directory_entry& entry) {
    return entry.path().string().ends_with(".partial");
  };
  EXPECT_EQ(std::count_if(fs::recursive_directory_iterator(folder_), {}, is_journal), 0);
  EXPECT_FALSE(fs::exists("/dev/stdout.partial"));
}

TEST_F(OutputsTest, ScoresDontReplaceWhatTheyAreMadeOf) {
  make_an_adapter();
  const std::string input = text_of(at("qa.jsonl"));
  fs::create_symlink("qa.jsonl", at("link.jsonl"));
  fs::create_hard_link(at("qa.jsonl"), at("hard.jsonl"));
  for (const char* name : {"qa.jsonl", "./qa.jsonl", "run/../qa.jsonl", "link.jsonl", "hard.jsonl"})
    expect_refused(score(at("qa.jsonl"), at(name)), {"--output: ", name, "--input", "another"});
  expect_refused(on_ranks(2, "score " + config() + "--input " + at("qa.jsonl") + " --output " +
                                 at("qa.jsonl")),
                 {"--output: "});
  put("notes.txt", "what I noted\n");
  expect_refused(score(at("qa.jsonl"), at("notes.txt")), {"--output: ", "notes.txt", "--force"});
  EXPECT_EQ(text_of(at("notes.txt")), "what I noted\n");
  EXPECT_EQ(score(at("qa.jsonl"), at("notes.txt"), " --force").exit_code, 0);
  EXPECT_EQ(score(at("qa.jsonl"), at("notes.txt")).exit_code, 0);  // its own, by now
  expect_refused(score(at("qa.jsonl"), at("line.yaml")), {"--output: ", "the config"});
  expect_refused(score(at("qa.jsonl"), at("run/adapter/adapter_config.json")),
                 {"--output: ", "the adapter"});
  expect_refused(score(at("qa.jsonl"), at("model/model.safetensors")), {"--output: ", "the model"});
  expect_refused(score(at("qa.jsonl"), at("questions.jsonl")), {"--output: ", "data.questions"});
  expect_refused(score(at("qa.jsonl"), at("run/graded.jsonl")), {"--output: ", "what grade makes"});
  EXPECT_EQ(text_of(at("qa.jsonl")), input);
  EXPECT_FALSE(fs::exists(at("qa.jsonl.partial")));

  const Outcome folder = score(at("qa.jsonl"), at("model"));
  EXPECT_EQ(folder.exit_code, 3);
  EXPECT_THAT(folder.text, AllOf(HasSubstr("cannot write " + at("model")), HasSubstr("a folder")));
  EXPECT_FALSE(fs::exists(at("model.partial"))) << "told before the work";
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  expect_refused(score(at("pipe"), at("scored.jsonl")), {"--input: ", "more than once", "pipe"});
}

TEST_F(OutputsTest, ExportImportAndManifestsDontReplaceTheirInputs) {
  make_an_adapter();
  const std::string adapter = text_of(at("run/adapter/adapter_config.json")),
                    model = text_of(at("model/model.safetensors"));
  expect_refused(alone("export " + config() + "--output " + at("run")),
                 {"--output: ", "run/adapter", "the adapter"});
  fs::copy(at("run/adapter"), at("other"));
  expect_refused(
      alone("export " + config() + "--adapter " + at("other") + " --output " + at("run")),
      {"--output: ", "run/adapter", "what train makes"});
  fs::create_symlink("model", at("merged"));
  expect_refused(alone("export " + config() + "--merge --output " + folder_),
                 {"--output: ", "merged", "the model"});
  EXPECT_EQ(text_of(at("run/adapter/adapter_config.json")), adapter);
  EXPECT_EQ(text_of(at("model/model.safetensors")), model);
  EXPECT_EQ(alone("export " + config() + "--merge").exit_code, 0);

  const std::string config_text = text_of(at("line.yaml"));
  put("job.yaml", "kind: Deployment\n");
  expect_refused(alone("k8s " + config() + "--output " + at("job.yaml")),
                 {"--output: ", "--force"});
  expect_refused(alone("k8s " + config() + "--output " + at("line.yaml")),
                 {"--output: ", "the config"});
  EXPECT_EQ(text_of(at("line.yaml")), config_text);

  fs::create_directory(at("converted"));
  put("converted/model.safetensors", "GGUF");
  expect_refused(alone("import " + at("converted/model.safetensors") + " " + at("converted")),
                 {"the folder to make: ", "the GGUF file"});
  EXPECT_EQ(text_of(at("converted/model.safetensors")), "GGUF");
}

TEST_F(OutputsTest, StagesDontReplaceTheQuestions) {
  const std::string questions = text_of(at("questions.jsonl"));
  fs::create_directory(at("run"));
  fs::create_hard_link(at("questions.jsonl"), at("run/answers.jsonl"));
  for (const std::string command : {"answer ", "run "})
    expect_refused(alone(command + config()), {"run.dir: ", "answers.jsonl", "data.questions"});
  fs::remove(at("run/answers.jsonl"));
  fs::create_symlink("../questions.jsonl", at("run/graded.jsonl"));
  for (const std::string command : {"grade ", "run "})
    expect_refused(alone(command + config()), {"run.dir: ", "graded.jsonl", "data.questions"});
  EXPECT_EQ(text_of(at("questions.jsonl")), questions);

  // The next stage's file is a link to that of the one before.
  fs::remove(at("run/graded.jsonl"));
  ASSERT_EQ(alone("answer " + config()).exit_code, 0);
  fs::create_symlink("answers.jsonl", at("run/graded.jsonl"));
  const std::string answers = text_of(at("run/answers.jsonl"));
  expect_refused(alone("grade " + config()), {"run.dir: ", "graded.jsonl", "an input of grade"});
  EXPECT_EQ(text_of(at("run/answers.jsonl")), answers);
}

TEST_F(OutputsTest, AConfigInTheRunFolderKeepsItsComments) {
  fs::create_directory(at("run"));
  const std::string by_hand = "# a note\n" + text_of(at("line.yaml"));
  put("run/config.yaml", by_hand);
  expect_refused(alone("answer " + at("run/config.yaml")), {"run.dir: ", "move the config"});
  EXPECT_EQ(text_of(at("run/config.yaml")), by_hand);
  // One that a run wrote may start it again.
  ASSERT_EQ(alone("answer " + config()).exit_code, 0);
  EXPECT_EQ(alone("answer " + at("run/config.yaml")).exit_code, 0);
}

TEST_F(OutputsTest, ASweepDoesntReplaceItsConfigs) {
  fs::create_directory(at("sweep"));
  fs::copy_file(at("line.yaml"), at("sweep/best.yaml"));
  put("sweep.yaml", "sweep: {dir: " + at("sweep") +
                        ", base: sweep/best.yaml, method: random, trials: 1}\n"
                        "space: {lora.rank: {choice: [2]}}\n");
  expect_refused(alone("sweep " + at("sweep.yaml") + " --slots 1 --dry-run"),
                 {"sweep.yaml: sweep.dir: ", "best.yaml", "another sweep.dir"});
}

}  // namespace
}  // namespace candor::launch
