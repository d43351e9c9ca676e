// Numbers and booleans of a YAML tree, read strictly.
#pragma once

#include <cstdint>
#include <optional>

#include "launch/config/yaml_tree.h"

namespace candor::launch {

// Decimal numbers as YAML 1.2's core schema writes them: +5; for number_in also .5, 5. and 1.e-3.
// Nothing for what YAML 1.1 reads otherwise (012 as ten, 0x10 as sixteen, 1_000 as a thousand), for
// infinities and NaN, and for anything in quotes.
std::optional<int64_t> integer_in(const YamlNode& node);
std::optional<double> number_in(const YamlNode& node);

// true, True and TRUE, and the same of false; nothing for yes, no, on and off, which YAML 1.1 took
// for booleans too.
std::optional<bool> boolean_in(const YamlNode& node);

// Whether a plain scalar in place of a text is an error: a number that begins with a digit or a
// minus, true or false. +5, .5 and True are texts there.
bool must_be_quoted_as_text(const YamlNode& node);

}  // namespace candor::launch
