#include "data_pipeline/questions/response.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace candor::data {
namespace {

constexpr std::string_view kStated = "confidence:";  // in lower case
constexpr std::string_view kSpace = " \t\r\n\f\v";

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace

std::string_view stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string cut_response(std::string_view generated, std::string_view marker) {
  // The marker may come with other white space around it than the prompt's.
  const std::string lower = lower_case(generated);
  size_t end = lower.find(kStated);
  if (const std::string word = lower_case(stripped(marker)); !word.empty())
    end = std::min(end, lower.find(word));
  std::string_view text = stripped(generated.substr(0, end));
  const size_t line_end = text.find('\n');
  text = stripped(text.substr(0, line_end));
  // "Paris (confidence: 8)"
  const bool confidence_followed =
      end != std::string_view::npos && line_end == std::string_view::npos;
  if (confidence_followed && !text.empty() && (text.back() == '(' || text.back() == '['))
    text.remove_suffix(1);
  return std::string(stripped(text));
}

}  // namespace candor::data
