// Where a file is really written whose path a user named: behind symbolic links, which stay, and
// into what is no regular file and mustn't be replaced by one.
#pragma once

#include <string>

namespace candor::data {

struct OutputPlace {
  std::string path{};      // behind all links
  bool is_stream = false;  // a pipe or a character device (/dev/null, a terminal): written into
  int descriptor = -1;     // the open one that the path stands for, as /dev/stdout does; else -1
};

// Nothing needs to be there yet. Throws std::system_error naming the path for a folder and for
// links in a circle, FileError for what can neither be replaced nor written into: a socket, a
// block device.
OutputPlace output_place(const std::string& path);

// Whether two paths lead to one regular file, through links or as hard links. False where one of
// them isn't there.
bool is_same_file(const std::string& a, const std::string& b);

}  // namespace candor::data
