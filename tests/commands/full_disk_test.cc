// A disk that is full when a file is written: one error that names the file, everything that was
// whole still is, and once there is room the same command ends with the bytes of a run that met no
// such thing. The disk is played by full_disk.cc.
#include <gmock/gmock.h>

#include <map>

#include "tests/commands/tiny_run.h"
#include "tests/files/gguf_fixture.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

using Files = std::map<std::string, std::string>;  // path -> bytes

// ASan wants to be loaded first, but there is no need.
std::string disk_full_for(const std::string& file, int room_bytes) {
  return kOneThread + fmt::format(
                          "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 FULL_DISK_FILE={} "
                          "FULL_DISK_ROOM_BYTES={} LD_PRELOAD={} ",
                          file, room_bytes, FULL_DISK_LIBRARY);
}

class FullDiskTest : public TinyRun {
 protected:
  // Whole files by their final names. What is said about speed is left out.
  Files files_below(const std::string& folder) const {
    Files files;
    if (!fs::exists(at(folder))) return files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(at(folder))) {
      const std::string path = entry.path().string();
      if (!entry.is_regular_file() || path.find(".tmp") != std::string::npos ||
          path.find("/tensorboard/") != std::string::npos)
        continue;
      std::string text = text_of(path);
      if (path.ends_with("metrics.jsonl")) text = without_speeds(text);
      files[path] = text;
    }
    return files;
  }
  static bool changes_in_a_run(const std::string& path) {
    return path.ends_with("stages.json") || path.ends_with("metrics.jsonl") ||
           path.ends_with("writer_epoch") || path.ends_with("/.lock");
  }
  static std::string without_speeds(const std::string& metrics) {
    std::string kept;
    std::istringstream lines(metrics);
    for (std::string text; std::getline(lines, text);) {
      json line = json::parse(text, nullptr, false);
      if (!line.is_object()) continue;  // half a line
      for (const char* speed :
           {"examples_per_s", "tokens_per_s", "unshared_tokens_per_s", "share_of_peak"})
        line.erase(speed);
      kept += line.dump() + "\n";
    }
    return kept;
  }

  static void expect_full(const Outcome& outcome, const std::string& file) {
    EXPECT_EQ(outcome.exit_code, 3) << file << "\n" << outcome.text;
    EXPECT_THAT(outcome.text, AllOf(HasSubstr(file), HasSubstr("No space left on device"),
                                    HasSubstr("free some space")))
        << file;
    EXPECT_EQ(count_of("candor: ", outcome.text), 1) << file << "\n" << outcome.text;
  }
};

// The disk gets full at one file after the other of a whole run, which goes on each time.
// Long: one story, whose steps need what came before.
TEST_F(FullDiskTest, ARunThatMeetsItAtEveryFileEndsWithTheBytesOfAnUndisturbedOne) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  const Files undisturbed = files_below("run");
  fs::remove_all(at("run"));

  struct Case {
    const char* file;  // part of the path
    int ranks = 1;
    int room_bytes = 0;
    const char* named = "";  // in the message, where it isn't `file`
  };
  for (const Case& full :
       std::vector<Case>{{"run/config.yaml"},
                         {"partial/identity"},
                         {"group_000001", 2, 100},  // rank 1 writes it
                         {"run/answers.jsonl.tmp", 1, 5000, "run/answers.jsonl"},
                         {"run/stages.json"},
                         {"run/graded.jsonl", 2, 5000},
                         {"run/tokens.h5", 2, 5000},
                         {"run/frozen_trunk.safetensors", 2, 1000},
                         {"run/metrics.jsonl", 2, 100},
                         {"run/tensorboard/", 1, 100},
                         {"step_000003.tmp/.tmp", 1, 1000, "adapter_model.safetensors"},
                         {"step_000003.tmp/optimizer", 2, 1000},
                         {"step_000003.tmp/state.json"},
                         {"step_000006.tmp/optimizer", 1, 1000},
                         {"run/adapter/", 1, 1000},
                         {"run/scored_before.jsonl", 2, 1000},
                         {"run/report.json", 1, 1000},
                         {"run/report.html", 1, 1000}}) {
    const Files before = files_below("run");
    const std::string arguments = "run " + config(),
                      disk = disk_full_for(full.file, full.room_bytes);
    expect_full(full.ranks == 1 ? shell(disk + kCandor + arguments)
                                : shell(disk + kMpirun + fmt::format("-np {} ", full.ranks) +
                                        kCandor + arguments),
                *full.named != '\0' ? full.named : full.file);
    Files after = files_below("run");
    for (const auto& [path, text] : before) {
      if (changes_in_a_run(path) || path.find(".partial/") != std::string::npos) continue;
      EXPECT_TRUE(after[path] == text)
          << path << " was whole before the disk was full at " << full.file;
    }
    // What a file is called is whole: nothing has the final name of the one that had no room.
    for (const auto& [path, text] : after) {
      if (changes_in_a_run(path) || undisturbed.count(path) == 0) continue;
      EXPECT_TRUE(text == undisturbed.at(path))
          << path << " isn't whole after the disk was full at " << full.file;
    }
  }
  const Outcome last = on_ranks(2, "run " + config());
  ASSERT_EQ(last.exit_code, 0) << last.text;
  const Files now = files_below("run");
  for (const auto& [path, text] : undisturbed) {
    ASSERT_EQ(now.count(path), 1U) << path;
    EXPECT_TRUE(now.at(path) == text || path.ends_with("writer_epoch"))
        << path << " differs from the undisturbed run's";
  }
  EXPECT_EQ(now.size(), undisturbed.size());
}

TEST_F(FullDiskTest, WhatIsThereStaysWholeWhereItsReplacementHasNoRoom) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  put("qa.jsonl",
      "{\"question\":\"what is 1?\",\"response\":\"one\"}\n{\"question\":\"what is "
      "2?\",\"response\":\"two\"}\n");
  put("model.gguf", data::tiny_gguf().bytes());
  const std::string score = "score " + config() + "--input " + at("qa.jsonl") + " --output " +
                            at("run/out.jsonl"),
                    merge = "export " + config() + "--merge",
                    import = "import " + at("model.gguf") + " " + at("run/imported");
  for (const std::string& command : {score, merge, import})
    ASSERT_EQ(alone(command).exit_code, 0) << command;
  const Files whole = files_below("run");

  struct Case {
    std::string command;
    const char* file;
    int room_bytes;
    const char* named;
  };
  for (const Case& full : std::vector<Case>{
           {"grade " + config(), "run/graded.jsonl", 5000, "run/graded.jsonl"},
           {"prepare " + config(), "run/tokens.h5", 5000, "run/tokens.h5"},
           {"evaluate " + config(), "run/scored_after.jsonl", 1000, "run/scored_after.jsonl"},
           {"evaluate " + config(), "run/report.html", 1000, "run/report.html"},
           {score, "out.jsonl.partial", 100, "out.jsonl.partial/part_000000.jsonl"},
           {score, "out.jsonl.tmp", 100, "run/out.jsonl"},
           {merge, "export/adapter/", 1000, "adapter_model.safetensors"},
           {merge, "export/merged/.tmp", 1000, "model.safetensors"},
           {merge, "/tokenizer_config.json", 10, "tokenizer_config.json"},
           {merge, "/config.json", 10, "config.json"},
           {import, "/model.safetensors", 1000, "model.safetensors"},
           {import, "/tokenizer.json", 10, "tokenizer.json"},
           {import, "/config.json", 10, "config.json"}}) {
    expect_full(shell(disk_full_for(full.file, full.room_bytes) + kCandor + full.command),
                full.named);
    Files now = files_below("run");
    for (const auto& [path, text] : whole)
      EXPECT_TRUE(now[path] == text)
          << path << " changed after " << full.command << " met " << full.file;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(at("run"))) {
      EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos)
          << "left behind: " << entry.path() << " after " << full.command;
    }
  }
  for (const std::string& command : {score, merge, import})
    ASSERT_EQ(alone(command).exit_code, 0) << command;
  for (const auto& [path, text] : files_below("run"))
    EXPECT_TRUE(whole.count(path) == 1 && whole.at(path) == text) << path << " isn't as it was";
}

}  // namespace
}  // namespace candor::launch
