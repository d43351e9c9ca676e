#include "data_pipeline/tokenizer/pcre2_version.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>

namespace candor::data {

std::string pcre2_library_version() {
  char version[64] = {};
  char unicode[64] = {};
  std::uint32_t jit = 0;
  pcre2_config(PCRE2_CONFIG_VERSION, version);
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, unicode);
  pcre2_config(PCRE2_CONFIG_JIT, &jit);
  return std::string(version) + ", Unicode " + unicode + (jit != 0 ? ", JIT" : ", no JIT");
}

}  // namespace candor::data
