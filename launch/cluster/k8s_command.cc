#include "launch/cluster/k8s_command.h"

#include <fmt/format.h>

#include "data_pipeline/files/atomic_file.h"
#include "launch/cluster/mpijob.h"
#include "launch/ranks/exit_codes.h"

namespace candor::launch {

int k8s_command(const RunConfig& config, const CommandArguments& arguments) {
  const std::string text = mpijob_yaml(config, arguments.job);
  if (arguments.output.empty()) {
    fmt::print("{}", text);
  } else {
    data::write_file_atomically(arguments.output, text);
  }
  return kExitOk;
}

}  // namespace candor::launch
