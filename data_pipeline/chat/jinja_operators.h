// What an expression's operators do to values that are already known. Each throws
// std::invalid_argument with the line for values that it isn't defined for.
#pragma once

#include <cstddef>
#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

// No rendered text and no repeated text may be longer.
inline constexpr size_t kLongestText = size_t{64} << 20;

// This is object[key], which is undefined where there is none.
Value item(const Value& object, const Value& key, Site line);
// This is a op b for + - * / // % ** and ~. Integers round down as Python's do, and fail() on
// overflow.
Value binary(const std::string& op, const Value& a, const Value& b, Site site);

}  // namespace candor::data::jinja
