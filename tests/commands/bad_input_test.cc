// What a user can get wrong is one error that says what and where, on one rank's voice, with its
// exit code; no file is damaged by it.
#include <gmock/gmock.h>

#include <functional>

#include "tests/commands/tiny_run.h"
#include "tests/files/gguf_fixture.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class BadInputTest : public TinyRun {
 protected:
  static void expect_one_voice(const Outcome& outcome, int exit_code,
                               const std::vector<std::string>& parts, const std::string& command) {
    EXPECT_EQ(outcome.exit_code, exit_code) << command << "\n" << outcome.text;
    for (const std::string& part : parts) EXPECT_THAT(outcome.text, HasSubstr(part)) << command;
    EXPECT_EQ(count_of("candor: ", outcome.text), 1) << command << "\n" << outcome.text;
  }
  void expect_error(const std::string& arguments, int exit_code,
                    const std::vector<std::string>& parts) const {
    expect_one_voice(alone(arguments), exit_code, parts, arguments);
  }
  // Takes seconds, so one for each way in which ranks meet an error: all of them, rank 0 alone
  // while others wait, before MPI starts.
  void expect_error_on_ranks(const std::string& arguments, int exit_code,
                             const std::vector<std::string>& parts) const {
    expect_one_voice(on_ranks(2, arguments), exit_code, parts, "2 ranks: " + arguments);
  }

  // While `file` holds `text`.
  void with(const std::string& file, const std::string& text,
            const std::function<void()>& body) const {
    const bool was_there = fs::exists(at(file));
    const std::string before = text_of(at(file));
    put(file, text);
    body();
    if (was_there) {
      put(file, before);
    } else {
      fs::remove(at(file));
    }
  }
  std::string front_of(const std::string& file, size_t less_bytes) const {
    const std::string text = text_of(at(file));
    return text.substr(0, text.size() - less_bytes);
  }
  std::string replaced(const std::string& file, const std::string& from,
                       const std::string& to) const {
    std::string text = text_of(at(file));
    const size_t place = text.find(from);
    EXPECT_NE(place, std::string::npos) << from << " isn't in " << file;
    return text.replace(place, from.size(), to);
  }

  void expect_unchanged(const std::map<std::string, std::string>& before) const {
    const auto now = all_files();
    for (const auto& [path, text] : before)
      EXPECT_TRUE(now.count(path) == 1 && now.at(path) == text) << path << " isn't as it was";
    for (const auto& [path, text] : now) EXPECT_EQ(before.count(path), 1U) << path << " is new";
  }
  std::map<std::string, std::string> all_files() const {
    std::map<std::string, std::string> texts;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) texts[entry.path().string()] = text_of(entry.path().string());
    }
    texts.erase(at("run/config.yaml"));  // says what was asked for last
    return texts;
  }
};

TEST_F(BadInputTest, QuestionsAndConfig) {
  put("none.jsonl", "");
  put("bad.jsonl", R"({"id":"a","dataset":"d","split":"train","question":"q","answers":[]})");
  expect_error("train " + config() + "--set train.max_step=3", 2,
               {"train.max_step", "nearest", "train.max_steps"});
  expect_error("train " + config() + "--set train.max_steps=many", 2, {"train.max_steps", "many"});
  expect_error_on_ranks("answer " + config() + "--set data.questions=" + at("bad.jsonl"), 2,
                        {"bad.jsonl:1", "\"answers\""});
  expect_error("answer " + config() + "--set data.questions=" + at("none.jsonl"), 2,
               {"none.jsonl", "at least one record"});
  expect_error("answer " + config() + "--set data.questions=" + at("missing.jsonl"), 3,
               {"missing.jsonl", "No such file", "check the path"});
  expect_error("answer " + config() + "--set data.questions=" + at("model"), 3,
               {"Is a directory", at("model")});
  expect_error("score " + config() + "--input " + at("line.yaml") + " --output " + at("out.jsonl"),
               2, {"line.yaml:1"});
  expect_error("answer " + config() + "--set prompt.scale=100", 2, {"prompt.scale 100"});
  EXPECT_FALSE(fs::exists(at("run/answers.jsonl")));
  EXPECT_FALSE(fs::exists(at("out.jsonl")));
}

TEST_F(BadInputTest, ModelFolder) {
  expect_error("answer " + config() + "--set model.path=" + at("nowhere"), 2,
               {"nowhere", "no config.json", "GGUF"});
  with("model/model.safetensors", front_of("model/model.safetensors", 10), [&] {
    expect_error_on_ranks("answer " + config(), 2, {"model.safetensors", "truncated"});
  });
  with("model/config.json",
       replaced("model/config.json", "\"vocab_size\": 61", "\"vocab_size\": 62"), [&] {
         expect_error("answer " + config(), 2, {"embed_tokens", "61", "62"});
       });
  with("model/config.json", "{", [&] {
    expect_error("answer " + config(), 2, {"config.json", "not valid JSON"});
  });
  with("model/tokenizer.json", "{\"model\": {", [&] {
    expect_error("answer " + config(), 2, {"tokenizer.json", "not a readable"});
  });
  const std::string tokenizer = text_of(at("model/tokenizer.json"));
  fs::remove(at("model/tokenizer.json"));
  expect_error("answer " + config(), 3, {"tokenizer.json", "No such file"});
  json larger = json::parse(tokenizer);  // has a token that the model doesn't
  larger["model"]["vocab"]["b"] = 61;
  larger["model"]["vocab"]["X"] = 1;
  put("model/tokenizer.json", larger.dump());
  expect_error_on_ranks("answer " + config(), 2, {"token id 61", "vocabulary of 61", "tokenizer"});
  EXPECT_FALSE(fs::exists(at("run/answers.jsonl")));
}

TEST_F(BadInputTest, Gguf) {
  const std::string out = at("imported");
  data::GgufBuilder wrong;
  wrong.text("general.architecture", "llama").u32("llama.block_count", 1);
  put("bad.gguf", wrong.bytes());
  expect_error("import " + at("none.gguf") + " " + out, 3, {"none.gguf", "No such file"});
  expect_error("import " + at("line.yaml") + " " + out, 2, {"line.yaml", "GGUF"});
  expect_error("import " + at("bad.gguf") + " " + out, 2, {"bad.gguf", "llama."});
  put("bad.gguf", wrong.bytes().substr(0, 60));
  expect_error("import " + at("bad.gguf") + " " + out, 2, {"bad.gguf", "truncated"});
  expect_error_on_ranks(
      "answer " + config() + "--set model.path=" + out + " --set model.gguf=" + at("bad.gguf"), 2,
      {"bad.gguf", "truncated"});
  expect_error("answer " + config() + "--set model.path=" + out + " --set model.gguf='" +
                   at("no*.gguf") + "'",
               2, {"model.gguf", "no*.gguf"});
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(BadInputTest, GradesAndLengths) {
  ASSERT_EQ(alone("answer " + config()).exit_code, 0);
  expect_error("prepare " + config(), 3, {"graded.jsonl", "candor"});
  ASSERT_EQ(alone("grade " + config()).exit_code, 0);
  const auto with_correct = [&](const std::string& value) {
    json line = json::parse(
        text_of(at("run/graded.jsonl")).substr(0, text_of(at("run/graded.jsonl")).find('\n')));
    line["correct"] = json::parse(value);
    return line.dump() + "\n";
  };
  for (const std::string label : {"1.5", "-0.1", "\"yes\""}) {
    with("run/graded.jsonl", with_correct(label), [&] {
      expect_error("prepare " + config(), 2,
                   {"graded.jsonl:1", "\"correct\"", "from 0 to 1", label});
    });
  }
  expect_error_on_ranks("prepare " + config() + "--set prepare.max_tokens=10", 2,
                        {"q0", "max_tokens is 10", "raise the limit"});
  with("run/answers.jsonl", front_of("run/answers.jsonl", 20), [&] {
    expect_error("grade " + config(), 2, {"answers.jsonl:60", "not valid JSON"});
  });
  EXPECT_FALSE(fs::exists(at("run/tokens.h5")));
}

TEST_F(BadInputTest, SplitsWithoutGradedExamples) {
  ASSERT_EQ(alone("answer " + config()).exit_code, 0);
  ASSERT_EQ(alone("grade " + config()).exit_code, 0);
  const std::string graded = text_of(at("run/graded.jsonl"));
  // graded.jsonl without a split, or with its answers ungraded.
  const auto without = [&](const std::string& split, bool only_ungraded) {
    std::istringstream lines(graded);
    std::string kept;
    for (std::string text; std::getline(lines, text);) {
      json line = json::parse(text);
      if (line["split"] == split) line["correct"] = nullptr;
      if (only_ungraded || line["split"] != split) kept += line.dump() + "\n";
    }
    return kept;
  };
  for (const std::string split : {"train", "validation", "test"}) {
    put("run/graded.jsonl", without(split, /*only_ungraded=*/split == "train"));
    ASSERT_EQ(alone("prepare " + config()).exit_code, 0);
    expect_error("evaluate " + config(), 2,
                 {"evaluate: expected graded examples in the " + split + " split", "check"});
    if (split != "test")
      expect_error(
          "train " + config(), 2,
          {"train: the " + split + " split has no graded example", "check data.questions"});
  }
  put("run/graded.jsonl", without("test", /*only_ungraded=*/true));
  ASSERT_EQ(alone("prepare " + config()).exit_code, 0);
  expect_error("evaluate " + config(), 2,
               {"graded examples in the test split", "18 ungraded ones"});
  // `candor run` says so of the questions, before it answers them.
  std::string questions = text_of(at("questions.jsonl"));
  for (size_t place; (place = questions.find("\"split\":\"test\"")) != std::string::npos;)
    questions.replace(place, 14, "\"split\":\"train\"");
  put("questions.jsonl", questions);
  expect_one_voice(on_ranks(2, "run " + config() + "--force"), 2,
                   {"questions.jsonl", "got none in the test split", "check"},
                   "run without test questions");
  EXPECT_FALSE(fs::exists(at("run/checkpoints")));
}

TEST_F(BadInputTest, FilesOfARun) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  const auto before = all_files();
  expect_error("train " + config(), 2, {"already holds checkpoints", "--resume"});
  expect_error("train " + config() + "--resume --set train.learning_rate=0.5", 2,
               {"another run", "run.dir"});
  expect_error("train " + config() + "--resume --set prompt.system=other", 2,
               {"tokens.h5", "another prompt"});
  expect_error("evaluate " + config() + "--adapter " + at("nowhere"), 3,
               {"nowhere/adapter_config.json"});
  with("run/tokens.h5", text_of(at("run/tokens.h5")).substr(0, 2000), [&] {
    expect_error_on_ranks("train " + config() + "--resume", 3,
                          {"tokens.h5", "truncated", "candor prepare"});
  });
  with("run/tokens.h5", "not HDF5", [&] {
    expect_error("evaluate " + config(), 3, {"tokens.h5", "no HDF5 signature", "candor prepare"});
  });
  with("model/tokenizer.json",
       replaced("model/tokenizer.json", "\"D\":41,\"E\":42", "\"D\":42,\"E\":41"), [&] {
         expect_error("train " + config() + "--resume", 2,
                      {"tokens.h5", "another tokenizer", "candor prepare"});
       });
  const std::string weights = "run/adapter/adapter_model.safetensors",
                    score = "score " + config() + "--input " + at("qa.jsonl") + " --output " +
                            at("out.jsonl");
  put("qa.jsonl", "{\"question\":\"what is 1?\",\"response\":\"one\"}\n");
  with(weights, front_of(weights, 4), [&] {
    expect_error(score, 2, {"adapter_model.safetensors", "truncated"});
  });
  with("run/adapter/adapter_config.json",
       replaced("run/adapter/adapter_config.json", "\"r\": 2", "\"r\": 4"), [&] {
         expect_error(
             "export " + config(), 2,
             {"adapter_model.safetensors", "expected shape [4,", "another model's adapter"});
       });
  expect_error(score + " --set prepare.max_tokens=10", 2, {"max_tokens is 10", "raise the limit"});
  with("run/stages.json", "[]", [&] {
    expect_error("run " + config(), 2, {"stages.json", "remove the file"});
  });
  // All but a letter is as before, the journal of the scores too.
  fs::remove(at("qa.jsonl"));
  expect_unchanged(before);
  // A checkpoint that is damaged is no error, where the one before it is whole.
  const std::string optimizer = "run/checkpoints/step_000006/optimizer.safetensors";
  with(optimizer, front_of(optimizer, 4), [&] {
    const Outcome outcome =
        on_ranks(2, "train " + config() + "--resume");  // the checkpoint before it is whole
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
    EXPECT_THAT(outcome.text, AllOf(HasSubstr("step_000006/optimizer.safetensors"),
                                    HasSubstr("damaged"), HasSubstr("resuming from step 3")));
  });
}

TEST_F(BadInputTest, NumbersThatAreNone) {
  for (const char* command : {"answer ", "grade ", "prepare "})
    ASSERT_EQ(alone(command + config()).exit_code, 0);
  expect_error_on_ranks(
      "train " + config() +
          "--set train.learning_rate=10 --set train.warmup_steps=0 --set lora.alpha=1e38",
      5, {"train: step", "NaN", "train.learning_rate"});
  fs::remove_all(at("run/checkpoints"));
  ASSERT_EQ(alone("train " + config()).exit_code, 0);
  put("qa.jsonl", "{\"question\":\"what is 1?\",\"response\":\"one\"}\n");
  const std::string score =
      "score " + config() + "--input " + at("qa.jsonl") + " --output " + at("scored.jsonl");
  const std::string adapter = "run/adapter/adapter_model.safetensors";
  with(adapter, front_of(adapter, 4) + "\xff\xff\xff\xff", [&] {
    expect_error(score, 5, {"scoring: the logits", "the adapter holds a NaN", "lora_"});
    EXPECT_THAT(alone(score).text, Not(HasSubstr("base model")));
  });
  std::string weights = text_of(at("model/model.safetensors"));
  put("model/model.safetensors",
      weights.replace(weights.size() - 4096, 4096, std::string(4096, '\xff')));
  expect_error(
      "answer " + config() + "--set run.dir=" + at("other"), 5,
      {"answer: the model's logits aren't finite", "the base model holds a NaN", "in model."});
  expect_error_on_ranks(score, 5, {"scoring: the logits", "the base model holds a NaN"});
  EXPECT_THAT(alone(score).text, Not(HasSubstr("adapter holds")));
  EXPECT_FALSE(fs::exists(at("other/answers.jsonl")));
}

// Root may write anywhere, so the folder is one that nobody can make.
TEST_F(BadInputTest, FoldersThatCannotBeWritten) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  put("qa.jsonl", "{\"question\":\"what is 1?\",\"response\":\"one\"}\n");
  put("file", "");
  const auto before = all_files();
  const std::string below = at("file") + "/below";
  expect_error_on_ranks("answer " + config() + "--set run.dir=" + below, 3,
                        {below, "Not a directory", "choose another path"});
  expect_error("run " + config() + "--set run.dir=" + below, 3,
               {below, "Not a directory", "choose another path"});
  expect_error("score " + config() + "--input " + at("qa.jsonl") + " --output " + below, 3,
               {below, "Not a directory", "choose another path"});
  expect_error("export " + config() + "--output " + below, 3,
               {below, "Not a directory", "choose another path"});
  // Files in whose place a folder stands.
  for (const auto& [name, command] : std::map<std::string, std::string>{
           {"graded.jsonl", "grade "}, {"tokens.h5", "prepare "}, {"report.json", "evaluate "}}) {
    fs::rename(at("run/" + name), at("run/kept"));
    fs::create_directories(at("run/" + name) + "/folder");
    expect_error(command + config(), 3, {"run/" + name, "irectory"});
    fs::remove_all(at("run/" + name));
    fs::rename(at("run/kept"), at("run/" + name));
  }
  expect_unchanged(before);
}

TEST_F(BadInputTest, RanksThatDisagree) {
  ASSERT_EQ(alone("answer " + config()).exit_code, 0);
  put("other.yaml", replaced("line.yaml", "max_steps: 6", "max_steps: 7"));
  put("broken.yaml", replaced("line.yaml", "max_steps: 6", "max_steps: six"));
  const std::string grade = "grade " + config(), other = "grade " + at("other.yaml"),
                    broken = "grade " + at("broken.yaml");
  expect_one_voice(
      on_two_ranks(grade, other), 2,
      {"rank 1 read another config", "`max_steps: 7`, rank 0 has `max_steps: 6`", "the same file"},
      other);
  expect_one_voice(on_two_ranks(grade, broken), 2, {"rank 1 of 2", "broken.yaml", "max_steps"},
                   broken);
  expect_one_voice(on_two_ranks(broken, grade), 2, {"rank 0 of 2", "broken.yaml", "max_steps"},
                   broken);
  expect_one_voice(on_two_ranks(grade, grade + "--set run.threads_per_rank=2"), 2,
                   {"rank 1 has 2 threads and rank 0 1", "run.threads_per_rank"}, "threads");
  expect_one_voice(on_two_ranks(grade, "prepare " + config()), 2,
                   {"`candor prepare`", "`candor grade`", "same command"}, "prepare");
  expect_one_voice(on_two_ranks("doctor", grade), 2,
                   {"`candor grade`", "`candor doctor`", "same command"}, "doctor");
  expect_one_voice(on_two_ranks("train " + config(), "train " + config() + "--resume"), 2,
                   {"`candor train --resume`", "same command"}, "resume");
  EXPECT_FALSE(fs::exists(at("run/graded.jsonl")));
}

}  // namespace
}  // namespace candor::launch
