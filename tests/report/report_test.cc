#include "trainer/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <system_error>

#include "data_pipeline/files/read_file.h"
#include "trainer/report/report_rows.h"
#include "trainer/report/svg_plot.h"

namespace candor::trainer {
namespace {

using testing::HasSubstr;
using testing::Not;

double uniform(uint64_t stream, int64_t i) {
  return static_cast<double>(counter_random(3, stream, static_cast<uint64_t>(i)) >> 11) * 0x1p-53;
}

// Untrained: nearly the same confidence for all. Trained: follows the truth.
std::vector<ScoredExample> scored(bool trained) {
  std::vector<ScoredExample> examples;
  for (int64_t i = 0; i < 400; ++i) {
    ScoredExample one;
    one.example_index = i;
    one.id = "q" + std::to_string(i);
    one.dataset = i % 3 == 0   ? "capital & <country>"
                  : i % 3 == 1 ? "element_symbol"
                               : "state_of_city";
    one.entity = "e" + std::to_string(i / 2);
    one.split = "test";
    const double known = uniform(0, i);
    one.target = uniform(1, i) < known ? 1 : 0;
    const double centre =
        trained ? 9 * (0.85 * known + 0.15 * uniform(2, i)) : 6.5 + 1.5 * uniform(3, i);
    double sum = 0;
    for (int k = 0; k < 10; ++k) {
      one.q.push_back(std::exp(-(k - centre) * (k - centre) / (trained ? 3.0 : 1.0)));
      sum += one.q.back();
    }
    for (double& p : one.q) p /= sum;
    one.argmax_level =
        i % 97 == 0 && !trained
            ? -1
            : static_cast<int>(std::max_element(one.q.begin(), one.q.end()) - one.q.begin());
    one.format_mass = trained ? 0.999 : 0.9;
    examples.push_back(std::move(one));
  }
  return examples;
}

ReportInput make_input() {
  ReportInput input;
  input.model = "smollm2 & co";
  input.training_note = "Loss: expectation_log_loss, then tokenized_brier.";
  input.title = "SmolLM2 <script>alert(1)</script>";
  input.resolved_config_yaml = "model:\n  path: \"a & b\"\n";
  input.before_examples = scored(false);
  input.after_examples = scored(true);
  const EvaluationOptions options{.bootstrap = {.resamples = 100}};
  input.before = evaluate(input.before_examples, options);
  input.after = evaluate(input.after_examples, options);
  for (const char* name :
       {"constant", "per_relation", "isotonic", "temperature", "probe_last", "probe_best"}) {
    input.baselines[name] = input.before.overall.expectation;
  }
  input.baselines["probe_best"]["auroc"] = {0.999, 0.99, 1};
  for (int64_t step = 1; step <= 200; ++step) {
    TrainingPoint point{
        .step = step,
        .loss = 0.7 * std::exp(-0.01 * static_cast<double>(step)) + 0.05 * uniform(9, step),
        .learning_rate = 1e-4};
    if (step % 20 == 0) {
      point.validation_tokenized_brier = 0.25 - 0.001 * static_cast<double>(step) +
                                         6e-6 * static_cast<double>(step * step);  // lowest at 80
      point.validation_auroc = 0.7;
      point.validation_brier = 0.2 * std::exp(-0.002 * static_cast<double>(step));
      point.validation_levels = 3 + static_cast<double>(step) / 40;
      point.validation_entropy = 1.2;
      point.validation_spread = 0.2;
    }
    input.curve.push_back(point);
  }
  for (int i = 0; i < 10; ++i) {
    input.examples.push_back({"What is the capital of <b>Peru</b>?",
                              "Lima & \"Callao\"",
                              {"Lima", "the City's name"},
                              i % 2 ? 1.0 : 0.0,
                              0.8,
                              0.4,
                              {}});
    if (i > 0) input.examples.back().after_argmax = 0.44;
  }
  input.extra_rows.push_back({"tokenized_brier", "tokenized Brier from scratch",
                              input.before.overall.expectation, input.before.overall.argmax, 1});
  input.notes = {"Best layer of the probe: 21."};
  return input;
}

// CANDOR_KEEP_REPORT=DIR keeps the written report, to look at it.
class Report : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* keep = std::getenv("CANDOR_KEEP_REPORT");
    folder_ = keep ? std::filesystem::path(keep)
                   : std::filesystem::temp_directory_path() /
                         ("candor_report_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    input_ = new ReportInput(make_input());
    write_report_html(path("report.html"), *input_);
    write_report_json(path("report.json"), *input_);
  }
  static void TearDownTestSuite() {
    delete input_;
    if (!std::getenv("CANDOR_KEEP_REPORT")) std::filesystem::remove_all(folder_);
  }
  static std::string path(const char* name) { return (folder_ / name).string(); }
  static inline std::filesystem::path folder_;
  static inline ReportInput* input_ = nullptr;
};

TEST_F(Report, JsonHasTheKeysThatScriptsRelyOn) {
  const nlohmann::json report = nlohmann::json::parse(data::read_file(path("report.json")));
  for (const char* when : {"before", "after"}) {
    for (const char* read_out : {"expectation", "argmax"}) {
      for (const char* metric : {"auroc", "brier", "ece", "nll", "aurc", "auroc_within"}) {
        for (const char* part : {"value", "low", "high"}) {
          EXPECT_TRUE(report.at("overall").at(when).at(read_out).at(metric).at(part).is_number())
              << when << read_out << metric << part;
        }
      }
      EXPECT_TRUE(report.at("per_dataset")
                      .at("element_symbol")
                      .at(when)
                      .at(read_out)
                      .at("brier")
                      .at("value")
                      .is_number());
    }
  }
  for (const char* baseline :
       {"constant", "per_relation", "isotonic", "temperature", "probe_last", "probe_best"}) {
    EXPECT_TRUE(report.at("baselines").at(baseline).at("auroc").at("high").is_number());
  }
  EXPECT_EQ(
      report.at("overall").at("after").at("expectation").at("auroc").at("value").get<double>(),
      input_->after.overall.expectation.at("auroc").value);
}

TEST_F(Report, HtmlIsOneWholeEscapedFile) {
  const std::string html = data::read_file(path("report.html"));
  EXPECT_THAT(html, HasSubstr("</html>"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<b>Peru")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(html, HasSubstr("capital &amp; &lt;country&gt;"));
  EXPECT_THAT(html, HasSubstr("path: &quot;a &amp; b&quot;"));
  EXPECT_THAT(html, HasSubstr("the City&#39;s name"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  for (const char* part :
       {"Reliability, expectation", "Reliability, argmax", "Confidences (expectation)",
        "Levels said (argmax)", "ROC", "Risk and coverage", "Training loss",
        "Validation: Brier score", "probe, best layer", "tokenized Brier from scratch, argmax",
        "Best layer of the probe: 21.", "unparsed", "Better than the trained model"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_FALSE(std::regex_search(html, std::regex("(src|href)=|https?://|url\\(|@import")))
      << "an outside reference";
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  // Every element that is opened is closed.
  for (const char* tag : {"svg", "table", "tr", "td", "div", "ul", "li", "p", "text", "pre"}) {
    const std::string t = tag;
    const auto count = [&](const std::string& pattern) {
      const std::regex regex(pattern);
      return std::distance(std::sregex_iterator(html.begin(), html.end(), regex),
                           std::sregex_iterator());
    };
    EXPECT_EQ(count("<" + t + "[ >]"), count("</" + t + ">")) << tag;
  }
}

TEST_F(Report, SaysWhatTheReaderSees) {
  const std::string html = data::read_file(path("report.html"));
  EXPECT_THAT(html, HasSubstr("Can the confidence that smollm2 &amp; co states"));
  EXPECT_THAT(html, HasSubstr("49.2 % are right"));
  EXPECT_THAT(html, HasSubstr("The adapter is that of step 80 (dashed)"));
  EXPECT_THAT(html, HasSubstr("Loss: expectation_log_loss, then tokenized_brier."));
  EXPECT_THAT(html, HasSubstr("level said, 0 to 9; unparsed as 0")) << "five are, before";
  EXPECT_THAT(html, HasSubstr("Brier &darr;"));
  EXPECT_THAT(html, HasSubstr("AUROC &uarr;"));
  for (const MetricEntry& column : report_columns())
    EXPECT_THAT(html, HasSubstr(std::string("<li>") + column.heading + ": "));
  const MetricValue& auroc = input_->after.overall.expectation.at("auroc");
  EXPECT_THAT(html, HasSubstr("&rarr; [" + figure(auroc.low) + ", " + figure(auroc.high) + "]"))
      << "the large figures have intervals";
  // Wide content scrolls by itself, not the page.
  const auto count = [&](const std::string& part) {
    size_t found = 0;
    for (size_t at = html.find(part); at != std::string::npos; at = html.find(part, at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count("<table"), count("<div class=\"scroll\" tabindex=\"0\"><table"));
  EXPECT_EQ(count("<table"), 6U);
}

TEST_F(Report, TerminalTable) {
  const std::string table = before_after_table(*input_);
  for (const char* part : {"before, expectation", "after, argmax", "AUROC",
                           "probe, last hidden state", "tokenized Brier", " ["}) {
    EXPECT_THAT(table, HasSubstr(part));
  }
  EXPECT_EQ(table.back(), '\n');
  EXPECT_THAT(table, Not(HasSubstr(" \n")));
  std::cout << table;
}

TEST_F(Report, ColumnsStayApart) {
  ReportInput input = *input_;
  input.after.overall.argmax["nll"] = {12.525, 10.863, 13.816};
  input.after.overall.argmax["brier"] = {123456.789, 123456.789, 123456.789};
  std::istringstream lines(before_after_table(input));
  size_t levels_at = 0;
  for (std::string line; std::getline(lines, line);) {
    if (const size_t heading = line.find("levels"); heading != std::string::npos)
      levels_at = heading;
    if (!line.starts_with("after, argmax")) continue;
    EXPECT_THAT(line, HasSubstr("123456.789 [123456.789, 123456.789]  "));
    EXPECT_THAT(line, HasSubstr("12.525 [10.863, 13.816]  "));
    EXPECT_NE(line.at(levels_at), ' ');
    EXPECT_EQ(line.at(levels_at - 1), ' ');
  }
}

TEST_F(Report, WithoutIntervalsNothingOverlaps) {
  ReportInput input = *input_;
  input.before.overall.expectation["auroc"] = {0.5, NAN, NAN};
  EXPECT_THAT(findings(input).at(0), testing::AllOf(HasSubstr("too few entities for intervals"),
                                                    Not(HasSubstr("overlap"))));
}

TEST_F(Report, ACollapsedComparisonIsVisibleAsSuch) {
  ReportInput input = *input_;
  ExtraRow well = input.extra_rows[0];
  well.name = "mean_brier";
  well.label = "mean_brier alone";
  input.extra_rows[0].label = "tokenized Brier from scratch (the paper's recipe)";
  well.distinct_argmax_levels = 9;
  well.expectation = input.after.overall.expectation;
  well.expectation["auroc"] = {0.995, 0.99, 1};
  input.extra_rows.push_back(well);
  write_report_html(path("compared.html"), input);
  write_report_json(path("compared.json"), input);
  const std::string html = data::read_file(path("compared.html")),
                    table = before_after_table(input);
  EXPECT_THAT(html, HasSubstr("1<strong>collapsed</strong>"));
  EXPECT_THAT(html, HasSubstr("Collapsed: tokenized Brier from scratch"));
  EXPECT_THAT(
      html,
      HasSubstr("Better than the trained model&#39;s expectation: mean_brier alone (AUROC 0.995"));
  EXPECT_THAT(html, Not(HasSubstr("Collapsed: mean_brier")));
  const auto line_of = [&](const std::string& label) {
    const size_t begin = table.find(label);
    return table.substr(begin, table.find('\n', begin) - begin);
  };
  EXPECT_EQ(line_of("tokenized Brier from scratch (the paper's recipe), argmax"),
            "tokenized Brier from scratch (the paper's recipe), argmax");
  EXPECT_THAT(table, testing::ContainsRegex("recipe\\), argmax\n +0[^\n]*  1, collapsed\n"))
      << "figures under a label that is too long";
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 144U) << line;
  EXPECT_THAT(line_of("mean_brier alone, argmax"), testing::EndsWith(" 9"));
  const nlohmann::json rows =
      nlohmann::json::parse(data::read_file(path("compared.json"))).at("extra_rows");
  EXPECT_EQ(rows.at(0).at("name"), "tokenized_brier");
  EXPECT_EQ(rows.at(0).at("collapsed"), true);
  EXPECT_EQ(rows.at(1).at("collapsed"), false);
  EXPECT_TRUE(rows.at(1).at("expectation").at("auroc").at("value").is_number());
}

TEST_F(Report, CollapseIsSaidLoudly) {
  ReportInput collapsed = *input_;
  collapsed.after.overall.distinct_argmax_levels = 1;
  write_report_html(path("collapsed.html"), collapsed);
  EXPECT_THAT(data::read_file(path("collapsed.html")), HasSubstr("class=\"warn\">Collapse"));
  EXPECT_THAT(data::read_file(path("report.html")), Not(HasSubstr("class=\"warn\"")));
}

TEST_F(Report, WritesWithWhatLittleThereIs) {
  ReportInput bare;
  bare.before_examples = {input_->before_examples[0]};
  bare.after_examples = {input_->after_examples[0]};
  bare.before = evaluate(bare.before_examples);
  bare.after = evaluate(bare.after_examples);
  write_report_html(path("bare.html"), bare);
  write_report_json(path("bare.json"), bare);
  EXPECT_THAT(data::read_file(path("bare.html")), Not(HasSubstr("nan")));
  EXPECT_TRUE(nlohmann::json::parse(data::read_file(path("bare.json")))
                  .at("overall")
                  .at("after")
                  .at("argmax")
                  .at("auroc")
                  .at("value")
                  .is_null());
  EXPECT_THROW(write_report_html(path("missing/report.html"), bare), std::system_error);
}

TEST(EscapeHtml, MakesAnyBytesHarmless) {
  EXPECT_EQ(escape_html("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(escape_html("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n\t"),
            "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n\t");
  EXPECT_EQ(escape_html("\xff"), "\xEF\xBF\xBD");
  EXPECT_EQ(escape_html("\xc3"), "\xEF\xBF\xBD");                                  // cut short
  EXPECT_EQ(escape_html("\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  EXPECT_EQ(escape_html(std::string_view("\x01\0", 2)), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(SvgPlot, LeavesOutNaNAndMovesTheRestIntoTheFrame) {
  const std::string svg = svg_plot({.title = "T", .x_label = "x", .y_label = "y"},
                                   {{.label = "a<b",
                                     .kind = SeriesKind::kLine,
                                     .colour = 0,
                                     .points = {{0, 0}, {NAN, 1}, {5, 5}},
                                     .sizes = {}}});
  EXPECT_THAT(svg, HasSubstr("points=\"54.0,240.0 344.0,44.0\""));
  EXPECT_THAT(svg, HasSubstr("a&lt;b"));
}

}  // namespace
}  // namespace candor::trainer
