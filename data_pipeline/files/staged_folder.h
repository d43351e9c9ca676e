// Files of one folder that belong together, replaced together: they are written into a hidden
// folder beside their places and renamed once all of them are whole, so a full disk or an error
// leaves the old ones as they were.
//
// Usage:   StagedFolder staged(folder);   write_file_atomically(staged.path("a"), a);
// write_file_atomically(staged.path("config.json"), c);
//          staged.commit();
// The last name asked for is the manifest: without it readers see no such thing as these files
// make, so it is gone while the others are renamed and comes last. A crash leaves at worst a folder
// .tmp-<16 hex digits>, and between two renames a folder without its manifest.
#pragma once

#include <string>
#include <vector>

namespace candor::data {

class StagedFolder {
 public:
  // Makes `folder` if need be. Throws std::system_error naming it.
  explicit StagedFolder(std::string folder);
  ~StagedFolder();  // without commit() nothing of what was written stays
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  // Where to write the file that will be `folder`/name. A symbolic link there gives way to the
  // file, and what it leads to stays: the files of a folder are whole only in the folder itself.
  // Throws FileError for a device, a pipe or a socket, which are never replaced.
  std::string path(const std::string& name);

  // At most once. Throws std::system_error.
  void commit();

 private:
  std::string folder_;
  std::string staging_;
  std::vector<std::string> names_;
};

}  // namespace candor::data
