// What an object has under a name: the entries of mappings, and the methods of texts and mappings.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

// object.name and object["name"]: undefined where there is none; fail() for an attribute of an
// undefined value.
Value attribute_of(const Value& object, const std::string& name, Site site);
// The method `name` of the object as a function; undefined where it has none.
Value method_of(const Value& object, const std::string& name, Site site);
// The names of all methods, for messages.
std::string method_names();

// These two are filters as well as methods.
List dict_items(const Value& value, Site site);
// Takes the separator from the argument `d`, and joins what the elements have under the argument
// `attribute`, if there is one.
std::string joined(const Value& value, const Arguments& arguments, Site site);

}  // namespace candor::data::jinja
