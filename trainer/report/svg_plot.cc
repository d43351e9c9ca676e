#include "trainer/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include <fmt/format.h>

namespace candor::trainer {
namespace {

constexpr int kLeft = 54, kRight = 16, kTop = 28, kLegend = 16, kBottom = 40;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the UTF-8 sequence that starts text; 0 when it is none (Unicode 14, table 3-7).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
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

double tick_step(double range, bool whole) {
  if (whole && range <= 5) return 1;
  const double power = std::pow(10.0, std::floor(std::log10(range / 4)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    if (range / (factor * power) <= 5.0001) return factor * power;
  }
  return 10 * power;
}

// All ticks of an axis whose values go up to `largest` alike: 2.5e-5 and 1e-4, not 2.5e-05 and
// 0.0001.
std::string tick_text(double value, double largest) {
  if (value == 0 || (largest >= 1e-2 && largest < 1e6)) return fmt::format("{:.6g}", value + 0.0);
  const std::string text = fmt::format("{:.1e}", value);  // 2.5e-05
  const size_t e = text.find('e');
  const std::string mantissa =
      text.substr(e - 2, 2) == ".0" ? text.substr(0, e - 2) : text.substr(0, e);
  return fmt::format("{}e{}", mantissa, std::stoi(text.substr(e + 1)));
}

class Canvas {
 public:
  Canvas(const PlotOptions& options, bool with_legend)
      : options_(options), top_(with_legend ? kTop + kLegend : kTop) {
    if (!(options_.x_max > options_.x_min)) options_.x_max = options_.x_min + 1;
    if (!(options_.y_max > options_.y_min)) options_.y_max = options_.y_min + 1;
  }

  void frame() {
    add("<svg class=\"plot\" role=\"img\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "aria-label=\"{2}\">",
        options_.width, options_.height, escape_html(options_.title));
    add("<text class=\"plot-title\" x=\"{}\" y=\"15\">{}</text>", kLeft,
        escape_html(options_.title));
    const double bottom = options_.height - kBottom, right = options_.width - kRight;
    const double x_step = tick_step(options_.x_max - options_.x_min, options_.whole_x);
    const double y_step = tick_step(options_.y_max - options_.y_min, options_.whole_y);
    const double x_largest = std::max(std::abs(options_.x_min), std::abs(options_.x_max));
    const double y_largest = std::max(std::abs(options_.y_min), std::abs(options_.y_max));
    // Whole multiples, not sums of steps: no 0.30000000000000004.
    std::vector<std::pair<double, std::string>> x_ticks = options_.x_ticks;
    if (x_ticks.empty()) {
      for (auto k = std::ceil(options_.x_min / x_step - 1e-9);
           k * x_step <= options_.x_max + 1e-9 * x_step; ++k) {
        x_ticks.emplace_back(k * x_step, tick_text(k * x_step, x_largest));
      }
    }
    for (const auto& [value, text] : x_ticks) {
      add("<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>",
          x(value), top_, bottom);
      add("<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
          x(value), bottom + 14, escape_html(text));
    }
    for (auto k = std::ceil(options_.y_min / y_step - 1e-9);
         k * y_step <= options_.y_max + 1e-9 * y_step; ++k) {
      add("<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft,
          y(k * y_step), right, y(k * y_step));
      add("<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft - 5,
          y(k * y_step) + 3.5, tick_text(k * y_step, y_largest));
    }
    add("<text class=\"label\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>",
        (kLeft + right) / 2, options_.height - 8, escape_html(options_.x_label));
    add("<text class=\"label\" text-anchor=\"middle\" transform=\"translate(12 {:.1f}) "
        "rotate(-90)\">{}</text>",
        (top_ + bottom) / 2, escape_html(options_.y_label));
  }

  void draw(const Series& series) {
    switch (series.kind) {
      case SeriesKind::kLine:
        return line(series,
                    fmt::format("line series-{}{}", series.colour, series.dashed ? " dashed" : ""));
      case SeriesKind::kReference: return line(series, "reference");
      case SeriesKind::kPoints:
        line(series, fmt::format("line thin series-{}", series.colour));
        return points(series);
      case SeriesKind::kScatter: return points(series);
      case SeriesKind::kBars: return bars(series);
    }
  }

  void legend(const std::vector<Series>& all) {
    double left = kLeft;
    for (const Series& series : all) {
      if (series.label.empty()) continue;
      if (series.kind == SeriesKind::kReference || series.dashed) {
        const std::string style =
            series.dashed ? fmt::format("line series-{} dashed", series.colour) : "reference";
        add("<line class=\"{}\" x1=\"{:.1f}\" y1=\"29.5\" x2=\"{:.1f}\" y2=\"29.5\"/>", style,
            left - 5, left + 9);
      } else {
        add("<rect class=\"fill series-{}\" x=\"{:.1f}\" y=\"25\" width=\"9\" height=\"9\" "
            "rx=\"2\"/>",
            series.colour, left);
      }
      add("<text class=\"label\" x=\"{:.1f}\" y=\"33\">{}</text>", left + 13,
          escape_html(series.label));
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
  static bool drawable(const CurvePoint& point) {
    return std::isfinite(point.x) && std::isfinite(point.y);
  }
  double x(double value) const {
    const double share = (std::clamp(value, options_.x_min, options_.x_max) - options_.x_min) /
                         (options_.x_max - options_.x_min);
    return kLeft + share * (options_.width - kLeft - kRight);
  }
  double y(double value) const {
    const double share = (std::clamp(value, options_.y_min, options_.y_max) - options_.y_min) /
                         (options_.y_max - options_.y_min);
    return options_.height - kBottom - share * (options_.height - top_ - kBottom);
  }

  static std::string note(const Series& series, size_t i) {
    return i < series.notes.size() ? "<title>" + escape_html(series.notes[i]) + "</title>" : "";
  }

  void line(const Series& series, const std::string& style) {
    std::string path;
    for (const CurvePoint& point : series.points) {
      if (drawable(point))
        path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", x(point.x), y(point.y));
    }
    if (!path.empty()) add("<polyline class=\"{}\" points=\"{}\"/>", style, path);
  }

  void points(const Series& series) {
    const double largest =
        series.sizes.empty()
            ? 1
            : std::max(1e-12, *std::max_element(series.sizes.begin(), series.sizes.end()));
    for (size_t i = 0; i < series.points.size(); ++i) {
      if (!drawable(series.points[i])) continue;
      const double share = i < series.sizes.size() ? series.sizes[i] / largest : 0.05;
      if (i < series.y_ranges.size()) {
        add("<line class=\"range series-{0}\" x1=\"{1:.1f}\" y1=\"{2:.1f}\" x2=\"{1:.1f}\" "
            "y2=\"{3:.1f}\"/>",
            series.colour, x(series.points[i].x), y(series.y_ranges[i].first),
            y(series.y_ranges[i].second));
      }
      add("<circle class=\"fill series-{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\">{}</circle>",
          series.colour, x(series.points[i].x), y(series.points[i].y), 2 + 6 * std::sqrt(share),
          note(series, i));
    }
  }

  void bars(const Series& series) {
    for (size_t i = 0; i < series.points.size(); ++i) {
      const CurvePoint& point = series.points[i];
      if (!drawable(point)) continue;
      const double left = x(point.x - series.bar_width / 2),
                   right = x(point.x + series.bar_width / 2);
      add("<rect class=\"fill series-{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
          "height=\"{:.1f}\">{}</rect>",
          series.colour, left, y(point.y), right - left, y(options_.y_min) - y(point.y),
          note(series, i));
    }
  }

  PlotOptions options_;
  int top_;
  std::string svg_;
};

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0 || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') ||
        c == '\x7f') {
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
  Canvas canvas(options, std::any_of(series.begin(), series.end(),
                                     [](const Series& one) { return !one.label.empty(); }));
  canvas.frame();
  for (const Series& one : series) canvas.draw(one);
  canvas.legend(series);
  return canvas.finish();
}

}  // namespace candor::trainer
