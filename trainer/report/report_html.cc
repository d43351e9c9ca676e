#include <cmath>

#include <fmt/format.h>

#include "data_pipeline/files/atomic_file.h"
#include "trainer/report/report.h"
#include "trainer/report/report_plots.h"
#include "trainer/report/report_rows.h"
#include "trainer/report/report_style.h"
#include "trainer/report/report_tables.h"
#include "trainer/report/svg_plot.h"

namespace candor::trainer {
namespace {

std::string tile(const MetricEntry& metric, const ReportInput& input) {
  const std::string key = metric.name;
  const std::string heading = fmt::format("{}, {} is better", metric.title,
                                          metric.better == Better::kHigher ? "higher" : "lower");
  const EvaluationGroup &before = input.before.overall, &after = input.after.overall;
  const auto interval = [](const MetricValue& value) {
    return std::isfinite(value.low) ? fmt::format("[{}, {}]", figure(value.low), figure(value.high))
                                    : std::string("-");
  };
  return fmt::format(
      "<div class=\"tile\"><span>{}</span><b>{} &rarr; {}</b><span>{} &rarr; {}</span><span>by "
      "argmax {} &rarr; {}</span></div>\n",
      heading, figure(metric_of(before.expectation, key).value),
      figure(metric_of(after.expectation, key).value), interval(metric_of(before.expectation, key)),
      interval(metric_of(after.expectation, key)), figure(metric_of(before.argmax, key).value),
      figure(metric_of(after.argmax, key).value));
}

// What the reader sees, in words that need no other document.
std::string introduction(const ReportInput& input) {
  const EvaluationGroup& after = input.after.overall;
  const double accuracy = metric_of(after.expectation, "accuracy").value;
  return fmt::format(
      "<p>Can the confidence that {} states after its answers be believed? This report compares it "
      "before and after training, on {} test questions "
      "({} "
      "graded) that training hasn't seen. The base model gave the answers and {} are right; "
      "training doesn't change them. &ldquo;Before&rdquo; is "
      "the base "
      "model, &ldquo;after&rdquo; the same with the adapter on while the confidence is said.</p>\n"
      "<p class=\"soft\">A confidence from 0 to 1 is read in two ways. Expectation: the mean of "
      "the confidence levels, each weighted by its "
      "probability. "
      "Argmax: the one level that greedy decoding says. The large figures below go by expectation, "
      "with 95 % intervals in brackets.</p>\n",
      input.model.empty() ? "the model" : escape_html(input.model), after.examples, after.graded,
      std::isfinite(accuracy) ? fmt::format("{:.1f} %", 100 * accuracy) : "-");
}

std::string summary(const ReportInput& input) {
  std::string html = introduction(input) + "<div class=\"tiles\">\n";
  for (const char* name : {"auroc", "brier", "ece", "nll"}) html += tile(metric_entry(name), input);
  html += "</div>\n";
  if (const auto warning = collapse_warning(input.after))
    html += "<p class=\"warn\">" + escape_html(*warning) + "</p>\n";
  html += "<ul>\n";
  for (const std::string& sentence : findings(input))
    html += "<li>" + escape_html(sentence) + "</li>\n";
  for (const std::string& note : input.notes) html += "<li>" + escape_html(note) + "</li>\n";
  return html + "</ul>\n<p class=\"soft hint\">Wide tables scroll sideways.</p>\n";
}

std::string section(const char* heading, const std::string& content) {
  return content.empty() ? "" : fmt::format("<h2>{}</h2>\n{}", heading, content);
}

std::string plots(const std::string& drawings) {
  return drawings.empty() ? "" : "<div class=\"plots\">\n" + drawings + "</div>\n";
}

std::string training(const ReportInput& input) {
  std::string html = plots(training_plots(input.curve));
  if (html.empty()) return html;
  std::string note = input.training_note;
  if (const int64_t kept = kept_step(input.curve); kept > 0) {
    note += fmt::format(
        " The adapter is that of step {} (dashed), which has the lowest tokenized Brier score on "
        "validation.",
        kept);
  }
  return note.empty() ? html : html + "<p class=\"soft\">" + escape_html(note) + "</p>\n";
}

}  // namespace

void write_report_html(const std::string& path, const ReportInput& input) {
  data::AtomicFile file(path);
  const std::string title = escape_html(input.title);
  file.write(
      fmt::format("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, "
                  "initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n"
                  "<h1>{}</h1>\n",
                  title, report_style(), title));
  file.write(summary(input));
  file.write(section("Before, after, and what simpler methods reach", main_table(input)));
  file.write(
      section("Reliability",
              plots(reliability_plots(input)) +
                  "<p class=\"soft\">Above the diagonal the model is too modest, below it too "
                  "sure. Ten bins of equal width; the area of a "
                  "point is its bin's share of the examples, the line through it the 95 % interval "
                  "of the share right (Wilson, examples "
                  "taken as independent).</p>\n<details><summary>The bins in numbers</summary>\n" +
                  bin_tables(input) + "</details>\n"));
  file.write(section("Confidences", plots(histogram_plots(input)) + distribution_table(input)));
  file.write(section("Telling right from wrong", plots(ranking_plots(input))));
  file.write(section("By relation", dataset_table(input)));
  file.write(section("Training", training(input)));
  file.write(section("Examples", input.examples.empty() ? "" : example_table(input.examples)));
  file.write(section("Configuration",
                     "<details><summary>Every key of the run, defaults included</summary>\n<pre>" +
                         escape_html(input.resolved_config_yaml) + "</pre></details>\n"));
  file.write("</body>\n</html>\n");
  file.commit();
}

}  // namespace candor::trainer
