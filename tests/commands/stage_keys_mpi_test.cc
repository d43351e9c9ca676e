// Every stage reads the keys of the config that it declares, and no others: its identity, and so
// what is done again after a change, derives from what it declares.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "comm/mpi_session.h"
#include "launch/config/nearest_key.h"
#include "launch/stages/stage_list.h"
#include "tests/commands/tiny_run.h"
#include "tests/commands/watched_config.h"

namespace candor::launch {
namespace {

using namespace testing_support;
using testing::IsEmpty;

// Without the sections, and with a list of records as one key.
std::vector<std::string> keys_of_a_config() {
  const std::vector<std::string> all = all_key_paths();
  std::vector<std::string> keys;
  for (const std::string& path : all) {
    const bool of_record = path.starts_with("objective.") || path.starts_with("prompt.few_shot.");
    const bool section = path != "objective" && path != "prompt.few_shot" &&
                         std::any_of(all.begin(), all.end(), [&](const std::string& other) {
                           return other.starts_with(path + ".");
                         });
    if (!of_record && !section) keys.push_back(path);
  }
  return keys;
}

std::set<std::string> declared_by(const StageDeclaration& stage) {
  std::set<std::string> declared;
  for (const std::string& key : keys_of_a_config()) {
    if (covers(stage.result_keys, key) || covers(stage.other_keys, key)) declared.insert(key);
  }
  return declared;
}

std::vector<std::string> without(const std::set<std::string>& all,
                                 const std::set<std::string>& some) {
  std::vector<std::string> rest;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::back_inserter(rest));
  return rest;
}

class StageKeys : public TinyRun {
 protected:
  // Each rank of this test is a run of its own: a group of one rank, in a folder of its own.
  StageKeys() {
    config_ = read_run_config(at("line.yaml"), {"model.device=cpu", "train.max_steps=3",
                                                "compare_objectives=[mean_brier]",
                                                "compare_alora=true", "grade.grader=numeric"});
    config_.run.threads_per_rank = 1;
  }

  // Half of the answers are right.
  void grade() const {
    std::istringstream stream(text_of(at("run/answers.jsonl")));
    std::string graded;
    int count = 0;
    for (std::string line; std::getline(stream, line);) {
      nlohmann::json json = nlohmann::json::parse(line);
      json["correct"] = ++count % 2;
      graded += json.dump() + "\n";
    }
    put("run/graded.jsonl", graded);
  }

  RunConfig config_;
};

TEST_F(StageKeys, AreThoseThatAreRead) {
  const auto world = comm::make_mpi_process_group({.timeout_s = 120});
  const auto own = world->split(world->rank(), 0);
  trainer::HostFiles hosts(*own, {.folder = folder_});
  put("qa.jsonl", "{\"question\":\"what is 1?\",\"response\":\"one\"}\n");
  WatchedConfig watched(config_);
  for (const StageDeclaration& stage : stage_list()) {
    if (stage.name == "prepare") grade();
    BaseModel base;  // of each stage alone: what one has made isn't read by the next
    RunContext context{
        .group = *own,
        .hosts = hosts,
        .base = base,
        .arguments = {.resume = true, .input = at("qa.jsonl"), .output = at("scored.jsonl")}};
    watched.begin();
    stage.run(watched.config(), context);
    const std::set<std::string> read = watched.end();
    const std::set<std::string> declared = declared_by(stage);
    EXPECT_THAT(without(read, declared), IsEmpty()) << stage.name << " reads and doesn't declare";
    EXPECT_THAT(without(declared, read), IsEmpty()) << stage.name << " declares and doesn't read";
  }
  world->barrier();
}

// Or it would be a knob that does nothing.
TEST_F(StageKeys, EveryKeyOfAConfigIsReadBySomebody) {
  // By the program, before a command begins (launch/program).
  const KeyList others = {"run.timeout_s", "run.heartbeat_s"};
  for (const std::string& key : keys_of_a_config()) {
    const bool declared =
        std::any_of(stage_list().begin(), stage_list().end(), [&](const StageDeclaration& stage) {
          return covers(stage.result_keys, key) || covers(stage.other_keys, key);
        });
    EXPECT_TRUE(declared || covers(others, key)) << key;
  }
}

TEST_F(StageKeys, TextsHoldWhatIsDeclaredAndNothingElse) {
  const StageDeclaration& train = stage_named("train");
  RunConfig other = config_;
  other.run.dir = "/elsewhere";
  other.train.checkpoints.every = 1;
  EXPECT_EQ(key_text(other, train), key_text(config_, train));
  other.train.update.adamw.beta2 = 0.5;
  EXPECT_NE(key_text(other, train), key_text(config_, train));
  other = config_;
  other.objective.back().ramp_to = 0.9;
  EXPECT_NE(key_text(other, train), key_text(config_, train));
  EXPECT_THROW(only_keys(config_, {"train.no_such_key"}), std::logic_error);
}

}  // namespace
}  // namespace candor::launch
