#include "tests/tests_of_file.h"

#include <gtest/gtest.h>

#include <string_view>

namespace candor::testing_support {
namespace {

std::string_view stem_of(std::string_view path) {
  path.remove_prefix(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  return path.substr(0, path.rfind('.'));
}

}  // namespace

std::string choose_tests_of_file(int argc, char** argv) {
  constexpr std::string_view kOption = "--of=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(kOption)) return "unknown argument " + std::string(argument);
    const std::string_view wanted = argument.substr(kOption.size());
    std::string filter;
    const testing::UnitTest& all = *testing::UnitTest::GetInstance();
    for (int s = 0; s < all.total_test_suite_count(); ++s) {
      const testing::TestSuite& suite = *all.GetTestSuite(s);
      for (int t = 0; t < suite.total_test_count(); ++t) {
        const testing::TestInfo& test = *suite.GetTestInfo(t);
        if (stem_of(test.file()) != wanted) continue;
        filter += (filter.empty() ? "" : ":") + std::string(suite.name()) + "." + test.name();
      }
    }
    if (filter.empty()) return "no test of this program is in " + std::string(wanted) + ".cc";
    if (testing::GTEST_FLAG(filter) == "*") testing::GTEST_FLAG(filter) = filter;
  }
  return "";
}

}  // namespace candor::testing_support
