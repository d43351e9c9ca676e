#include "launch/ranks/processor.h"

#include <ATen/Version.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <sstream>

namespace candor::launch {

Processor this_processor() {
  std::map<std::string, std::string> fields;  // of the first core
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t end = line.find_last_not_of(" \t", colon - 1);
    if (end != std::string::npos)
      fields[line.substr(0, end + 1)] = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
  }
  Processor processor;
  processor.name = fields.count("model name") != 0 ? fields["model name"] : "unknown";
  processor.kind = fmt::format("{} {}/{} {}", fields["vendor_id"], fields["cpu family"],
                               fields["model"], at::get_cpu_capability());
  std::istringstream flags(fields["flags"]);
  for (std::string flag; flags >> flag;) {
    for (const char* wanted : {"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"}) {
      if (flag == wanted) processor.features += (processor.features.empty() ? "" : " ") + flag;
    }
  }
  return processor;
}

}  // namespace candor::launch
