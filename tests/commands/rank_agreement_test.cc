// Ranks that were started differently are told apart, whatever it is that differs.
#include "launch/ranks/rank_agreement.h"

#include <gmock/gmock.h>

namespace candor::launch {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const RankReport kUsual{.command = "train",
                        .config_yaml = "train:\n  max_steps: 6\n  seed: 1\n",
                        .threads = 2,
                        .processor = "AuthenticAMD 25/1 AVX2"};

std::string with_rank_2(RankReport other) {
  return disagreement({kUsual, kUsual, std::move(other), kUsual}).value_or("none");
}

TEST(RankAgreement, AlikeRanksAgree) {
  EXPECT_FALSE(disagreement({kUsual}));
  EXPECT_FALSE(disagreement({kUsual, kUsual, kUsual}));
}

TEST(RankAgreement, NamesTheFirstRankThatDiffersAndWhatToDo) {
  RankReport other = kUsual;
  other.command = "train --resume";
  EXPECT_THAT(with_rank_2(other), AllOf(HasSubstr("rank 2"), HasSubstr("`candor train --resume`"),
                                        HasSubstr("rank 0 as `candor train`"), HasSubstr("same")));
  other = kUsual;
  other.threads = 1;
  EXPECT_THAT(with_rank_2(other), AllOf(HasSubstr("rank 2 has 1 threads and rank 0 2"),
                                        HasSubstr("run.threads_per_rank")));
  other = kUsual;
  other.processor = "GenuineIntel 6/143 AVX512";
  EXPECT_THAT(with_rank_2(other), AllOf(HasSubstr("rank 2 runs on processor GenuineIntel 6/143 "
                                                  "AVX512 and rank 0 on AuthenticAMD 25/1 AVX2"),
                                        HasSubstr("use hosts of one kind")));
}

TEST(RankAgreement, ShowsTheLineOfTheConfigThatDiffers) {
  RankReport other = kUsual;
  other.config_yaml = "train:\n  max_steps: 7\n  seed: 1\n";
  EXPECT_THAT(with_rank_2(other), AllOf(HasSubstr("`max_steps: 7`, rank 0 has `max_steps: 6`"),
                                        HasSubstr("same file")));
  other.config_yaml = "train:\n";
  EXPECT_THAT(with_rank_2(other), HasSubstr("`nothing`, rank 0 has `max_steps: 6`"));
  other.config_yaml = kUsual.config_yaml + "\n";
  EXPECT_THAT(with_rank_2(other), HasSubstr("another config"));
}

}  // namespace
}  // namespace candor::launch
