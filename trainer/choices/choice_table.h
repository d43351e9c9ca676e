// The names of an enum's values, once an enum: what reads, writes, explains or reports a choice by
// name reads the table that stands beside the enum.
//
// Usage:   enum class Side { kLeft, kRight };
//          template <>
//          inline constexpr auto kChoices<Side> =
//              std::array{Choice{Side::kLeft, "left"}, Choice{Side::kRight, "right"}};
#pragma once

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace candor::trainer {

template <typename Enum>
struct Choice {
  Enum value;
  const char* name;
};

// In the order in which users are told of them.
template <typename Enum>
inline constexpr auto kChoices = nullptr;

template <typename Enum>
std::vector<std::string> choice_names() {
  std::vector<std::string> names;
  for (const Choice<Enum>& choice : kChoices<Enum>) names.emplace_back(choice.name);
  return names;
}

template <typename Enum>
const char* choice_name(Enum value) {
  for (const Choice<Enum>& choice : kChoices<Enum>) {
    if (choice.value == value) return choice.name;
  }
  throw std::logic_error("a value of an enum isn't in the table of its names");
}

// Nothing for a name that isn't in the table.
template <typename Enum>
std::optional<Enum> choice_named(std::string_view name) {
  for (const Choice<Enum>& choice : kChoices<Enum>) {
    if (choice.name == name) return choice.value;
  }
  return std::nullopt;
}

}  // namespace candor::trainer
