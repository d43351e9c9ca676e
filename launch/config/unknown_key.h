// What to say of a key that a config doesn't have.
#pragma once

#include <string>

namespace candor::launch {

// The end of a message about the key `typed` in `section` ("" = top; "prompt.few_shot" of records):
// the nearest valid key or keys by spelling, words, a usual short name or in another section; that
// the form with a dot is for --set; or, where none is near, the section's keys. Never the section
// that the key already stands in.
std::string unknown_key_hint(const std::string& section, const std::string& typed);

}  // namespace candor::launch
