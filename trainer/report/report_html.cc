#include <cmath>

#include <fmt/format.h>

#include "data_pipeline/files/atomic_file.h"
#include "trainer/report/report.h"
#include "trainer/report/report_plots.h"
#include "trainer/report/report_rows.h"
#include "trainer/report/svg_plot.h"

namespace candor {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --page: #fdfdfc; --card: #f4f4f1; --text: #1c1c1a; --soft: #5f5f59; --grid: #e2e2dc; --axis: #8a8a82;
  --warn: #fde8d8; --series-0: #c2611f; --series-1: #2058c0; --series-2: #0e8a74; --series-3: #7d3fb8; }
@media (prefers-color-scheme: dark) { :root { --page: #161716; --card: #20211f; --text: #ecece6; --soft: #a5a59c; --grid: #353632; --axis: #77776f;
  --warn: #4a2b16; --series-0: #f0954f; --series-1: #79a8ff; --series-2: #3fcfb2; --series-3: #c79bf2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px; max-width: 1180px; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 10px; } p, ul { margin: 6px 0; max-width: 100ch; }
.soft, caption { color: var(--soft); } .warn { background: var(--warn); padding: 12px 16px; border-radius: 8px; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0; }
.tile { background: var(--card); border-radius: 10px; padding: 12px 18px; min-width: 170px; }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
  td small { color: var(--soft); display: block; font-size: 11.5px; white-space: nowrap; }
tr.after td:first-child { font-weight: 600; color: var(--series-1); } tr.before td:first-child { font-weight: 600; color: var(--series-0); }
tr.first td { border-top: 2px solid var(--axis); }
.plots { display: flex; flex-wrap: wrap; gap: 16px; } .plot { background: var(--card); border-radius: 10px; max-width: 100%; height: auto; }
.plot text { fill: var(--text); font: 11px system-ui, sans-serif; } .plot .plot-title { font-size: 13px; font-weight: 600; }
.plot .tick { fill: var(--soft); font-size: 10px; } .plot .grid { stroke: var(--grid); }
  .plot .reference { stroke: var(--axis); stroke-dasharray: 4 4; fill: none; }
.plot .line { fill: none; stroke-width: 2; stroke-linejoin: round; } .plot .thin { stroke-width: 1; }
.plot .line.series-0 { stroke: var(--series-0); } .plot .line.series-1 { stroke: var(--series-1); }
.plot .line.series-2 { stroke: var(--series-2); } .plot .line.series-3 { stroke: var(--series-3); }
.plot .fill { fill-opacity: .85; } .plot .fill.series-0 { fill: var(--series-0); } .plot .fill.series-1 { fill: var(--series-1); }
.plot .fill.series-2 { fill: var(--series-2); } .plot .fill.series-3 { fill: var(--series-3); }
pre { background: var(--card); padding: 14px; border-radius: 10px; overflow-x: auto; font-size: 13px; }
)";

std::string cell(const MetricValue& value) {
  if (!std::isfinite(value.value)) return "<td>-</td>";
  if (!std::isfinite(value.low)) return fmt::format("<td>{}</td>", figure(value.value));
  return fmt::format("<td>{}<small>{} to {}</small></td>", figure(value.value), figure(value.low), figure(value.high));
}

std::string tile(const char* heading, const char* key, const ReportInput& input) {
  return fmt::format("<div class=\"tile\"><span>{}</span><b>{} &rarr; {}</b><span>by expectation; argmax {} &rarr; {}</span></div>\n", heading,
                     figure(metric_of(input.before.overall.expectation, key).value), figure(metric_of(input.after.overall.expectation, key).value),
                     figure(metric_of(input.before.overall.argmax, key).value), figure(metric_of(input.after.overall.argmax, key).value));
}

std::string summary(const ReportInput& input) {
  const EvaluationGroup& after = input.after.overall;
  std::string html = fmt::format(
      "<p class=\"soft\">{} test examples, {} graded, {} answered rightly. &ldquo;Before&rdquo; is the untrained model, &ldquo;after&rdquo; the "
      "same answers with the adapter on while the confidence is said.</p>\n<div class=\"tiles\">\n",
      after.examples, after.graded, figure(metric_of(after.expectation, "accuracy").value));
  html += tile("AUROC (higher is better)", "auroc", input) + tile("Brier score (lower is better)", "brier", input) +
          tile("ECE, 10 equal bins (lower)", "ece", input) + tile("Negative log-likelihood (lower)", "nll", input) + "</div>\n";
  if (const auto warning = collapse_warning(input.after)) html += "<p class=\"warn\">" + escape_html(*warning) + "</p>\n";
  html += "<ul>\n";
  for (const std::string& sentence : findings(input)) html += "<li>" + escape_html(sentence) + "</li>\n";
  for (const std::string& note : input.notes) html += "<li>" + escape_html(note) + "</li>\n";
  return html + "</ul>\n";
}

std::string main_table(const ReportInput& input) {
  static constexpr const char* kClasses[] = {"before", "after", "baseline", "extra"};
  std::string html = "<div class=\"scroll\"><table>\n<tr><th></th>";
  for (const auto& [key, heading] : report_columns()) html += "<th>" + heading + "</th>";
  html += "<th>levels said</th></tr>\n";
  const std::vector<ReportRow> rows = report_rows(input);
  for (size_t r = 0; r < rows.size(); ++r) {
    const bool first = r > 0 && rows[r].kind != rows[r - 1].kind;
    html +=
        fmt::format("<tr class=\"{}{}\"><td>{}</td>", kClasses[static_cast<int>(rows[r].kind)], first ? " first" : "", escape_html(rows[r].label));
    for (const auto& column : report_columns()) html += cell(metric_of(*rows[r].metrics, column.first));
    html += rows[r].distinct_argmax_levels ? fmt::format("<td>{}</td></tr>\n", *rows[r].distinct_argmax_levels) : "<td></td></tr>\n";
  }
  return html +
         "</table></div>\n<p class=\"soft\">Small figures: 95 % bootstrap intervals, drawn by entity. Maps, probes and the best layer are fitted or "
         "chosen on "
         "training and validation examples, never on test. Brier, AUROC and their intervals come first: a constant has nearly the lowest ECE.</p>\n";
}

std::string distribution_table(const ReportInput& input) {
  std::string html =
      "<div class=\"scroll\"><table>\n<tr><th></th><th>entropy of q</th><th>mass on confidence tokens</th><th>says a confidence token</th>"
      "<th>spread of expectation</th><th>mean expectation</th><th>levels said</th></tr>\n";
  for (const bool is_after : {false, true}) {
    const EvaluationGroup& group = is_after ? input.after.overall : input.before.overall;
    html += fmt::format("<tr class=\"{0}\"><td>{0}</td>", is_after ? "after" : "before");
    for (const char* key : {"q_entropy", "format_mass", "parsed_share"}) html += cell(metric_of(group.distribution, key));
    for (const char* key : {"spread", "mean_confidence"}) html += cell(metric_of(group.expectation, key));
    html += fmt::format("<td>{}</td></tr>\n", group.distinct_argmax_levels);
  }
  return html + "</table></div>\n";
}

std::string dataset_table(const ReportInput& input) {
  std::string html =
      "<div class=\"scroll\"><table>\n<tr><th></th><th>graded</th><th>accuracy</th><th>AUROC before</th><th>AUROC after</th>"
      "<th>AUROC after, argmax</th><th>Brier before</th><th>Brier after</th><th>ECE before</th><th>ECE after</th></tr>\n";
  for (const auto& [name, after] : input.after.per_dataset) {
    const auto found = input.before.per_dataset.find(name);
    const MetricMap before = found == input.before.per_dataset.end() ? MetricMap{} : found->second.expectation;
    html += fmt::format("<tr><td>{}</td><td>{}</td>", escape_html(name), after.graded) + cell(metric_of(after.expectation, "accuracy"));
    html += cell(metric_of(before, "auroc")) + cell(metric_of(after.expectation, "auroc")) + cell(metric_of(after.argmax, "auroc"));
    for (const char* key : {"brier", "ece"}) html += cell(metric_of(before, key)) + cell(metric_of(after.expectation, key));
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string example_table(const std::vector<ExampleRow>& examples) {
  std::string html =
      "<div class=\"scroll\"><table>\n<tr><th>question</th><th>answer of the model</th><th>accepted answers</th><th>correct</th>"
      "<th>before</th><th>after</th><th>after, said</th></tr>\n";
  for (const ExampleRow& row : examples) {
    std::string accepted;
    for (const std::string& answer : row.answers) accepted += (accepted.empty() ? "" : "; ") + escape_html(answer);
    const std::string said = row.after_argmax ? fmt::format("{:.2f}", *row.after_argmax) : "unparsed";
    const std::string correct = row.correct == 1 ? "yes" : row.correct == 0 ? "no" : fmt::format("{:.2f}", row.correct);
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.2f}</td><td>{:.2f}</td><td>{}</td></tr>\n", escape_html(row.question),
                        escape_html(row.response), accepted, correct, row.before_expectation, row.after_expectation, said);
  }
  return html + "</table></div>\n";
}

std::string section(const char* heading, const std::string& content) {
  return content.empty() ? "" : fmt::format("<h2>{}</h2>\n{}", heading, content);
}

std::string plots(const std::string& drawings) { return drawings.empty() ? "" : "<div class=\"plots\">\n" + drawings + "</div>\n"; }

}  // namespace

void write_report_html(const std::string& path, const ReportInput& input) {
  AtomicFile file(path);
  const std::string title = escape_html(input.title);
  file.write(
      fmt::format("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n"
                  "<h1>{}</h1>\n",
                  title, kStyle, title));
  file.write(summary(input));
  file.write(section("Before, after, and what simpler methods reach", main_table(input)));
  file.write(section("Reliability", plots(reliability_plots(input)) +
                                        "<p class=\"soft\">Ten bins of equal width; the area of a point is its bin's share of the examples.</p>\n"));
  file.write(section("Confidences", plots(histogram_plots(input)) + distribution_table(input)));
  file.write(section("Telling right from wrong", plots(ranking_plots(input))));
  file.write(section("By relation", dataset_table(input)));
  file.write(section("Training", plots(training_plots(input.curve))));
  file.write(section("Examples", input.examples.empty() ? "" : example_table(input.examples)));
  file.write(section("Configuration", "<pre>" + escape_html(input.resolved_config_yaml) + "</pre>\n"));
  file.write("</body>\n</html>\n");
  file.commit();
}

}  // namespace candor
