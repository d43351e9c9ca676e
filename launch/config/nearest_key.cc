#include "launch/config/nearest_key.h"

#include <algorithm>

#include "launch/config/config_fields.h"

namespace candor::launch {
namespace {

class PathCollector final : public FieldVisitor {
 public:
  std::vector<std::string> paths;

  void begin_section(const std::string& name, const std::string&) override {
    paths.push_back(name);
    prefix_ = name + ".";
  }
  void end_section() override { prefix_.clear(); }
  void text(const std::string& name, std::string&, const TextRule&, const std::string&) override {
    add(name);
  }
  void choice(const std::string& name, ChoiceField&, bool, const std::string&) override {
    add(name);
  }
  void integer(const std::string& name, int64_t&, const IntegerRule&, const std::string&) override {
    add(name);
  }
  void number(const std::string& name, double&, const NumberRule&, const std::string&) override {
    add(name);
  }
  void flag(const std::string& name, bool&, const std::string&) override { add(name); }
  void texts(const std::string& name, std::vector<std::string>&, const TextRule&,
             const std::string&) override {
    add(name);
  }
  void text_map(const std::string& name, std::map<std::string, std::string>&, const TextRule&,
                const std::string&) override {
    add(name);
  }
  void layers(const std::string& name, trainer::LayerRange&, const std::string&) override {
    add(name);
  }
  void records(const std::string& name, RecordList& list, const std::string&,
               const std::string&) override {
    add(name);
    const std::string outer = prefix_;
    prefix_ += name + ".";
    list.clear();
    list.append();
    list.visit(0, *this);
    prefix_ = outer;
  }

 private:
  void add(const std::string& name) { paths.push_back(prefix_ + name); }
  std::string prefix_;
};

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string nearest(std::string_view typed, const std::vector<std::string>& candidates) {
  const auto best = std::min_element(candidates.begin(), candidates.end(),
                                     [&](const std::string& x, const std::string& y) {
                                       return edit_distance(typed, x) < edit_distance(typed, y);
                                     });
  return best == candidates.end() ? std::string() : *best;
}

std::vector<std::string> all_key_paths() {
  RunConfig config;
  PathCollector collector;
  visit_fields(config, collector);
  return collector.paths;
}

}  // namespace candor::launch
