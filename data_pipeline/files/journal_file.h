// A finished piece of a longer work, kept until all pieces are joined: lines of text behind a line
// with their hash, so that a damaged piece is done again and never joined.
#pragma once

#include <optional>
#include <string>

namespace candor::data {

// Atomically. Throws std::system_error.
void write_journal_file(const std::string& path, const std::string& lines);

// Nothing where there is none or it is damaged. Throws std::system_error where the disk fails.
std::optional<std::string> read_journal_file(const std::string& path);

}  // namespace candor::data
