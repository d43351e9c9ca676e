// An error of one rank, as a text that travels to the others, so that all throw the same.
#pragma once

#include <exception>
#include <string>

namespace candor::trainer {

// Of a std::system_error its code too; `host` comes first in what it says. Never empty.
std::string problem_text(const std::exception& error, const std::string& host);

// For a user to mend: a std::invalid_argument.
std::string problem_text_for_user(const std::string& message);

// Throws what the text was made of.
[[noreturn]] void throw_problem(const std::string& text);

}  // namespace candor::trainer
