// Who keeps the record of a stage is told what the stage is about to do to its outputs, so that
// after a kill at any point they aren't taken for a person's, nor for finished.
#pragma once

#include <string>

namespace candor::launch {

class OutputWatch {
 public:
  virtual ~OutputWatch() = default;
  // Before the first is replaced.
  virtual void begin_writing() = 0;
  // `output` is about to have the bytes of `temporary`. Begins where nobody has.
  virtual void claim(const std::string& output, const std::string& temporary) = 0;
};

}  // namespace candor::launch
