#include "data_pipeline/files/journal_file.h"

#include <filesystem>
#include <span>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/content_hash.h"
#include "data_pipeline/files/read_file.h"

namespace candor::data {
namespace {

std::string hash_of(const std::string& lines) {
  return content_hash(std::as_bytes(std::span(lines)));
}

}  // namespace

void write_journal_file(const std::string& path, const std::string& lines) {
  write_file_atomically(path, hash_of(lines) + "\n" + lines);
}

std::optional<std::string> read_journal_file(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::string text = read_file(path);
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return std::nullopt;
  const std::string lines = text.substr(end + 1);
  return text.substr(0, end) == hash_of(lines) ? std::optional(lines) : std::nullopt;
}

}  // namespace candor::data
