#include "data_pipeline/questions/response.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace candor {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";

std::string_view stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

std::string cut_response(std::string_view generated, std::string_view marker) {
  // The marker may come with other white space around it than the prompt's.
  const std::string_view word = stripped(marker);
  std::string_view text = generated;
  if (!word.empty()) text = text.substr(0, text.find(word));
  text = stripped(text);
  return std::string(stripped(text.substr(0, text.find('\n'))));
}

std::optional<double> parse_stated_confidence(std::string_view text, int scale) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string word = "confidence:";
  for (size_t at = lower.rfind(word); at != std::string::npos; at = at == 0 ? std::string::npos : lower.rfind(word, at - 1)) {
    size_t digit = lower.find_first_not_of(" \t", at + word.size());
    std::string number;
    while (digit < lower.size() && std::isdigit(static_cast<unsigned char>(lower[digit])) != 0 && number.size() < 4) number += lower[digit++];
    if (number.empty()) continue;
    const bool percent = digit < lower.size() && lower[digit] == '%';
    const double value = std::stod(number) / (percent ? 100.0 : static_cast<double>(scale));
    if (value <= 1) return value;
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace candor
