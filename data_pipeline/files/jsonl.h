// JSON Lines: one JSON value a line, UTF-8. Lines of white space only are passed over.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace candor::data {

// What to do about a JSON array where JSON lines are wanted.
inline constexpr std::string_view kHowToUnwrapAnArray =
    "write each of its elements on a line of its own, without [ and ], as jq -c '.[]' does";

// Calls `use` for each line, in order; line_number counts from 1. Reads line by line, so any file
// size will do.
// Throws std::system_error if the file can't be read; std::invalid_argument "PATH:LINE: ..." for a
// line that isn't JSON, repeats a key or is longer than 64 MiB, and also for a
// std::invalid_argument or a nlohmann::json exception that `use` throws: it gets the same prefix.
void for_each_json_line(
    const std::string& path,
    const std::function<void(const nlohmann::json& value, std::size_t line_number)>& use);

// Parses one JSON text strictly: a repeated key of an object and nesting over 100 deep are errors
// too. `where` (a path, or "path:line") starts the message of the std::invalid_argument.
nlohmann::json parse_json(std::string_view text, const std::string& where);

}  // namespace candor::data
