#include "launch/sweep/parameter_ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace candor::launch {
namespace {

constexpr size_t kMostNumbers = 6;

std::vector<double> round_numbers(double low, double high, bool whole) {
  const double range = std::max(high - low, 1e-300);
  double step = std::pow(10.0, std::floor(std::log10(range / 4)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    if (range / (factor * step) > 4.0001 && factor < 10) continue;
    step *= factor;
    break;
  }
  if (whole) step = std::max(1.0, std::ceil(step));
  std::vector<double> numbers;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i < 10 && (first + i) * step <= high + 1e-9 * step; ++i)
    numbers.push_back((first + i) * step);
  return numbers;
}

std::vector<double> round_numbers_of_a_logarithm(double low, double high) {
  std::vector<double> all, tens;
  for (double k = std::floor(std::log10(low)); k <= std::log10(high) + 1e-9; ++k) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double number =
          std::stod(fmt::format("{}e{}", factor, k));  // 0.001, not 10 to the power of -3
      if (number < low * (1 - 1e-9) || number > high * (1 + 1e-9)) continue;
      all.push_back(number);
      if (factor == 1) tens.push_back(number);
    }
  }
  return all.size() > kMostNumbers && tens.size() > 1 ? tens : all;
}

// By characters of UTF-8, which aren't cut through.
std::string cut(const std::string& text, size_t most) {
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0u) == 0x80u) continue;
    if (++characters > most) return text.substr(0, i) + "\u2026";
  }
  return text;
}

}  // namespace

std::vector<std::pair<double, std::string>> ticks_of(const Parameter& parameter,
                                                     size_t most_characters) {
  std::vector<std::pair<double, std::string>> ticks;
  if (parameter.kind == ParameterKind::kChoice) {
    const size_t each =
        std::max<size_t>(3, most_characters / std::max<size_t>(1, parameter.choices.size()));
    for (const std::string& text : parameter.choices)
      ticks.emplace_back(parameter.position_of(text), cut(text, each));
    return ticks;
  }
  const bool whole = parameter.kind == ParameterKind::kInteger;
  std::vector<double> numbers = parameter.kind == ParameterKind::kLogUniform
                                    ? round_numbers_of_a_logarithm(parameter.low, parameter.high)
                                    : round_numbers(parameter.low, parameter.high, whole);
  if (numbers.size() < 2) numbers = {parameter.low, parameter.high};
  for (const double number : numbers) {
    const std::string text =
        whole ? fmt::format("{:.0f}", number) : fmt::format("{:.6g}", number + 0.0);
    if (!ticks.empty() && ticks.back().second == text) continue;
    ticks.emplace_back(parameter.position_of(fmt::format("{:.17g}", number)), text);
  }
  return ticks;
}

}  // namespace candor::launch
