#include "trainer/report/report_tables.h"

#include <cmath>

#include <fmt/format.h>

#include "trainer/report/read_out.h"
#include "trainer/report/report_rows.h"
#include "trainer/report/svg_plot.h"

namespace candor::trainer {
namespace {

constexpr std::string_view kTable =
    "<div class=\"scroll\" tabindex=\"0\"><table>\n";  // tabindex: scrolled by keyboard too

std::string html_cell(const MetricValue& value) {
  if (!std::isfinite(value.value)) return "<td>-</td>";
  if (!std::isfinite(value.low)) return fmt::format("<td>{}</td>", figure(value.value));
  return fmt::format("<td>{}<small>{} to {}</small></td>", figure(value.value), figure(value.low),
                     figure(value.high));
}

}  // namespace

std::string main_table(const ReportInput& input) {
  static constexpr const char* kClasses[] = {"before", "after", "baseline", "extra"};
  std::string html = std::string(kTable) + "<tr><th></th>";
  for (const MetricEntry& column : report_columns())
    html += fmt::format("<th>{} {}</th>", column.heading,
                        column.better == Better::kHigher ? "&uarr;" : "&darr;");
  html += "<th>levels said</th></tr>\n";
  const std::vector<ReportRow> rows = report_rows(input);
  for (size_t r = 0; r < rows.size(); ++r) {
    const bool first = r > 0 && rows[r].kind != rows[r - 1].kind;
    html += fmt::format("<tr class=\"{}{}\"><td>{}</td>", kClasses[static_cast<int>(rows[r].kind)],
                        first ? " first" : "", escape_html(rows[r].label));
    for (const MetricEntry& column : report_columns())
      html += html_cell(metric_of(*rows[r].metrics, column.name));
    html += rows[r].distinct_argmax_levels
                ? fmt::format("<td>{}{}</td></tr>\n", *rows[r].distinct_argmax_levels,
                              rows[r].collapsed ? "<strong>collapsed</strong>" : "")
                : "<td></td></tr>\n";
  }
  html +=
      "</table></div>\n<p class=\"soft\">&uarr; higher, &darr; lower is better. Small figures: 95 "
      "% bootstrap intervals, drawn by entity. Maps, "
      "probes and the "
      "best layer are fitted or chosen on training and validation examples, never on test. AUROC "
      "and Brier come first, because a constant has nearly "
      "the lowest ECE.</p>\n<details><summary>What the columns mean</summary>\n<ul>\n";
  for (const MetricEntry& column : report_columns())
    html += fmt::format("<li>{}: {}.</li>\n", column.heading, escape_html(column.meaning));
  return html +
         "<li>levels said: how many different levels greedy decoding says over all test questions; "
         "one or two mean a "
         "collapse.</li>\n</ul></details>\n";
}

std::string distribution_table(const ReportInput& input) {
  std::string html =
      std::string(kTable) +
      "<tr><th></th><th>entropy over the levels, nats</th><th>probability on confidence "
      "tokens</th><th>share that says one</th>"
      "<th>mean expectation</th><th>spread of the expectation</th><th>levels said</th></tr>\n";
  for (const bool is_after : {false, true}) {
    const EvaluationGroup& group = is_after ? input.after.overall : input.before.overall;
    html += fmt::format("<tr class=\"{0}\"><td>{0}</td>", is_after ? "after" : "before");
    for (const char* key : {"q_entropy", "format_mass", "parsed_share"})
      html += html_cell(metric_of(group.distribution, key));
    for (const char* key : {"mean_confidence", "spread"})
      html += html_cell(metric_of(group.expectation, key));
    html += fmt::format("<td>{}</td></tr>\n", group.distinct_argmax_levels);
  }
  return html + "</table></div>\n";
}

std::string bin_tables(const ReportInput& input) {
  std::string html;
  for (const bool by_argmax : {false, true}) {
    const std::vector<RatedBin> before = rated_bins(ReadOut(input.before_examples, by_argmax)),
                                after = rated_bins(ReadOut(input.after_examples, by_argmax));
    html += fmt::format("<h3>{}</h3>\n{}<tr><th>confidence</th>",
                        by_argmax ? "argmax" : "expectation", kTable);
    for (const char* when : {"before", "after"})
      html += fmt::format(
          "<th>{0}: examples</th><th>{0}: mean confidence</th><th>{0}: share right</th>", when);
    html += "</tr>\n";
    for (size_t b = 0; b < before.size(); ++b) {
      html += fmt::format("<tr><td>{:.1f} to {:.1f}</td>", before[b].from, before[b].to);
      for (const RatedBin& bin : {before[b], after[b]}) {
        html += fmt::format("<td>{}</td><td>{}</td>", bin.examples, figure(bin.mean_confidence)) +
                html_cell({bin.share_right, bin.low, bin.high});
      }
      html += "</tr>\n";
    }
    html += "</table></div>\n";
  }
  return html;
}

std::string dataset_table(const ReportInput& input) {
  std::string html = std::string(kTable) +
                     "<tr><th>relation</th><th>graded</th><th>share right</th><th>AUROC "
                     "before</th><th>AUROC after</th>"
                     "<th>AUROC after, argmax</th><th>Brier before</th><th>Brier after</th><th>ECE "
                     "before</th><th>ECE after</th></tr>\n";
  for (const auto& [name, after] : input.after.per_dataset) {
    const auto found = input.before.per_dataset.find(name);
    const MetricMap before =
        found == input.before.per_dataset.end() ? MetricMap{} : found->second.expectation;
    html += fmt::format("<tr><td>{}</td><td>{}</td>", escape_html(name), after.graded) +
            html_cell(metric_of(after.expectation, "accuracy"));
    html += html_cell(metric_of(before, "auroc")) +
            html_cell(metric_of(after.expectation, "auroc")) +
            html_cell(metric_of(after.argmax, "auroc"));
    for (const char* key : {"brier", "ece"})
      html += html_cell(metric_of(before, key)) + html_cell(metric_of(after.expectation, key));
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string example_table(const std::vector<ExampleRow>& examples) {
  std::string html =
      "<div class=\"scroll\" tabindex=\"0\"><table "
      "class=\"texts\">\n<tr><th>question</th><th>answer of the model</th><th>accepted "
      "answers</th><th>right?</th>"
      "<th>confidence before</th><th>confidence after</th><th>after, argmax</th></tr>\n";
  for (const ExampleRow& row : examples) {
    std::string accepted;
    for (const std::string& answer : row.answers)
      accepted += (accepted.empty() ? "" : "; ") + escape_html(answer);
    const std::string said =
        row.after_argmax ? fmt::format("{:.2f}", *row.after_argmax) : "unparsed";
    const std::string correct = row.correct == 1   ? "yes"
                                : row.correct == 0 ? "no"
                                                   : fmt::format("{:.2f}", row.correct);
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.2f}</td><td>{:.2f}</td><td>{}</"
        "td></tr>\n",
        escape_html(row.question), escape_html(row.response), accepted, correct,
        row.before_expectation, row.after_expectation, said);
  }
  return html + "</table></div>\n";
}

}  // namespace candor::trainer
