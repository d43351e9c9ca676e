#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "trainer/report/report.h"
#include "trainer/report/report_rows.h"

namespace candor::trainer {
namespace {

// Width on the screen, as far as one code point is one column.
size_t code_points(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, code_points(text)), ' ');
}

std::string cell(const MetricValue& value) {
  if (!std::isfinite(value.value)) return "-";
  if (!std::isfinite(value.low)) return figure(value.value);
  return fmt::format("{} [{}, {}]", figure(value.value), figure(value.low), figure(value.high));
}

// With the space before the next column.
size_t column_width(const std::vector<ReportRow>& rows, const char* metric) {
  constexpr size_t kUsual = 22, kSpace = 2;
  size_t width = kUsual;
  for (const ReportRow& row : rows)
    width = std::max(width, cell(metric_of(*row.metrics, metric)).size() + kSpace);
  return width;
}

}  // namespace

std::string before_after_table(const ReportInput& input) {
  // Four figures below 10 with intervals fit a terminal of 144 columns; report.html has the rest. A
  // label that doesn't fit has a line of its own.
  static constexpr const char* kColumns[] = {"auroc", "brier", "ece", "nll"};
  constexpr size_t kMostLabel = 42;
  const std::vector<ReportRow> rows = report_rows(input);
  size_t label_width = 10;
  for (const ReportRow& row : rows)
    label_width = std::max(label_width, std::min(kMostLabel, code_points(row.label)));
  std::string table = padded("", label_width + 2);
  std::map<std::string, size_t> widths;
  for (const char* name : kColumns) {
    widths[name] = column_width(rows, name);
    table += padded(metric_entry(name).heading, widths[name]);
  }
  table += "levels\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r > 0 && rows[r].kind != rows[r - 1].kind) table += "\n";
    if (code_points(rows[r].label) > label_width) table += rows[r].label + "\n";
    table += padded(code_points(rows[r].label) > label_width ? "" : rows[r].label, label_width + 2);
    for (const char* name : kColumns)
      table += padded(cell(metric_of(*rows[r].metrics, name)), widths[name]);
    table += rows[r].distinct_argmax_levels ? fmt::format("{}{}\n", *rows[r].distinct_argmax_levels,
                                                          rows[r].collapsed ? ", collapsed" : "")
                                            : "\n";
    while (table.size() >= 2 && table[table.size() - 2] == ' ') table.erase(table.size() - 2, 1);
  }
  return table;
}

}  // namespace candor::trainer
