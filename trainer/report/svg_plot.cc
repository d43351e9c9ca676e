#include "trainer/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include <fmt/format.h>

namespace candor {
namespace {

constexpr int kLeft = 48, kRight = 12, kTop = 44, kBottom = 40;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the UTF-8 sequence that starts text; 0 when it is none (Unicode 14, table 3-7).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0);
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool allowed = (first != 0xE0 || byte(1) >= 0xA0) && (first != 0xED || byte(1) <= 0x9F);
    return allowed && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool allowed = (first != 0xF0 || byte(1) >= 0x90) && (first != 0xF4 || byte(1) <= 0x8F);
    return allowed && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

double tick_step(double range) {
  const double power = std::pow(10.0, std::floor(std::log10(range / 4)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    if (range / (factor * power) <= 5.0001) return factor * power;
  }
  return 10 * power;
}

class Canvas {
 public:
  explicit Canvas(const PlotOptions& options) : options_(options) {
    if (!(options_.x_max > options_.x_min)) options_.x_max = options_.x_min + 1;
    if (!(options_.y_max > options_.y_min)) options_.y_max = options_.y_min + 1;
  }

  void frame() {
    add("<svg class=\"plot\" role=\"img\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" aria-label=\"{2}\">", options_.width, options_.height,
        escape_html(options_.title));
    add("<text class=\"plot-title\" x=\"{}\" y=\"15\">{}</text>", kLeft, escape_html(options_.title));
    const double bottom = options_.height - kBottom, right = options_.width - kRight;
    const double x_step = tick_step(options_.x_max - options_.x_min), y_step = tick_step(options_.y_max - options_.y_min);
    // Whole multiples, not sums of steps: no 0.30000000000000004.
    for (auto k = std::ceil(options_.x_min / x_step - 1e-9); k * x_step <= options_.x_max + 1e-9 * x_step; ++k) {
      add("<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>", x(k * x_step), kTop, bottom);
      add("<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\">{:.6g}</text>", x(k * x_step), bottom + 14, k * x_step + 0.0);
    }
    for (auto k = std::ceil(options_.y_min / y_step - 1e-9); k * y_step <= options_.y_max + 1e-9 * y_step; ++k) {
      add("<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, y(k * y_step), right, y(k * y_step));
      add("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{:.3g}</text>", kLeft - 5, y(k * y_step) + 3.5, k * y_step + 0.0);
    }
    add("<text class=\"label\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>", (kLeft + right) / 2, options_.height - 8,
        escape_html(options_.x_label));
    add("<text class=\"label\" text-anchor=\"middle\" transform=\"translate(12 {:.1f}) rotate(-90)\">{}</text>", (kTop + bottom) / 2,
        escape_html(options_.y_label));
  }

  void draw(const Series& series) {
    switch (series.kind) {
      case SeriesKind::kLine:
        return line(series, fmt::format("line series-{}", series.colour));
      case SeriesKind::kReference:
        return line(series, "reference");
      case SeriesKind::kPoints:
        line(series, fmt::format("line thin series-{}", series.colour));
        return points(series);
      case SeriesKind::kBars:
        return bars(series);
    }
  }

  void legend(const std::vector<Series>& all) {
    double left = kLeft;
    for (const Series& series : all) {
      if (series.kind == SeriesKind::kReference || series.label.empty()) continue;
      add("<rect class=\"fill series-{}\" x=\"{:.1f}\" y=\"25\" width=\"9\" height=\"9\" rx=\"2\"/>", series.colour, left);
      add("<text class=\"label\" x=\"{:.1f}\" y=\"33\">{}</text>", left + 13, escape_html(series.label));
      left += 30 + 5.9 * static_cast<double>(series.label.size());
    }
  }

  std::string finish() {
    svg_ += "</svg>\n";
    return std::move(svg_);
  }

 private:
  template <typename... Values>
  void add(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(svg_), format, std::forward<Values>(values)...);
  }
  static bool drawable(const CurvePoint& point) { return std::isfinite(point.x) && std::isfinite(point.y); }
  double x(double value) const {
    const double share = (std::clamp(value, options_.x_min, options_.x_max) - options_.x_min) / (options_.x_max - options_.x_min);
    return kLeft + share * (options_.width - kLeft - kRight);
  }
  double y(double value) const {
    const double share = (std::clamp(value, options_.y_min, options_.y_max) - options_.y_min) / (options_.y_max - options_.y_min);
    return options_.height - kBottom - share * (options_.height - kTop - kBottom);
  }

  void line(const Series& series, const std::string& style) {
    std::string path;
    for (const CurvePoint& point : series.points) {
      if (drawable(point)) path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x(point.x), y(point.y));
    }
    if (!path.empty()) add("<polyline class=\"{}\" points=\"{}\"/>", style, path);
  }

  void points(const Series& series) {
    const double largest = series.sizes.empty() ? 1 : std::max(1e-12, *std::max_element(series.sizes.begin(), series.sizes.end()));
    for (size_t i = 0; i < series.points.size(); ++i) {
      if (!drawable(series.points[i])) continue;
      const double share = i < series.sizes.size() ? series.sizes[i] / largest : 0.2;
      add("<circle class=\"fill series-{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"/>", series.colour, x(series.points[i].x), y(series.points[i].y),
          2 + 6 * std::sqrt(share));
    }
  }

  void bars(const Series& series) {
    for (const CurvePoint& point : series.points) {
      if (!drawable(point)) continue;
      const double left = x(point.x - series.bar_width / 2), right = x(point.x + series.bar_width / 2);
      add("<rect class=\"fill series-{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>", series.colour, left, y(point.y),
          right - left, y(options_.y_min) - y(point.y));
    }
  }

  PlotOptions options_;
  std::string svg_;
};

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0 || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == '\x7f') {
      escaped += kReplacement;
    } else if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else if (c == '\'') {
      escaped += "&#39;";
    } else {
      escaped += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(1, length));
  }
  return escaped;
}

std::string svg_plot(const PlotOptions& options, const std::vector<Series>& series) {
  Canvas canvas(options);
  canvas.frame();
  for (const Series& one : series) canvas.draw(one);
  canvas.legend(series);
  return canvas.finish();
}

}  // namespace candor
