// A config key that no command reads would be a knob that does nothing: every declared key's member
// must be named in a room of launch/ that runs commands.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "data_pipeline/files/read_file.h"
#include "launch/config/nearest_key.h"

namespace candor::launch {
namespace {

TEST(ConfigFields, EveryKeyIsReadByACommand) {
  std::string sources;
  for (const char* room : {"program", "ranks", "context", "stages", "cluster", "files"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(CANDOR_SOURCE_DIR "/launch/" + std::string(room))) {
      if (entry.path().extension() == ".cc" || entry.path().extension() == ".h")
        sources += data::read_file(entry.path());
    }
  }
  for (const std::string& path : all_key_paths()) {
    const std::string member = path.substr(path.rfind('.') + 1);
    EXPECT_TRUE(std::regex_search(sources, std::regex("\\." + member + "\\b")))
        << path << " is declared in config_fields.cc, but no room that runs commands reads it";
  }
}

}  // namespace
}  // namespace candor::launch
