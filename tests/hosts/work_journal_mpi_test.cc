// What a journal joins has the same bytes on any number of ranks, whoever finished a piece, after a
// kill and after damage; another work's journal is dropped.
#include "trainer/hosts/work_journal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "comm/mpi_session.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/read_file.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr size_t kPieces = 7;

// The fourth piece has no lines.
std::string lines_of(size_t piece) {
  return piece == 3 ? "" : fmt::format("first of {}\nsecond of {}\n", piece, piece);
}

std::string all_lines() {
  std::string lines;
  for (size_t piece = 0; piece < kPieces; ++piece) lines += lines_of(piece);
  return lines;
}

class WorkJournalTest : public testing::Test {
 protected:
  WorkJournalTest() : all_(comm::make_mpi_process_group({.timeout_s = 60})) {
    if (all_->rank() == 0) {
      std::string pattern = (fs::temp_directory_path() / "candor_journal_XXXXXX").string();
      root_ = ::mkdtemp(pattern.data());
    }
    all_->broadcast_bytes(root_, 0);
  }
  ~WorkJournalTest() override {
    all_->barrier();
    std::error_code ignored;
    if (all_->rank() == 0) fs::remove_all(root_, ignored);
  }

  std::string output() const { return root_ + "/numbers.jsonl"; }
  WorkJournalOptions options() {
    return {.folder = output() + ".partial",
            .identity = "of this work",
            .piece_name = "piece",
            .pieces = kPieces,
            .on_message = [this](const std::string& message) { messages_ += message + "\n"; },
            .of_another = "the unfinished numbers are of another work",
            .done_again = "its numbers are found again",
            .give_again = "it finds those numbers again"};
  }
  std::string path_of(size_t piece) const {
    return fmt::format("{}.partial/piece_{:06}.jsonl", output(), piece);
  }
  // Every rank finishes its pieces among the first `pieces` and is then killed.
  void leave_after(size_t pieces) {
    WorkJournal journal(options(), *all_);
    for (const size_t piece : journal.deal()) {
      if (piece < pieces) journal.finish(piece, lines_of(piece));
    }
    all_->barrier();
  }
  std::string do_all(WorkJournalOptions options) {
    WorkJournal journal(std::move(options), *all_);
    for (const size_t piece : journal.deal()) journal.finish(piece, lines_of(piece));
    journal.join(output());
    return data::read_file(output());
  }

  std::unique_ptr<comm::ProcessGroup> all_;
  std::string root_;
  std::string messages_;  // on rank 0
};

TEST_F(WorkJournalTest, EachMissingPieceIsDealtToOneRank) {
  WorkJournal journal(options(), *all_);
  EXPECT_THAT(journal.missing(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  std::string mine(kPieces, '-');
  for (const size_t piece : journal.deal()) mine[piece] = '+';
  const std::vector<std::string> of_all = all_->all_gather_bytes(mine);
  for (size_t piece = 0; piece < kPieces; ++piece) {
    const auto takers = std::count_if(of_all.begin(), of_all.end(),
                                      [&](const std::string& of) { return of[piece] == '+'; });
    EXPECT_EQ(takers, 1) << piece;
  }
}

TEST_F(WorkJournalTest, JoinsThePiecesInOrderAndRemovesTheJournal) {
  EXPECT_EQ(do_all(options()), all_lines());
  EXPECT_FALSE(fs::exists(output() + ".partial"));
  EXPECT_EQ(messages_, "");
}

TEST_F(WorkJournalTest, ALaterJournalDoesWhatAKilledOneLeft) {
  leave_after(5);
  EXPECT_FALSE(fs::exists(output()));
  WorkJournal journal(options(), *all_);
  EXPECT_THAT(journal.missing(), ElementsAre(5, 6));
  for (const size_t piece : journal.missing()) {  // all ranks together, and rank 0 writes
    if (all_->rank() == 0) journal.finish(piece, lines_of(piece));
  }
  journal.join(output());
  EXPECT_EQ(data::read_file(output()), all_lines());
  EXPECT_EQ(messages_, "");
}

TEST_F(WorkJournalTest, ADamagedPieceIsDoneAgain) {
  leave_after(kPieces);
  if (all_->rank() == 0) {
    std::fstream(path_of(2), std::ios::in | std::ios::out | std::ios::binary)
            .seekp(-3, std::ios::end)
        << '!';
    fs::resize_file(path_of(4), 5);
    fs::remove(path_of(6));
  }
  all_->barrier();
  EXPECT_THAT(WorkJournal(options(), *all_).missing(), ElementsAre(2, 4, 6));
  all_->barrier();
  EXPECT_EQ(do_all(options()), all_lines());
  if (all_->rank() != 0) return;
  for (const size_t piece : {2, 4})
    EXPECT_THAT(messages_,
                HasSubstr(fmt::format("WARNING: {} is damaged: its numbers are found again",
                                      path_of(piece))));
  EXPECT_THAT(messages_, testing::Not(HasSubstr(path_of(6))));
}

// One rank: others would wait in join() for the rank 0 that threw.
TEST_F(WorkJournalTest, NoDamagedPieceIsJoined) {
  if (const auto alone = all_->split(all_->rank() == 0 ? 0 : -1, 0)) {
    WorkJournal journal(options(), *alone);
    for (const size_t piece : journal.deal()) journal.finish(piece, lines_of(piece));
    fs::resize_file(path_of(1), 5);
    try {
      journal.join(output());
      ADD_FAILURE() << "nothing was thrown";
    } catch (const data::FileError& error) {
      EXPECT_EQ(
          error.what(),
          path_of(1) + " is damaged; give the same command again, it finds those numbers again");
    }
    EXPECT_FALSE(fs::exists(output()));
    EXPECT_TRUE(fs::exists(path_of(0)));
  }
  all_->barrier();
}

TEST_F(WorkJournalTest, AJournalOfAnotherIdentityIsDropped) {
  leave_after(kPieces);
  WorkJournalOptions other = options();
  other.identity = "of another work";
  {
    const WorkJournal journal(other, *all_);
    EXPECT_EQ(journal.missing().size(), kPieces);
  }
  if (all_->rank() == 0) {
    EXPECT_EQ(messages_, "the unfinished numbers are of another work: starting anew\n");
  }
  messages_.clear();
  all_->barrier();
  // Pieces without an identity belong to nobody.
  if (all_->rank() == 0) {
    fs::remove(output() + ".partial/identity");
    std::ofstream(path_of(2)) << "of nobody";
  }
  all_->barrier();
  EXPECT_EQ(WorkJournal(other, *all_).missing().size(), kPieces);
  if (all_->rank() == 0) {
    EXPECT_THAT(messages_, HasSubstr("starting anew"));
  }
  all_->barrier();
}

TEST_F(WorkJournalTest, WhatSomebodyElseHasInItsFolderStays) {
  const std::string folder = output() + ".partial";
  if (all_->rank() == 0) {
    fs::create_directories(folder + "/piece_of_mine");
    std::ofstream(folder + "/piece_of_mine/notes.txt") << "a note";
    std::ofstream(folder + "/notes.txt") << "a note";
    std::ofstream(folder + "/identity.tmp-0123456789abcdef") << "of this w";  // of a kill
  }
  all_->barrier();
  EXPECT_EQ(do_all(options()), all_lines());
  EXPECT_EQ(data::read_file(folder + "/piece_of_mine/notes.txt"), "a note");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
  EXPECT_EQ(data::read_file(folder + "/notes.txt"), "a note");
}

// Ranks 1 and 2 share a "disk" (a folder), and rank 3 has its own.
TEST_F(WorkJournalTest, PiecesOfOtherFileSystemsAreCollected) {
  const std::string host(1, "abbc"[all_->rank()]), disk = root_ + "/disk_" + host;
  HostFilesOptions files{.folder = "/run", .host = host};
  files.here = [&](const std::string& path) {  // any disk's path -> this rank's
    return path.starts_with(root_) ? disk + path.substr(disk.size()) : disk + path;
  };
  fs::create_directories(disk);
  all_->barrier();
  HostFiles hosts(*all_, files);
  hosts.look();
  WorkJournalOptions of_disk = options();
  of_disk.folder = disk + "/numbers.partial";
  of_disk.hosts = &hosts;
  {
    WorkJournal journal(of_disk, *all_);
    for (const size_t piece : journal.deal()) {
      if (piece < 5) journal.finish(piece, lines_of(piece));
    }
    all_->barrier();
  }
  WorkJournal journal(of_disk, *all_);
  EXPECT_THAT(journal.missing(), ElementsAre(5, 6)) << "the others came from all disks";
  for (const size_t piece : journal.deal()) journal.finish(piece, lines_of(piece));
  journal.join(output());
  EXPECT_EQ(data::read_file(output()), all_lines());
  all_->barrier();
  EXPECT_FALSE(fs::exists(of_disk.folder)) << "on no disk";
}

TEST_F(WorkJournalTest, AWorkWithoutPiecesIsAnEmptyFile) {
  WorkJournalOptions nothing = options();
  nothing.pieces = 0;
  WorkJournal journal(nothing, *all_);
  EXPECT_THAT(journal.deal(), IsEmpty());
  journal.join(output());
  EXPECT_TRUE(fs::exists(output()));
  EXPECT_EQ(data::read_file(output()), "");
}

}  // namespace
}  // namespace candor::trainer
