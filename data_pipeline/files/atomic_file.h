// Files that appear whole or not at all: content goes to a temporary name in the same folder, is
// flushed to disk and renamed over the final name.
// A crash leaves at worst a file called NAME.tmp-<16 hex digits>, never a half-written NAME. The
// folder must exist.
// Before the rename the file is read back and compared, by hash, with what was meant to be written.
// Where NAME is a symbolic link, all this happens to what it leads to, and the link stays. A pipe
// or a character device (/dev/stdout) is written into as the content comes, and never replaced.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "data_pipeline/files/content_hash.h"
#include "data_pipeline/files/output_place.h"

namespace candor::data {

// Throws std::system_error naming the path (no such folder, no permission, disk full), and what
// output_place() throws; the old file, if any, is then untouched.
void write_file_atomically(const std::string& path, std::string_view content);

// Makes renames in `folder` last through a power cut; some file systems can't, which is no error.
// Throws std::system_error.
void flush_folder(const std::string& folder);

// write_file_atomically for content made piece by piece. Without commit() nothing appears and the
// temporary file is removed. One thread at a time.
//
// Usage:   AtomicFile file(path);   file.write(data, bytes) as often as wanted;   file.commit();
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t size_bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }

  // Flushes, reads back, renames and flushes the folder. At most once; std::logic_error on write()
  // or commit() afterwards. before_rename: given the name under which all of it is by then.
  void commit(const std::function<void(const std::string& temporary)>& before_rename = {});

  // As content_hash() of all that was written; after commit().
  const std::string& hash() const { return hash_; }

 private:
  void open_stream();
  void open_temporary();
  void flush();
  void write_all(const char* data, std::size_t size_bytes);
  void wait_until_writable();
  void compare_with_what_was_meant();
  [[noreturn]] void fail(const char* what);

  std::string path_;
  OutputPlace place_;
  std::string temporary_path_;  // empty for a stream
  std::string buffer_;
  ContentHasher hasher_;
  std::string hash_;
  int descriptor_ = -1;
};

}  // namespace candor::data
