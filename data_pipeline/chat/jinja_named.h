// Templates call functions by names; these are tables of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace candor::data::jinja {

template <class F>
struct Named {
  std::string_view name;
  F function;
};

template <class F, std::size_t N>
F find_named(const std::array<Named<F>, N>& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Named<F>& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : found->function;
}

// Returns "abs, capitalize, ...", in the order of the table.
template <class F, std::size_t N>
std::string names_of(const std::array<Named<F>, N>& table) {
  std::string names;
  for (const Named<F>& entry : table) names.append(names.empty() ? "" : ", ").append(entry.name);
  return names;
}

}  // namespace candor::data::jinja
