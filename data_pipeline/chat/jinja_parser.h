// Tokens to a tree. Throws std::invalid_argument naming construct and line for what isn't
// supported.
#pragma once

#include <string_view>

#include "data_pipeline/chat/jinja_ast.h"

namespace candor::data::jinja {

Block parse(std::string_view source);

}  // namespace candor::data::jinja
