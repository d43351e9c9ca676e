#include "data_pipeline/files/jsonl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <istream>
#include <set>
#include <stdexcept>
#include <streambuf>
#include <system_error>
#include <utility>
#include <vector>

namespace candor::data {
namespace {

// Our records are nested 2 deep, a model's files less than 10. What walks a value (copying,
// dumping) takes stack for each level.
constexpr int kDeepestJson = 100;
// A record is some KB; a file without line ends must not be read into memory whole.
constexpr std::size_t kLongestLineBytes = std::size_t{64} << 20;

struct OtherFormat {
  std::string_view begins_with, name, advice;
};

constexpr OtherFormat kOtherFormats[] = {
    {"\x1f\x8b", "a gzip file", "unpack it first (gunzip)"},
    {"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first (unzstd)"},
    {"\xfd"
     "7zXZ",
     "an xz file", "unpack it first (unxz)"},
    {"BZh", "a bzip2 file", "unpack it first (bunzip2)"},
    {"PK\x03\x04", "a zip file", "unpack it first (unzip)"},
    {"PAR1", "a Parquet file", "convert it first"},
    {"\xff\xfe", "text in UTF-16", "save it in UTF-8 first"},
    {"\xfe\xff", "text in UTF-16", "save it in UTF-8 first"}};

// `line` is the first of the file.
void refuse_other_formats(std::string_view line, const std::string& path) {
  for (const OtherFormat& other : kOtherFormats) {
    if (!line.starts_with(other.begins_with)) continue;
    throw std::invalid_argument(fmt::format(
        "{}: expected JSON lines, which are text with one JSON object a line, got {}: {}", path,
        other.name, other.advice));
  }
}

// What to say of the first line that isn't empty, where it can't be parsed: it tells whether the
// file was meant to have a record a line. `wrong` is the parser's message.
std::string about_first_line(std::string_view line, const std::string& where,
                             const std::string& wrong) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
  if (line.starts_with('['))
    return fmt::format("{}: expected one JSON object a line, got the beginning of a JSON array: {}",
                       where, kHowToUnwrapAnArray);
  if (!line.starts_with('{'))
    return wrong + "; expected one JSON object a line, which begins with {";
  if (line[line.find_last_not_of(" \t\r")] == '}') return wrong;
  return wrong +
         "; expected one JSON object a line: write each whole object on a line of its own, as jq "
         "-c . does";
}

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

namespace {

nlohmann::json parse_line(const std::string& line, const std::string& where, bool is_first) {
  if (!is_first) return parse_json(line, where);
  try {
    return parse_json(line, where);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(about_first_line(line, where, error.what()));
  }
}

}  // namespace

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
  bool is_first = true;  // of the lines that aren't empty
  for (std::size_t line_number = 1;; ++line_number) {
    const std::string where = fmt::format("{}:{}", path, line_number);
    try {
      if (!read_line(file, line, where)) break;
    } catch (
        const std::ios_base::failure&) {  // the buffer's own, which doesn't know the file's name
      throw std::system_error(EIO, std::generic_category(), fmt::format("cannot read {}", path));
    }
    if (line_number == 1) refuse_other_formats(line, path);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json value = parse_line(line, where, std::exchange(is_first, false));
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
