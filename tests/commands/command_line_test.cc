#include "launch/program/command_line.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <stdexcept>

#include "launch/program/command_table.h"

namespace candor::launch {
namespace {

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "candor");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

std::string error_of(const std::vector<const char*>& words) {
  try {
    parse(words);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(CommandLine, EveryCommandOfAConfigTakesSet) {
  for (const Command& command : command_table()) {
    if (!command.takes_config) continue;
    std::vector<const char*> words = {
        command.name.c_str(),           "--set", "train.max_steps=3", "my.yaml", "--set",
        "lora.modules=[q_proj, v_proj]"};
    if (command.name == "score") words.insert(words.end(), {"--input", "a", "--output", "b"});
    const CommandLine line = parse(words);
    EXPECT_EQ(line.command, command.name);
    EXPECT_EQ(line.config_path, "my.yaml");
    EXPECT_THAT(line.overrides,
                testing::ElementsAre("train.max_steps=3", "lora.modules=[q_proj, v_proj]"));
  }
}

TEST(CommandLine, ArgumentsOfSingleCommands) {
  EXPECT_TRUE(parse({"train", "my.yaml", "--resume"}).arguments.resume);
  EXPECT_TRUE(parse({"export", "my.yaml", "--merge"}).arguments.merge);
  EXPECT_EQ(parse({"import", "a.gguf", "models/a"}).arguments.output, "models/a");
  const CommandLine score = parse({"score", "my.yaml", "--input", "qa.jsonl", "--output",
                                   "scored.jsonl", "--adapter", "adapter"});
  EXPECT_EQ(score.arguments.input, "qa.jsonl");
  EXPECT_EQ(score.arguments.output, "scored.jsonl");
  EXPECT_EQ(score.arguments.adapter, "adapter");
  EXPECT_EQ(parse({"inspect", "tokens.h5", "--records", "7"}).arguments.max_records, 7);
  EXPECT_EQ(parse({"doctor"}).command, "doctor");
  const CommandLine k8s = parse({"k8s", "my.yaml", "--workers", "3", "--gpus-per-worker", "8",
                                 "--claim", "c", "--namespace", "n", "--image", "i"});
  EXPECT_EQ(k8s.config_path, "my.yaml");
  EXPECT_EQ(k8s.arguments.job.workers, 3);
  EXPECT_EQ(k8s.arguments.job.gpus_per_worker, 8);
  EXPECT_EQ(k8s.arguments.job.claim + k8s.arguments.job.name_space + k8s.arguments.job.image,
            "cni");
}

TEST(CommandLine, TheDoctorReadsItsConfigItself) {
  const DoctorArguments plain = parse({"doctor"}).arguments.doctor;
  EXPECT_EQ(plain.config, "");
  EXPECT_FALSE(plain.bandwidth);
  EXPECT_EQ(plain.timeout_s, 60);
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"doctor", "my.yaml", "--set", "run.seed=1", "--expected-gbit",
                                 "100"},
        {"doctor", "--set", "run.seed=1", "--expected-gbit", "100", "--config", "my.yaml"}}) {
    const CommandLine line = parse(words);
    EXPECT_EQ(line.config_path, "");
    EXPECT_EQ(line.arguments.doctor.config, "my.yaml");
    EXPECT_THAT(line.arguments.doctor.overrides, testing::ElementsAre("run.seed=1"));
    EXPECT_EQ(line.arguments.doctor.expected_gbit, 100);
    EXPECT_EQ(request_text(line), "doctor --config --expected-gbit 100");
  }
  EXPECT_EQ(parse({"doctor", "--plan", "my.yaml"}).config_path, "my.yaml");
  EXPECT_THAT(error_of({"doctor", "--plan", "my.yaml", "--bandwidth"}),
              testing::HasSubstr("one after the other"));
  EXPECT_THAT(error_of({"doctor", "my.yaml", "--plan", "my.yaml"}),
              testing::HasSubstr("one after the other"));
}

TEST(CommandLine, RequestTextTellsRequestsApart) {
  EXPECT_EQ(request_text(parse({"train", "my.yaml", "--set", "run.seed=1"})), "train");
  EXPECT_EQ(request_text(parse({"train", "my.yaml", "--resume"})), "train --resume");
  EXPECT_EQ(request_text(parse({"export", "my.yaml", "--merge", "--output", "x"})),
            "export --merge --output x");
  EXPECT_EQ(
      request_text(parse({"score", "my.yaml", "--input", "a", "--output", "b", "--adapter", "c"})),
      "score --input a --output b --adapter c");
  EXPECT_EQ(request_text(parse({"inspect", "a", "--records", "7", "--tokenizer", "t"})),
            "inspect --input a --tokenizer t --records 7");
}

TEST(CommandLine, HelpEverywhere) {
  const std::string of_all = parse({"--help"}).text;
  for (const Command& command : command_table()) {
    const char* name = command.name.c_str();
    const CommandLine line = parse({name, "--help"});
    EXPECT_EQ(line.command, "");
    EXPECT_EQ(line.exit_code, 0);
    EXPECT_THAT(line.text, testing::StartsWith(command.purpose.substr(0, 20)));
    EXPECT_THAT(line.text, testing::HasSubstr("candor " + command.name));
    EXPECT_EQ(parse({"help", name}).text, line.text);
    const std::string listed = fmt::format("\n  {} ", name);
    EXPECT_EQ(of_all.find(listed) != std::string::npos, command.is_listed) << name;
  }
  EXPECT_EQ(parse({"help"}).text, of_all);
  EXPECT_THAT(parse({"help", "config"}).text, testing::HasSubstr("learning_rate:"));
  EXPECT_THAT(parse({"--version"}).text, testing::StartsWith("candor 0."));
  EXPECT_EQ(parse({}).exit_code, 2);
}

TEST(CommandLine, NumbersSayWhatIsExpected) {
  const auto expect = [](const std::vector<const char*>& words, const std::string& message) {
    EXPECT_THAT(error_of(words), testing::StartsWith(message + " (see candor ")) << words[0];
  };
  for (const std::string text : {"0", "-1", "1.5", "many", "99999999999999999999"}) {
    expect({"train", "my.yaml", "--pause-at", text.c_str()},
           "--pause-at: expected a whole number, at least 1, got " + text);
  }
  expect({"inspect", "a", "--records", "-1"},
         "--records: expected a whole number, at least 0, got -1");
  expect({"sweep", "s.yaml", "--slots", "0"},
         "--slots: expected a whole number, at least 1, got 0");
  expect({"k8s", "my.yaml", "--workers", "1001"},
         "--workers: expected a whole number from 1 to 1000, got 1001");
  for (const std::string text : {"0", "-3", "nan", "inf", "1e999", "soon"}) {
    expect({"doctor", "--timeout", text.c_str()},
           "--timeout: expected a number above 0, got " + text);
  }
  EXPECT_EQ(parse({"train", "my.yaml", "--pause-at", "1"}).arguments.pause_at, 1);
  EXPECT_EQ(parse({"doctor", "--timeout", "0.5"}).arguments.doctor.timeout_s, 0.5);
  EXPECT_THAT(parse({"train", "--help"}).text, testing::Not(testing::HasSubstr("POSITIVE")));
}

TEST(CommandLine, ADashIsStandardOutput) {
  const auto output = [](const char* path) {
    return parse({"score", "my.yaml", "--input", "a", "--output", path}).arguments.output;
  };
  EXPECT_EQ(output("-"), "/dev/stdout");
  EXPECT_EQ(output("./-"), "./-");
  EXPECT_EQ(parse({"k8s", "my.yaml", "--output", "-"}).arguments.output, "/dev/stdout");
}

TEST(CommandLine, ErrorsPointAtHelp) {
  EXPECT_EQ(error_of({"trian", "my.yaml"}),
            "unknown command \"trian\"; the nearest is train (see candor --help)");
  EXPECT_EQ(error_of({"train"}), "config is required (see candor train --help)");
  EXPECT_THAT(error_of({"train", "my.yaml", "--resumee"}),
              testing::HasSubstr("--resumee (see candor train --help)"));
  EXPECT_THAT(error_of({"score", "my.yaml"}), testing::HasSubstr("(see candor score --help)"));
  EXPECT_THAT(error_of({"grade", "my.yaml", "--resume"}), testing::HasSubstr("--resume"));
  EXPECT_THAT(error_of({"help", "nothing"}), testing::HasSubstr("nothing"));
}

}  // namespace
}  // namespace candor::launch
