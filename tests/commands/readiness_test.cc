// What the doctor makes of the ranks' states: which differences are problems, which warnings, and
// whom it names.
#include "launch/cluster/readiness.h"

#include <gmock/gmock.h>

namespace candor::launch {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RankState usual(const std::string& host, int local_rank) {
  return {.host = host,
          .local_rank = local_rank,
          .local_world_size = 2,
          .threads = 2,
          .cores = 4,
          .host_cores = 4,
          .memory_bytes = 1 << 30,
          .candor = "0.1.0 Release MPI backend",
          .executable = "aaaaaaaaaaaaaaaaaaaaaaaa",
          .libtorch = "2.11.0",
          .mpi = "Open MPI v4.1.4",
          .hdf5 = "1.10.8",
          .processor = "AMD EPYC",
          .kind = "AuthenticAMD 25/1 AVX2",
          .config_yaml = "run:\n  seed: 1\n",
          .device = "auto",
          .questions = local_rank == 0 ? "11112222333344445555" : "",
          .model = local_rank == 0 ? "66667777888899990000" : ""};
}

// Ranks 0, 1 on node1, 2, 3 on node2, 4, 5 on node3.
std::vector<RankState> three_hosts() {
  std::vector<RankState> ranks;
  for (const char* host : {"node1", "node2", "node3"}) {
    for (int local = 0; local < 2; ++local) ranks.push_back(usual(host, local));
  }
  return ranks;
}

TEST(Readiness, AlikeRanksAreReady) {
  const std::vector<RankState> ranks = three_hosts();
  const Readiness readiness = readiness_of(ranks);
  EXPECT_THAT(readiness.problems, IsEmpty());
  EXPECT_THAT(readiness.warnings, IsEmpty());
  EXPECT_EQ(verdict_of(readiness, ranks), "ready: 6 ranks on 3 hosts");
  EXPECT_EQ(verdict_of(readiness_of({ranks[0]}), {ranks[0]}), "ready: 1 rank on 1 host");
}

TEST(Readiness, WhatMustBeEqualIsNamedByHost) {
  const std::vector<std::pair<std::string RankState::*, std::string>> members = {
      {&RankState::candor, "candor other, 0.1.0"},
      {&RankState::executable, "executable has SHA-256 other, aaaaaaaaaaaa..."},
      {&RankState::libtorch, "libtorch other, 2.11.0"},
      {&RankState::mpi, "MPI other, Open MPI v4.1.4"},
      {&RankState::hdf5, "HDF5 other, 1.10.8"},
      {&RankState::kind, "processor other, AuthenticAMD 25/1"},
  };
  for (const auto& [member, told] : members) {
    std::vector<RankState> ranks = three_hosts();
    ranks[2].*member = ranks[3].*member = ranks[5].*member = "other";
    const Readiness readiness = readiness_of(ranks);
    EXPECT_THAT(readiness.problems,
                ElementsAre(AllOf(HasSubstr("node2, node3 (rank 5): "), HasSubstr(told),
                                  HasSubstr("on rank 0 (node1): "))));
    EXPECT_EQ(verdict_of(readiness, ranks), "not ready: 1 problem");
  }
}

TEST(Readiness, TwoOtherValuesAreTwoProblems) {
  std::vector<RankState> ranks = three_hosts();
  ranks[2].libtorch = ranks[3].libtorch = "2.10.0";
  ranks[4].libtorch = ranks[5].libtorch = "2.9.0";
  EXPECT_THAT(readiness_of(ranks).problems,
              ElementsAre(HasSubstr("node2: libtorch 2.10.0"), HasSubstr("node3: libtorch 2.9.0")));
  EXPECT_EQ(verdict_of(readiness_of(ranks), ranks), "not ready: 2 problems");
}

TEST(Readiness, ConfigsAreComparedLineByLine) {
  std::vector<RankState> ranks = three_hosts();
  ranks[4].config_yaml = ranks[5].config_yaml = "run:\n  seed: 2\n";
  EXPECT_THAT(
      readiness_of(ranks).problems,
      ElementsAre(HasSubstr("node3: another config: `seed: 2`, rank 0 (node1) has `seed: 1`")));
  ranks[4].config_yaml.clear();
  ranks[4].config_problem = "my.yaml: No such file";
  EXPECT_THAT(readiness_of(ranks).problems,
              ElementsAre("node3 (rank 4): my.yaml: No such file",
                          HasSubstr("node3 (rank 5): another config")));
}

TEST(Readiness, FilesAreComparedByOneRankAHost) {
  std::vector<RankState> ranks = three_hosts();
  ranks[2].questions = "9999";
  ranks[4].model.clear();
  ranks[4].model_problem = "model.path: no such folder";
  EXPECT_THAT(readiness_of(ranks).problems,
              ElementsAre("node3 (rank 4): model.path: no such folder",
                          HasSubstr("node2 (rank 2): data.questions has the hash 9999, "
                                    "111122223333... on rank 0 (node1)")));
}

TEST(Readiness, ThreadsMustBeEqualAndFitTheCores) {
  std::vector<RankState> ranks = three_hosts();
  for (int rank : {2, 3}) ranks[static_cast<size_t>(rank)].threads = 1;
  EXPECT_THAT(
      readiness_of(ranks).problems,
      ElementsAre(HasSubstr("node2: 1 thread, 2 on rank 0 (node1): set run.threads_per_rank")));
  ranks = three_hosts();
  for (RankState& state : ranks) state.host_cores = 4;
  ranks[4].host_cores = ranks[5].host_cores = 3;
  EXPECT_THAT(readiness_of(ranks).problems, IsEmpty());
  EXPECT_THAT(readiness_of(ranks).warnings, ElementsAre(HasSubstr("node3: 4 threads on 3 cores")));
  ranks = three_hosts();
  for (RankState& state : ranks) state.cores = 1;
  EXPECT_THAT(
      readiness_of(ranks).warnings,
      ElementsAre(HasSubstr(
          "node1, node2, node3: 2 threads a rank, bound to 1 core: give mpirun --bind-to none")));
  EXPECT_EQ(verdict_of(readiness_of(ranks), ranks), "ready: 6 ranks on 3 hosts, 1 warning");
}

TEST(Readiness, GpusMustBeThereForAllWhereTheyAreAskedFor) {
  std::vector<RankState> ranks = three_hosts();
  for (RankState& state : ranks) {
    state.gpus = {"H100", "H100"};
    state.has_gpu = true;
  }
  EXPECT_THAT(readiness_of(ranks).warnings, IsEmpty());
  ranks[5].has_gpu = false;
  EXPECT_THAT(readiness_of(ranks).problems, IsEmpty());
  EXPECT_THAT(readiness_of(ranks).warnings,
              ElementsAre(HasSubstr("node3 (rank 5): no GPU for each rank")));
  ranks[0].device = "cuda";
  EXPECT_THAT(readiness_of(ranks).problems,
              ElementsAre(HasSubstr("node3 (rank 5): no GPU for each rank")));
  ranks[0].device = "cpu";
  EXPECT_THAT(readiness_of(ranks).warnings, IsEmpty());
  for (RankState& state : ranks) state.has_gpu = true;
  ranks[0].device = "cuda";
  ranks[2].gpus = ranks[3].gpus = {"A100"};
  EXPECT_THAT(readiness_of(ranks).warnings,
              ElementsAre(HasSubstr("node2: GPU A100, H100 on rank 0 (node1)")));
  for (RankState& state : ranks) state.has_gpu = false;
  EXPECT_THAT(readiness_of(ranks).problems, ElementsAre(HasSubstr("no rank has a GPU")));
}

TEST(Readiness, StatesTravelAsText) {
  RankState state = usual("node1", 0);
  state.gpus = {"A", "B"};
  state.has_gpu = true;
  state.model_problem = "bytes that are no text: \xff";
  const RankState back = rank_state_of(to_text(state));
  EXPECT_EQ(back.host, "node1");
  EXPECT_EQ(back.gpus, state.gpus);
  EXPECT_TRUE(back.has_gpu);
  EXPECT_EQ(back.memory_bytes, state.memory_bytes);
  EXPECT_EQ(back.questions, state.questions);
  EXPECT_THAT(back.model_problem, HasSubstr("no text"));
}

}  // namespace
}  // namespace candor::launch
