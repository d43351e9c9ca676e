// A file that can't be used as it is: damaged, cut short, of another version, or changed by
// somebody else meanwhile. What the operating system itself refuses is a std::system_error instead.
#pragma once

#include <stdexcept>

namespace candor::data {

// what() names the file, what is wrong, and what to do.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace candor::data
