// The journal of a long work of all ranks that can be killed at any time: its result is made in
// numbered pieces, each finished piece is a file of the journal's folder, and the same command goes
// on with the pieces that aren't there yet. What it writes at the end has the same bytes for any
// number of ranks and after any kill.
//
// Usage:   WorkJournal journal(std::move(options), group);
//          for (size_t piece : journal.deal()) journal.finish(piece, lines_of(piece));
//          journal.join(output_path);
// A journal with another identity is another work's and is dropped; other files in its folder stay.
// A piece whose file is damaged is done again. Rank 0 decides which pieces are missing, because a
// file system may show a new file to one rank before another. Where hosts have file systems of
// their own there is a journal on each, and rank 0 collects the pieces at the start and at the end.
// Collective: the constructor and join(). Both throw std::system_error and data::FileError for the
// disk on the rank that met it, and CommError.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "trainer/hosts/host_files.h"

namespace candor::trainer {

struct WorkJournalOptions {
  std::string folder{};
  std::string identity{};    // of all that a piece's bytes may depend on
  std::string piece_name{};  // "group": the files are group_000000.jsonl and so on
  size_t pieces = 0;
  HostFiles* hosts = nullptr;  // null: only rank 0 finishes pieces, or all ranks see its files
  std::function<void(const std::string&)> on_message{};  // rank 0

  // What messages say of this work.
  std::string of_another{};  // "the unfinished answers are of another model"
  std::string done_again{};  // of a damaged piece that is done: "its questions are answered again"
  std::string give_again{};  // of one that is joined: "it answers those questions again"
};

class WorkJournal {
 public:
  WorkJournal(WorkJournalOptions options, comm::ProcessGroup& group);

  // The pieces that aren't there yet, ascending and the same on all ranks: for a work whose ranks
  // do every piece together, and then rank 0 finishes it.
  const std::vector<size_t>& missing() const { return missing_; }

  // Those of them that this rank does alone and finishes.
  std::vector<size_t> deal() const;

  // The piece is there, whole, for every later run. Throws std::system_error.
  void finish(size_t piece, const std::string& lines) const;

  // Rank 0 writes all pieces' lines in order, atomically, and the journal's files are removed, and
  // its folder, unless somebody else has files there.
  // before_rename: as of data::AtomicFile::commit().
  void join(const std::string& output_path,
            const std::function<void(const std::string& temporary)>& before_rename = {});

 private:
  std::string path_of(size_t piece) const;
  void tell(const std::string& message) const;
  void open() const;
  size_t remove_files() const;
  void collect();
  void find_missing();

  WorkJournalOptions options_;
  comm::ProcessGroup& group_;
  bool keeps_;  // whether this rank opens and removes the folder, on its file system
  std::vector<size_t> missing_;
};

}  // namespace candor::trainer
