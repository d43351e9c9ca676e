// The table that the command line, --help and run_candor read: whole, and known to the documents.
#include "launch/program/command_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <regex>
#include <set>

#include "data_pipeline/files/read_file.h"
#include "launch/stages/stage_list.h"

namespace candor::launch {
namespace {

TEST(CommandTable, EachCommandHasOneNameAndOneWayToRun) {
  std::set<std::string> names;
  for (const Command& command : command_table()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_EQ(find_command(command.name), &command);
    EXPECT_NE(command.purpose, "") << command.name;
    const int ways = (command.with_config != nullptr) + (command.without_config != nullptr) +
                     (command.without_ranks != nullptr);
    const int expected = command.name == "help" ? 0 : command.name == "doctor" ? 2 : 1;
    EXPECT_EQ(ways, expected) << command.name;
    if (command.takes_config) {
      EXPECT_EQ(command.without_config, nullptr) << command.name;
    }
  }
  EXPECT_EQ(find_command("trian"), nullptr);
  EXPECT_EQ(find_command(""), nullptr);
}

TEST(CommandTable, TheCommandsAreThese) {
  std::vector<std::string> names;
  for (const Command& command : command_table()) names.push_back(command.name);
  EXPECT_THAT(names, testing::ElementsAre("import", "answer", "grade", "prepare", "train",
                                          "evaluate", "score", "run", "sweep", "pool", "export",
                                          "inspect", "value", "k8s", "doctor", "help"));
}

TEST(CommandTable, EveryStageIsACommandThatTakesItsConfig) {
  for (const StageDeclaration& stage : stage_list()) {
    const Command* command = find_command(stage.name);
    ASSERT_NE(command, nullptr) << stage.name;
    EXPECT_EQ(command->purpose, stage.purpose);
    EXPECT_TRUE(command->with_config) << stage.name;
    EXPECT_TRUE(command->takes_config);
    for (const std::string& key : stage.result_keys)
      EXPECT_THAT(command->footer, testing::HasSubstr(key)) << stage.name;
  }
}

TEST(CommandTable, TheDocumentsNameEveryListedCommand) {
  namespace fs = std::filesystem;
  const std::string root = CANDOR_SOURCE_DIR;
  std::string documents = data::read_file(root + "/README.md");
  for (const fs::directory_entry& entry : fs::directory_iterator(root + "/docs")) {
    if (entry.path().extension() == ".md") documents += data::read_file(entry.path().string());
  }
  for (const Command& command : command_table()) {
    const std::regex name(fmt::format("candor {0}\\b|`{0}`", command.name));
    EXPECT_TRUE(std::regex_search(documents, name) || !command.is_listed) << command.name;
  }
}

}  // namespace
}  // namespace candor::launch
