// Walks a parsed template and writes its text. Throws std::invalid_argument with the line for
// errors, and for raise_exception with its words.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_ast.h"

namespace candor::data::jinja {

std::string render(const Block& block, const Dict& variables);

}  // namespace candor::data::jinja
