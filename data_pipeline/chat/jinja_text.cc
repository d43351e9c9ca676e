#include "data_pipeline/chat/jinja_text.h"

#include <algorithm>
#include <cctype>

namespace candor::data::jinja {

constexpr std::string_view kSpace = " \t\n\r\f\v";

std::string strip(const std::string& text, const Arguments& arguments, bool left, bool right) {
  const Value set = arguments.get(0, "chars");
  const std::string characters =
      set.is<std::string>() ? set.as<std::string>() : std::string(kSpace);
  const size_t begin = left ? text.find_first_not_of(characters) : 0;
  if (begin == std::string::npos) return "";
  const size_t end = right ? text.find_last_not_of(characters) : text.size() - 1;
  return end == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}
std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}
std::string capitalize(std::string text) {
  text = lower(text);
  if (!text.empty()) text[0] = upper(text.substr(0, 1))[0];
  return text;
}
std::string title(std::string text) {
  bool start = true;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    c = static_cast<char>(start ? std::toupper(byte) : std::tolower(byte));
    start = std::isalpha(byte) == 0 && byte < 0x80;
  }
  return text;
}

void spend_search(const std::string& text, const std::string& part, Site site) {
  site.spend(1 + text.size() * (1 + part.size() / 64));
}

std::string replaced(const std::string& text, const std::string& from, const std::string& to,
                     Site site) {
  if (from.empty()) return text;
  spend_search(text, from, site);
  std::string out;
  size_t begin = 0;
  for (size_t at; (at = text.find(from, begin)) != std::string::npos; begin = at + from.size()) {
    site.spend(to.size());
    out.append(text, begin, at - begin).append(to);
  }
  return out.append(text, begin);
}

List split(const std::string& text, const Arguments& arguments, Site site) {
  List parts;
  const Value separator = arguments.get(0, "sep"), limit_value = arguments.get(1, "maxsplit");
  const int64_t limit =
      limit_value.is_integer() && limit_value.integer() >= 0 ? limit_value.integer() : INT64_MAX;
  if (!separator.is<std::string>() || separator.as<std::string>().empty()) {
    size_t at = text.find_first_not_of(kSpace);
    while (at != std::string::npos) {
      site.spend(kElementWork);
      const bool rest = static_cast<int64_t>(parts.size()) >= limit;
      const size_t end = rest ? text.find_last_not_of(kSpace) + 1
                              : std::min(text.find_first_of(kSpace, at), text.size());
      parts.emplace_back(text.substr(at, end - at));
      at = text.find_first_not_of(kSpace, end);
    }
    return parts;
  }
  const std::string& mark = separator.as<std::string>();
  spend_search(text, mark, site);
  size_t begin = 0;
  for (size_t at; static_cast<int64_t>(parts.size()) < limit &&
                  (at = text.find(mark, begin)) != std::string::npos;
       begin = at + mark.size()) {
    site.spend(kElementWork);
    parts.emplace_back(text.substr(begin, at - begin));
  }
  parts.emplace_back(text.substr(begin));
  return parts;
}

std::string indented(const std::string& text, const Arguments& arguments, Site site) {
  const Value width = arguments.get(0, "width");
  const std::string pad =
      width.is<std::string>()
          ? width.as<std::string>()
          : std::string(static_cast<size_t>(
                            width.is_integer() ? std::clamp<int64_t>(width.integer(), 0, 1000) : 4),
                        ' ');
  std::string out = truth(arguments.get(1, "first")) ? pad : "";
  const bool blank = truth(arguments.get(2, "blank"));
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\n' && i + 1 < text.size() && (blank || text[i + 1] != '\n')) {
      site.spend(pad.size());
      out += pad;
    }
  }
  return out;
}

}  // namespace candor::data::jinja
