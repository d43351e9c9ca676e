#include "trainer/evaluation/scored_example.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"

namespace candor::trainer {

double ScoredExample::expectation() const {
  double sum = 0;
  for (size_t i = 1; i < q.size(); ++i) sum += q[i] * static_cast<double>(i);
  // q sums to 1 only up to rounding: the result must not leave [0, 1] by an ulp.
  return q.size() < 2 ? 0 : std::min(1.0, sum / static_cast<double>(q.size() - 1));
}

double ScoredExample::entropy() const {
  double sum = 0;
  for (const double p : q) sum -= p > 0 ? p * std::log(p) : 0;
  return std::max(0.0, sum);
}

double ScoredExample::argmax_value() const {
  return argmax_level < 0 || q.size() < 2
             ? 0
             : static_cast<double>(argmax_level) / static_cast<double>(q.size() - 1);
}

std::string to_json_line(const ScoredExample& example) {
  nlohmann::ordered_json line;
  line["example_index"] = example.example_index;
  line["id"] = example.id;
  line["dataset"] = example.dataset;
  line["entity"] = example.entity;
  line["split"] = example.split;
  line["target"] = example.target;
  line["graded"] = example.graded;
  line["argmax_level"] = example.argmax_level;
  line["expectation"] = example.expectation();
  line["entropy"] = example.entropy();
  line["format_mass"] = example.format_mass;
  line["q"] = example.q;
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_scored_examples(const std::string& path, const std::vector<ScoredExample>& examples) {
  data::AtomicFile file(path);
  for (const ScoredExample& example : examples) file.write(to_json_line(example));
  file.commit();
}

std::vector<ScoredExample> read_scored_examples(const std::string& path) {
  std::vector<ScoredExample> examples;
  data::for_each_json_line(path, [&](const nlohmann::json& line, size_t) {
    if (!line.is_object()) throw std::invalid_argument("expected an object of a scored example");
    ScoredExample example;
    line.at("example_index").get_to(example.example_index);
    line.at("id").get_to(example.id);
    line.at("dataset").get_to(example.dataset);
    line.at("entity").get_to(example.entity);
    line.at("split").get_to(example.split);
    line.at("target").get_to(example.target);
    line.at("graded").get_to(example.graded);
    line.at("argmax_level").get_to(example.argmax_level);
    line.at("format_mass").get_to(example.format_mass);
    line.at("q").get_to(example.q);
    examples.push_back(std::move(example));
  });
  return examples;
}

}  // namespace candor::trainer
