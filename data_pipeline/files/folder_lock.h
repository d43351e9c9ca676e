// One writer a folder: while a FolderLock lives, no other process gets one of the same folder, on
// this host or on another that shares a file system which locks (NFS does).
//
// Usage:   std::string owner = "candor run, process 7 on node1";
//          std::optional<FolderLock> lock = FolderLock::take(folder, owner);   // nothing: taken
// The folder's file kFileName holds the owner's words meanwhile, and stays. A process that ends,
// however it does, gives its locks back. A file system that can't lock lets everybody in. Throws
// std::system_error.
#pragma once

#include <optional>
#include <string>

namespace candor::data {

class FolderLock {
 public:
  static constexpr const char* kFileName = ".lock";

  // Nothing where somebody else has it. The folder must exist.
  static std::optional<FolderLock> take(const std::string& folder, const std::string& owner);
  // Of whoever has it, or had it last.
  static std::string owner_of(const std::string& folder);

  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace candor::data
