// Every seed and every saved finding of every fuzz target, once, in the ordinary build.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "data_pipeline/files/read_file.h"
#include "tests/fuzz/fuzz_targets.h"

namespace candor::data {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(CANDOR_SOURCE_DIR) / "tests/fuzz";

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class FuzzReplay : public testing::TestWithParam<FuzzTarget> {
 protected:
  void replay(const std::vector<fs::path>& files) const {
    for (const fs::path& file : files) {
      const std::string content = read_file(file.string());
      SCOPED_TRACE(file.string());
      // A target ends the program where it finds something: the last line printed then says which
      // file it was.
      std::fprintf(stderr, "%s\n", file.c_str());
      EXPECT_EQ(
          GetParam().run(reinterpret_cast<const std::uint8_t*>(content.data()), content.size()), 0);
    }
  }
};

TEST_P(FuzzReplay, Seeds) {
  const std::vector<fs::path> seeds = files_in(kFolder / "corpus" / GetParam().name);
  ASSERT_FALSE(seeds.empty())
      << "tests/fuzz/corpus/" << GetParam().name
      << ": a fuzzer that starts from nothing finds nothing; put seeds there";
  replay(seeds);
}

TEST_P(FuzzReplay, Findings) { replay(files_in(kFolder / "findings" / GetParam().name)); }

TEST_P(FuzzReplay, EmptyInput) {
  EXPECT_EQ(GetParam().run(reinterpret_cast<const std::uint8_t*>(""), 0), 0);
}

INSTANTIATE_TEST_SUITE_P(Target, FuzzReplay, testing::ValuesIn(fuzz_targets()),
                         [](const auto& instance) { return instance.param.name; });

TEST(FuzzFolders, EachBelongsToATarget) {
  std::set<std::string> names;
  for (const FuzzTarget& target : fuzz_targets()) names.insert(target.name);
  for (const char* kind : {"corpus", "findings"}) {
    if (!fs::is_directory(kFolder / kind)) continue;
    for (const fs::directory_entry& entry : fs::directory_iterator(kFolder / kind)) {
      EXPECT_EQ(names.count(entry.path().filename().string()), 1U)
          << entry.path() << ": no target of that name replays it";
    }
  }
}

}  // namespace
}  // namespace candor::data
