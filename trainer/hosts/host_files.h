// Hosts that have file systems of their own: files of rank 0 come to the same path there before a
// rank reads them, once a host.
//
// Usage:   HostFiles files(group, {.folder = run.dir});   files.look();   files.send({tokens});
// // now every rank reads what rank 0 would
// Whether ranks share a file system is found by trying: rank 0 leaves a file with a random name in
// `folder`, and who doesn't see it has one of its own. Found wrongly (a network file system that is
// slow to show it), that costs a comparison and changes nothing. For every such file system one
// rank, its keeper, receives and writes. Where all ranks run on one host, or see rank 0's file, all
// calls do nothing.
// Files are compared by size and SHA-256 first and sent in chunks, so memory is a few chunks
// whatever the file; they are written atomically, after the hash of what came is right. A hash is
// computed again only when the file changes.
// Collective: all but keeps(), over the whole group. Throws the same on all ranks:
// std::system_error and data::FileError with host and path, std::invalid_argument for a folder
// that holds too much; CommError.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "comm/process_group.h"

namespace candor::trainer {

struct HostFilesOptions {
  std::string folder{};  // made where it isn't there
  std::string host{};    // as messages call this rank's; empty: its name
  std::function<std::string(const std::string& path)>
      here{};  // tests: where a path lies for this rank; then one host may hold several "disks"
  std::int64_t chunk_bytes = 4 << 20;                            // sent at a time
  std::function<void(const std::string& message)> on_message{};  // rank 0
  std::function<void(const std::string& path, std::int64_t done_bytes, std::int64_t total_bytes)>
      on_progress{};  // rank 0, while a file is sent
};

class HostFiles {
 public:
  HostFiles(comm::ProcessGroup& group, HostFilesOptions options);

  // Finds out who shares rank 0's file system, unless that is known of these ranks. After ranks
  // were lost it has to come before anything is read or written: where rank 0 is now another one,
  // on another file system than the rank 0 before it, that throws CommError on rank 0 alone.
  void look();

  // Whether this rank is the one that looks after its file system's copies: rank 0, and one for
  // each file system of its own.
  bool keeps() const { return keeper_ == group_.rank(); }
  bool all_see_rank_0() const { return keepers_.size() == 1; }

  // The files of rank 0 are there for all ranks, byte for byte. In this order, so the one that
  // readers look for comes last.
  void send(const std::vector<std::string>& paths);

  // All files of rank 0's folder whose name ends with one of `endings`, `last` at the end. Another
  // host's folder must not hold further ones, because they would be read there and nowhere else:
  // std::invalid_argument.
  void send_folder(const std::string& folder, const std::vector<std::string>& endings,
                   const std::string& last);

  // The other way: each file that is whole on another file system, but not on rank 0's, comes to
  // rank 0.
  void collect(const std::vector<std::string>& paths,
               const std::function<bool(const std::string& path)>& is_whole);

 private:
  struct Known {  // of a file, so that it isn't hashed again
    std::vector<std::int64_t> marks;
    std::string sha256;
  };
  struct Entry {
    std::string path;
    std::int64_t size_bytes = 0;
    std::string sha256;
  };

  std::string here(const std::string& path) const {
    return options_.here ? options_.here(path) : path;
  }
  std::string called(const std::string& host) const;
  size_t first_seen(const std::vector<std::string>& markers) const;  // their number where none is
  void group_by_file_system(const std::string& marker, const std::vector<std::string>& sees_rank_0);
  Entry agreed_entry(const std::string& path, int root);
  bool has(const Entry& entry);
  std::string sha256_of(const std::string& path);
  void transfer(const Entry& entry, int root, bool wanted);
  void broadcast_chunk(std::string& bytes, int root);
  void agree(const std::string& my_problem);

  comm::ProcessGroup& group_;
  HostFilesOptions options_;
  int looked_at_ranks_ = 0;         // how many there were; 0: not looked yet
  bool saw_rank_0_ = true;          // when last looked
  int keeper_ = 0;                  // of this rank's file system
  std::vector<int> keepers_ = {0};  // ascending
  std::string first_host_;          // rank 0's, when last looked
  bool is_split_ = false;
  std::unique_ptr<comm::ProcessGroup> between_keepers_;  // null on ranks that keep nothing
  std::map<std::string, Known> known_;
};

}  // namespace candor::trainer
