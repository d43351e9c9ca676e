// A folder with everything that a run needs: a tiny random model with a tokenizer of one token a
// character, 60 questions and a config, line.yaml.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/commands/candor_process.h"
#include "tests/files/temporary_folder.h"

namespace candor::testing_support {

class TinyRun : public testing::Test {
 protected:
  TinyRun() {
    std::filesystem::create_directories(folder_ + "/model");
    for (const char* file : {"config.json", "model.safetensors"}) {
      std::filesystem::copy_file(std::string(CANDOR_SOURCE_DIR "/tests/model/data/tiny/") + file,
                                 folder_ + "/model/" + file);
    }
    write_tokenizer();
    put("model/tokenizer_config.json",
        nlohmann::json{
            {"chat_template", "{% for m in messages %}{{ m.content + '\\n' }}{% endfor %}"}}
            .dump());
    write_questions({});
    put("line.yaml",
        "run: {dir: " + folder_ + "/run, threads_per_rank: 1}\nmodel: {path: " + folder_ +
            "/model}\ndata: {questions: " + folder_ +
            "/questions.jsonl}\nprompt: {system: be brief, marker: \"\\nC: \"}\nanswer: "
            "{max_new_tokens: 5, group_size: 8}\n"
            "lora: {rank: 2, dropout: 0, layers: 1-2}\ntrain: {max_steps: 6, "
            "global_batch_examples: 8, micro_batch_examples: 2, checkpoint_every: 3, "
            "validate_every: 3}\nevaluate: {bootstrap_samples: 20, batch_examples: 4}\n");
  }

  std::string at(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(at(name), std::ios::binary) << text;
  }
  std::string config() const { return at("line.yaml") + " "; }

  // The 61 tokens of the tiny model, one a character.
  void write_tokenizer() const {
    using nlohmann::json;
    json vocabulary = json::object();
    int id = 0;
    for (char c = 'a'; c <= 'z'; ++c) vocabulary[std::string(1, c)] = id++;
    for (char c = '0'; c <= '9'; ++c) vocabulary[std::string(1, c)] = id++;
    for (const char* piece : {"Ġ", "Ċ", ":", "?", "C"}) vocabulary[piece] = id++;
    for (char c = 'D'; c <= 'W'; ++c) vocabulary[std::string(1, c)] = id++;
    const json level = {{"type", "ByteLevel"},
                        {"add_prefix_space", false},
                        {"trim_offsets", true},
                        {"use_regex", true}};
    put("model/tokenizer.json",
        json{{"version", "1.0"},
             {"added_tokens", json::array()},
             {"normalizer", nullptr},
             {"pre_tokenizer",
              {{"type", "Sequence"},
               {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, level}}}},
             {"post_processor", nullptr},
             {"decoder", level},
             {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}}}}
            .dump());
  }

  // accepted: by question; every other question takes its own, so that about half of them are
  // right.
  void write_questions(const std::vector<std::string>& accepted) const {
    std::string lines;
    for (size_t i = 0; i < 60; ++i) {
      const std::string answer = i < accepted.size() && !accepted[i].empty() && i % 2 == 0
                                     ? accepted[i]
                                     : "nothing like it";
      const std::string letters(i % 5 + 1, static_cast<char>('a' + i % 26));
      lines += nlohmann::json{{"id", fmt::format("q{}", i)},
                              {"dataset", i % 3 == 0 ? "one" : "two"},
                              {"entity", fmt::format("e{}", i)},
                              {"split", i < 30 ? "train" : (i < 42 ? "validation" : "test")},
                              {"question", fmt::format("what is {} of {}?", i * 37 % 50, letters)},
                              {"answers", {answer}}}
                   .dump() +
               "\n";
    }
    put("questions.jsonl", lines);
  }

  void make_half_of_the_answers_right() const {
    ASSERT_EQ(alone("answer " + config()).exit_code, 0);
    std::vector<std::string> accepted;
    std::istringstream stream(text_of(at("run/answers.jsonl")));
    for (std::string line; std::getline(stream, line);)
      accepted.push_back(nlohmann::json::parse(line).at("response"));
    write_questions(accepted);
  }

  const data::TemporaryFolder
      temporary_;  // of this process: the same tests may run elsewhere at the same time
  const std::string folder_ = temporary_.path();
};

}  // namespace candor::testing_support
