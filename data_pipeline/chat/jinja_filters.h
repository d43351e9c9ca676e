// These are Jinja's filters: {{ value | name(arguments) }}.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

// Throws std::invalid_argument for a name it doesn't know, with those it knows, and for a value the
// filter isn't for.
Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments,
                   Site site);

}  // namespace candor::data::jinja
