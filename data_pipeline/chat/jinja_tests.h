// These are Jinja's tests of values: {% if value is name(arguments) %}.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

// Throws std::invalid_argument for a name it doesn't know, with those it knows, and for a value the
// test isn't for.
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments, Site site);
bool contains(const Value& container, const Value& element, Site site);

}  // namespace candor::data::jinja
