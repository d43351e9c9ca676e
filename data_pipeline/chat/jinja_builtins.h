// The filters, tests and methods of texts, lists and mappings that templates may use. Each throws
// std::invalid_argument for a name it doesn't know.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments,
                   Site site);
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments, Site site);
// The method `name` of the object as a function; undefined where it has none.
Value method_of(const Value& object, const std::string& name, Site at);
// object.name and object["name"]: undefined where there is none; fail() for an attribute of an
// undefined value.
Value attribute_of(const Value& object, const std::string& name, Site site);
bool contains(const Value& container, const Value& element, Site site);

}  // namespace candor::data::jinja
