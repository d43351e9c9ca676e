// This is what an object has under a name: mappings have entries, and texts and mappings have
// methods.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

// This is object.name and object["name"]. It is undefined where there is none; an undefined value
// has no attributes, so that asking for one is fail().
Value attribute_of(const Value& object, const std::string& name, Site site);
// Returns the method `name` of the object as a function, or undefined where it has none.
Value method_of(const Value& object, const std::string& name, Site site);
// Messages list them.
std::string method_names();

// These two are filters as well as methods.
List dict_items(const Value& value, Site site);
// Takes the separator from the argument `d`, and joins what the elements have under the argument
// `attribute`, if there is one.
std::string joined(const Value& value, const Arguments& arguments, Site site);

}  // namespace candor::data::jinja
