#include "data_pipeline/files/jsonl.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <istream>
#include <set>
#include <stdexcept>
#include <streambuf>
#include <system_error>
#include <vector>

namespace candor::data {
namespace {

// Our records are nested 2 deep, a model's files less than 10. What walks a value (copying,
// dumping) takes stack for each level.
constexpr int kDeepestJson = 100;
// A record is some KB; a file without line ends must not be read into memory whole.
constexpr std::size_t kLongestLineBytes = std::size_t{64} << 20;

// std::getline with a limit. False at the end of the file.
bool read_line(std::istream& file, std::string& line, const std::string& where) {
  line.clear();
  std::streambuf& buffer = *file.rdbuf();
  constexpr int kEnd = std::char_traits<char>::eof();
  int c = buffer.sbumpc();
  if (c == kEnd) return false;
  for (; c != kEnd && c != '\n'; c = buffer.sbumpc()) {
    if (line.size() == kLongestLineBytes) {
      throw std::invalid_argument(
          fmt::format("{}: the line is longer than {} bytes; is it a file of JSON lines?", where,
                      kLongestLineBytes));
    }
    line += static_cast<char>(c);
  }
  return true;
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& where) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> keys_of_open_objects;
  // nlohmann keeps the last of two equal keys without a word.
  const auto check = [&](int depth, Event event, nlohmann::json& parsed) {
    if ((event == Event::object_start || event == Event::array_start) && depth >= kDeepestJson) {
      throw std::invalid_argument(
          fmt::format("{}: not valid here: the JSON is nested over {} deep; is the file damaged?",
                      where, kDeepestJson));
    }
    if (event == Event::object_start) keys_of_open_objects.emplace_back();
    if (event == Event::object_end) keys_of_open_objects.pop_back();
    if (event == Event::key &&
        !keys_of_open_objects.back().insert(parsed.get<std::string>()).second) {
      throw std::invalid_argument(fmt::format("{}: the key \"{}\" appears twice in one object",
                                              where, parsed.get<std::string>()));
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), check);
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(fmt::format("{}: not valid JSON: {}", where, error.what()));
  }
}

void for_each_json_line(
    const std::string& path,
    const std::function<void(const nlohmann::json& value, std::size_t line_number)>& use) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(),
                            fmt::format("cannot open {}", path));
  // An ifstream opens a folder without complaint.
  if (std::filesystem::is_directory(path))
    throw std::system_error(EISDIR, std::generic_category(), fmt::format("cannot read {}", path));
  std::string line;
  for (std::size_t line_number = 1;; ++line_number) {
    const std::string where = fmt::format("{}:{}", path, line_number);
    try {
      if (!read_line(file, line, where)) break;
    } catch (
        const std::ios_base::failure&) {  // the buffer's own, which doesn't know the file's name
      throw std::system_error(EIO, std::generic_category(), fmt::format("cannot read {}", path));
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json value = parse_json(line, where);
    try {
      use(value, line_number);
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what();
      if (message.rfind(where, 0) == 0) throw;
      throw std::invalid_argument(fmt::format("{}: {}", where, message));
    } catch (const nlohmann::json::exception& error) {
      throw std::invalid_argument(fmt::format("{}: {}", where, error.what()));
    }
  }
  if (file.bad())
    throw std::system_error(EIO, std::generic_category(), fmt::format("cannot read {}", path));
}

}  // namespace candor::data
