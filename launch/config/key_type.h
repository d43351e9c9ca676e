// What kind of value a key of a config takes, as config_fields.cc declares it.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace candor::launch {

struct KeyType {
  enum class Kind { kWhole, kNumber, kOther };
  Kind kind = Kind::kOther;
  bool is_path = false;
  std::vector<std::string> names{};  // the only values that it takes; empty: not a choice by name
};

// Nothing for what isn't a key: a section, or a key of a record in a list.
std::optional<KeyType> type_of_key(const std::string& path);

}  // namespace candor::launch
