// Every template may call the functions namespace, range, dict and raise_exception, which throws
// std::invalid_argument with its words.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

Dict global_functions();
// Messages list their names.
std::string function_names();

}  // namespace candor::data::jinja
