// `candor run` from questions to report on a tiny random model, as a user starts it: alone and under mpirun, again, and on bad input.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include <fmt/format.h>

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

struct Outcome {
  int exit_code;
  std::string text;  // stdout and stderr
};

Outcome shell(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  Outcome outcome{-1, ""};
  char buffer[4096];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) outcome.text.append(buffer, got);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

const std::string kCandor = CANDOR_BINARY_DIR "/candor ";

std::string ranks(int count) {
  return fmt::format("OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun -np {} --oversubscribe --bind-to none {}", count, kCandor);
}

std::string text_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

class WholeLineTest : public testing::Test {
 protected:
  WholeLineTest() : folder_(testing::TempDir() + "/candor_line_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ + "/model");
    for (const char* file : {"config.json", "model.safetensors"}) {
      fs::copy_file(std::string(CANDOR_SOURCE_DIR "/tests/model/data/tiny/") + file, folder_ + "/model/" + file);
    }
    write_tokenizer();
    put("model/tokenizer_config.json", json{{"chat_template", "{% for m in messages %}{{ m.content + '\\n' }}{% endfor %}"}}.dump());
    write_questions({});
    put("line.yaml", "run: {dir: " + folder_ + "/run, threads_per_rank: 1}\nmodel: {path: " + folder_ + "/model}\ndata: {questions: " + folder_ +
                         "/questions.jsonl}\nprompt: {system: be brief, marker: \"\\nC: \"}\nanswer: {max_new_tokens: 5, group_size: 8}\n"
                         "lora: {rank: 2, dropout: 0}\ntrain: {max_steps: 6, global_batch_examples: 8, micro_batch_examples: 2, checkpoint_every: 3, "
                         "validate_every: 3}\nevaluate: {bootstrap_samples: 20, batch_examples: 4}\n");
  }
  ~WholeLineTest() override { fs::remove_all(folder_); }

  void put(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  std::string config() const { return at("line.yaml") + " "; }

  // The 61 tokens of the tiny model, one a character.
  void write_tokenizer() const {
    json vocabulary = json::object();
    int id = 0;
    for (char c = 'a'; c <= 'z'; ++c) vocabulary[std::string(1, c)] = id++;
    for (char c = '0'; c <= '9'; ++c) vocabulary[std::string(1, c)] = id++;
    for (const char* piece : {"Ġ", "Ċ", ":", "?", "C"}) vocabulary[piece] = id++;
    for (char c = 'D'; c <= 'W'; ++c) vocabulary[std::string(1, c)] = id++;
    const json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    put("model/tokenizer.json",
        json{{"version", "1.0"}, {"added_tokens", json::array()}, {"normalizer", nullptr},
             {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, level}}}},
             {"post_processor", nullptr}, {"decoder", level}, {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}}}}
            .dump());
  }

  // accepted: by question; every other question takes its own, so that about half of them are right.
  void write_questions(const std::vector<std::string>& accepted) const {
    std::string lines;
    for (size_t i = 0; i < 60; ++i) {
      const std::string answer = i < accepted.size() && !accepted[i].empty() && i % 2 == 0 ? accepted[i] : "nothing like it";
      lines += json{{"id", fmt::format("q{}", i)}, {"dataset", i % 3 == 0 ? "one" : "two"}, {"entity", fmt::format("e{}", i)},
                    {"split", i < 30 ? "train" : (i < 42 ? "validation" : "test")},
                    {"question", fmt::format("what is {} of {}?", i * 37 % 50, std::string(i % 5 + 1, static_cast<char>('a' + i % 26)))}, {"answers", {answer}}}
                   .dump() +
               "\n";
    }
    put("questions.jsonl", lines);
  }

  void make_half_of_the_answers_right() const {
    ASSERT_EQ(shell(kCandor + "answer " + config()).exit_code, 0);
    std::vector<std::string> accepted;
    std::istringstream stream(text_of(at("run/answers.jsonl")));
    for (std::string line; std::getline(stream, line);) accepted.push_back(json::parse(line).at("response"));
    write_questions(accepted);
  }

  std::string folder_;
};

TEST_F(WholeLineTest, RunsFromQuestionsToReportAndTheSecondTimeDoesNothing) {
  make_half_of_the_answers_right();
  const Outcome first = shell(ranks(2) + "run " + config());
  ASSERT_EQ(first.exit_code, 0) << first.text;
  EXPECT_THAT(first.text, AllOf(HasSubstr("run  train: running"), HasSubstr("after, expectation"), HasSubstr("report.html")));
  const json report = json::parse(text_of(at("run/report.json")));
  for (const char* when : {"before", "after"}) {
    for (const char* read_out : {"expectation", "argmax"}) {
      for (const char* metric : {"auroc", "brier", "ece", "nll", "aurc", "accuracy"}) {
        const json& figure = report.at("overall").at(when).at(read_out).at(metric);
        EXPECT_TRUE(figure.contains("value") && figure.contains("low") && figure.contains("high")) << metric;
      }
    }
  }
  for (const char* name : {"constant", "per_relation", "isotonic", "temperature", "probe_last", "probe_best"}) EXPECT_TRUE(report.at("baselines").contains(name)) << name;
  EXPECT_TRUE(report.at("per_dataset").contains("one"));
  for (const char* file : {"config.yaml", "report.html", "adapter/adapter_config.json", "metrics.jsonl", "checkpoints/step_000006/state.json"}) {
    EXPECT_TRUE(fs::exists(at(std::string("run/") + file))) << file;
  }

  const std::string html = text_of(at("run/report.html")), adapter = text_of(at("run/adapter/adapter_model.safetensors"));
  const Outcome second = shell(ranks(3) + "run " + config());
  ASSERT_EQ(second.exit_code, 0) << second.text;
  for (const char* stage : {"answer", "grade", "prepare", "train", "evaluate"}) EXPECT_THAT(second.text, HasSubstr(fmt::format("run  {}: skipped", stage)));

  // One key of the training changes: what comes before stays, training and report are made again.
  const Outcome third = shell(kCandor + "run " + config() + "--set train.max_steps=4");
  ASSERT_EQ(third.exit_code, 0) << third.text;
  EXPECT_THAT(third.text, AllOf(HasSubstr("run  prepare: skipped"), HasSubstr("run  train: running"), HasSubstr("run  evaluate: running")));

  // And back, on another number of ranks: the same bytes.
  ASSERT_EQ(shell(ranks(4) + "run " + config()).exit_code, 0);
  EXPECT_EQ(text_of(at("run/adapter/adapter_model.safetensors")), adapter);
  EXPECT_EQ(text_of(at("run/report.html")).size(), html.size());

  // score and export work from what the run left.
  put("qa.jsonl", "{\"question\":\"what is 1?\",\"response\":\"one\"}\n{\"question\":\"what is 2?\",\"response\":\"two\"}\n");
  ASSERT_EQ(shell(kCandor + "score " + config() + "--input " + at("qa.jsonl") + " --output " + at("s1.jsonl")).exit_code, 0);
  ASSERT_EQ(shell(ranks(3) + "score " + config() + "--input " + at("qa.jsonl") + " --output " + at("s3.jsonl")).exit_code, 0);
  EXPECT_EQ(text_of(at("s1.jsonl")), text_of(at("s3.jsonl")));
  EXPECT_EQ(json::parse(text_of(at("s1.jsonl")).substr(0, text_of(at("s1.jsonl")).find('\n'))).at("q").size(), 10U);
  const Outcome exported = shell(kCandor + "export " + config() + "--merge");
  ASSERT_EQ(exported.exit_code, 0) << exported.text;
  EXPECT_THAT(exported.text, HasSubstr("may differ"));
  EXPECT_TRUE(fs::exists(at("run/export/merged/model.safetensors")));
  EXPECT_TRUE(fs::exists(at("run/export/merged/tokenizer.json")));
}

TEST_F(WholeLineTest, BadInputIsOneErrorWithItsExitCodeOnAnyNumberOfRanks) {
  make_half_of_the_answers_right();
  ASSERT_EQ(shell(kCandor + "run " + config()).exit_code, 0);
  const auto expect_error = [&](const std::string& arguments, int exit_code, const std::string& part) {
    for (const std::string& start : {kCandor, ranks(3)}) {
      const Outcome outcome = shell(start + arguments);
      EXPECT_EQ(outcome.exit_code, exit_code) << arguments << "\n" << outcome.text;
      EXPECT_THAT(outcome.text, HasSubstr(part)) << arguments;
      size_t voices = 0;
      for (size_t found = outcome.text.find("candor: "); found != std::string::npos; found = outcome.text.find("candor: ", found + 1)) ++voices;
      EXPECT_EQ(voices, 1U) << outcome.text;
    }
  };
  const std::string adapter = text_of(at("run/adapter/adapter_model.safetensors"));
  expect_error("train " + config(), 2, "--resume");
  expect_error("train " + config() + "--resume --set train.learning_rate=0.5", 2, "another run");
  expect_error("train " + config() + "--resume --set prompt.system=other", 2, "another prompt");
  expect_error("prepare " + config() + "--set prepare.max_tokens=10", 2, "max_tokens");
  expect_error("prepare " + config() + "--set prompt.scale=100", 2, "100");
  expect_error("answer " + config() + "--set data.questions=" + at("none.jsonl"), 3, "none.jsonl");
  expect_error("answer " + config() + "--set model.path=" + at("nowhere"), 2, "nowhere");
  expect_error("evaluate " + config() + "--adapter " + at("nowhere"), 3, "nowhere");
  expect_error("score " + config() + "--input " + at("line.yaml") + " --output " + at("out.jsonl"), 2, "line.yaml:1");
  put("bad.jsonl", "{\"id\":\"a\",\"dataset\":\"d\",\"split\":\"train\",\"question\":\"q\",\"answers\":[]}\n");
  expect_error("answer " + config() + "--set data.questions=" + at("bad.jsonl"), 2, "bad.jsonl:1");
  put("empty.jsonl", "");
  expect_error("answer " + config() + "--set data.questions=" + at("empty.jsonl"), 2, "at least one record");
  EXPECT_EQ(text_of(at("run/adapter/adapter_model.safetensors")), adapter) << "nothing was damaged";

  const std::string tokens = text_of(at("run/tokens.h5"));
  put("run/tokens.h5", tokens.substr(0, tokens.size() / 2));
  expect_error("train " + config() + "--resume", 3, "truncated");
  put("run/tokens.h5", tokens);
  const std::string weights = text_of(at("model/model.safetensors"));
  put("model/model.safetensors", weights.substr(0, weights.size() - 10));
  expect_error("answer " + config(), 2, "model.safetensors");
  put("model/model.safetensors", weights);
  put("model/tokenizer.json", "{\"model\": {");
  expect_error("answer " + config(), 2, "tokenizer.json");
}

}  // namespace
