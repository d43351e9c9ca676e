// The visitors that print: the resolved config, and the description of every key.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "launch/config/config_fields.h"
#include "launch/config/config_part.h"

namespace candor::launch {
namespace {

// Plain where no YAML reader could take it for something else; else in double quotes.
std::string quoted_text(const std::string& text) {
  const bool word = !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
                    std::all_of(text.begin(), text.end(), [](char c) {
                      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
                             c == '-' || c == '/' || c == '.';
                    });
  static const std::vector<std::string> kReserved = {"true", "false", "null", "yes", "no",
                                                     "on",   "off",   "y",    "n"};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  if (word && std::count(kReserved.begin(), kReserved.end(), lower) == 0) return text;

  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
          out += fmt::format("\\x{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        else
          out += c;
    }
  }
  return out + "\"";
}

std::vector<std::string> quoted_texts(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(quoted_text(text));
  return quoted;
}

class Writer final : public FieldVisitor {
 public:
  std::string out;

  void begin_section(const std::string& name, const std::string&) override {
    out += name + ":\n";
    indent_ = "  ";
  }
  void end_section() override { indent_.clear(); }
  void text(const std::string& name, std::string& value, const TextRule&,
            const std::string&) override {
    line(name, quoted_text(value));
  }
  void choice(const std::string& name, ChoiceField& value, bool, const std::string&) override {
    line(name, quoted_text(value.name()));
  }
  void integer(const std::string& name, int64_t& value, const IntegerRule&,
               const std::string&) override {
    line(name, fmt::format("{}", value));
  }
  void number(const std::string& name, double& value, const NumberRule&,
              const std::string&) override {
    line(name, fmt::format("{}", value));
  }
  void flag(const std::string& name, bool& value, const std::string&) override {
    line(name, value ? "true" : "false");
  }
  void texts(const std::string& name, std::vector<std::string>& value, const TextRule&,
             const std::string&) override {
    line(name, fmt::format("[{}]", fmt::join(quoted_texts(value), ", ")));
  }
  void text_map(const std::string& name, std::map<std::string, std::string>& value, const TextRule&,
                const std::string&) override {
    std::vector<std::string> entries;
    for (const auto& [key, entry] : value)
      entries.push_back(quoted_text(key) + ": " + quoted_text(entry));
    line(name, fmt::format("{{{}}}", fmt::join(entries, ", ")));
  }
  void layers(const std::string& name, trainer::LayerRange& value, const std::string&) override {
    line(name, layer_range_text(value));
  }
  void records(const std::string& name, RecordList& value, const std::string&,
               const std::string&) override {
    if (value.size() == 0) return line(name, "[]");
    out += indent_ + name + ":\n";
    const std::string outer = indent_;
    for (std::size_t i = 0; i < value.size(); ++i) {
      indent_ = outer + "  - ";
      value.visit(i, *this);
    }
    indent_ = outer;
  }

 private:
  void line(const std::string& name, const std::string& value) {
    out += indent_ + name + ": " + value + "\n";
    if (indent_.ends_with("- "))
      indent_.replace(indent_.size() - 2, 2, "  ");  // only a record's first key has the dash
  }
  std::string indent_;
};

class Describer final : public FieldVisitor {
 public:
  std::string out;

  void begin_section(const std::string& name, const std::string& meaning) override {
    out += fmt::format("\n{}:  # {}\n", name, meaning);
    indent_ = "  ";
  }
  void end_section() override { indent_.clear(); }
  void text(const std::string& name, std::string& value, const TextRule& rule,
            const std::string& meaning) override {
    std::string kind = rule.is_path ? "path" : (rule.is_day ? "day" : "text");
    if (!rule.choices.empty()) kind = fmt::format("{}", fmt::join(rule.choices, " | "));
    line(name, kind,
         in_record_ || (rule.required && value.empty()) ? "required"
                                                        : "default " + quoted_text(value),
         meaning);
  }
  void choice(const std::string& name, ChoiceField& value, bool required,
              const std::string& meaning) override {
    line(name, fmt::format("{}", fmt::join(value.names(), " | ")),
         required ? "required" : "default " + quoted_text(value.name()), meaning);
  }
  void integer(const std::string& name, int64_t& value, const IntegerRule& rule,
               const std::string& meaning) override {
    std::string kind = fmt::format("integer >= {}", rule.min);
    if (!rule.choices.empty()) kind = fmt::format("{}", fmt::join(rule.choices, " | "));
    line(name, kind, fmt::format("default {}", value), meaning);
  }
  void number(const std::string& name, double& value, const NumberRule& rule,
              const std::string& meaning) override {
    std::string kind = fmt::format("number {} {}", rule.min_allowed ? ">=" : ">", rule.min);
    if (!std::isinf(rule.max))
      kind += fmt::format(", {} {}", rule.max_allowed ? "<=" : "<", rule.max);
    line(name, kind, fmt::format("default {}", value), meaning);
  }
  void flag(const std::string& name, bool& value, const std::string& meaning) override {
    line(name, "true | false", fmt::format("default {}", value), meaning);
  }
  void texts(const std::string& name, std::vector<std::string>& value, const TextRule& rule,
             const std::string& meaning) override {
    line(name, fmt::format("list of {}", fmt::join(rule.choices, " | ")),
         fmt::format("default [{}]", fmt::join(value, ", ")), meaning);
  }
  void text_map(const std::string& name, std::map<std::string, std::string>&, const TextRule& rule,
                const std::string& meaning) override {
    line(name, fmt::format("name: {}", fmt::join(rule.choices, " | ")), "default {}", meaning);
  }
  void layers(const std::string& name, trainer::LayerRange& value,
              const std::string& meaning) override {
    line(name, "all | first-last", "default " + layer_range_text(value), meaning);
  }
  void records(const std::string& name, RecordList& value, const std::string& shorthand,
               const std::string& meaning) override {
    if (indent_.empty()) out += "\n";
    out +=
        fmt::format("{}{}:  # list of the following{}: {}\n", indent_, name,
                    shorthand.empty() ? "" : fmt::format(", or one {} alone", shorthand), meaning);
    const std::string outer = indent_;
    indent_ += "    ";
    in_record_ = true;
    value.clear();
    value.append();
    value.visit(0, *this);
    in_record_ = false;
    indent_ = outer;
  }

 private:
  void line(const std::string& name, const std::string& kind, const std::string& standard,
            const std::string& meaning) {
    out += fmt::format("{}{}:  # {}; {}. {}\n", indent_, name, kind, standard, meaning);
  }
  std::string indent_;
  bool in_record_ = false;
};

}  // namespace

std::string to_yaml(const RunConfig& config) {
  const WholeConfigRead whole;
  RunConfig copy = config;  // a visitor may change fields; this one doesn't
  Writer writer;
  visit_fields(copy, writer);
  return writer.out;
}

std::string describe_run_config() {
  RunConfig config;
  Describer describer;
  visit_fields(config, describer);
  return "The keys of a config, by section. Any of them can be set on the command line: --set "
         "section.key=value\nA path that begins with ~/ lies in the folder that HOME names; no "
         "other ~ and no $NAME is replaced.\nA text with \\n, ?, a colon or a comma in it is best "
         "in double quotes: single quotes leave \\n a backslash and an n.\n" +
         describer.out;
}

}  // namespace candor::launch
