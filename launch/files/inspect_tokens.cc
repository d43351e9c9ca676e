#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>
#include <optional>
#include <span>

#include "data_pipeline/tokenizer/tokenizer.h"
#include "data_pipeline/tokens/token_file.h"
#include "launch/config/run_config.h"
#include "launch/files/inspect_formats.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;

std::optional<data::Tokenizer> find_tokenizer(const std::string& token_file,
                                              const std::string& given) {
  fs::path path = given;
  if (given.empty()) {
    const fs::path config = fs::path(token_file).parent_path() / "config.yaml";
    if (!fs::exists(config)) return std::nullopt;
    path = read_run_config(config.string()).model.path;
  }
  if (fs::is_directory(path)) path /= "tokenizer.json";
  if (given.empty() && !fs::exists(path))
    return std::nullopt;  // the config's model may lie on another machine
  return data::Tokenizer::from_file(path.string());
}

class TokenPrinter {
 public:
  TokenPrinter(const data::TokenData& data, std::optional<data::Tokenizer> tokenizer)
      : data_(data), tokenizer_(std::move(tokenizer)) {}

  std::string text(std::span<const uint32_t> ids) const {
    return tokenizer_ ? tokenizer_->decode(ids, /*skip_special=*/false)
                      : fmt::format("{}", fmt::join(ids, " "));
  }

  // The suffix with its response in [[ ]] and its marker in (( )), so that a label which is off by
  // one is seen.
  std::string example(size_t e) const {
    const std::span<const uint32_t> suffix = data_.suffix(e);
    const data::Example& of = data_.examples[e];
    const size_t begin = of.response_begin, end = of.response_end, marker = of.marker_position;
    std::string out = fmt::format(
        "example {}: id {}, {} / {}, entity {}, prefix {}, {} + {} tokens, target {}\n", e, of.id,
        of.dataset, of.split, of.entity, of.prefix, data_.example_length(e) - suffix.size(),
        suffix.size(), of.graded ? fmt::format("{}", of.target) : "none (not graded)");
    out += fmt::format("{}[[{}]]{}(({}))\n", text(suffix.first(begin)),
                       text(suffix.subspan(begin, end - begin)),
                       text(suffix.subspan(end, marker - end)), text(suffix.subspan(marker)));
    return out + fmt::format("  the level is predicted at token {} of the suffix: {}\n",
                             of.confidence_position,
                             text(suffix.subspan(of.confidence_position, 1)));
  }

 private:
  const data::TokenData& data_;
  std::optional<data::Tokenizer> tokenizer_;
};

}  // namespace

std::string inspect_token_file(const std::string& path, int64_t max_records,
                               const std::string& tokenizer) {
  const data::TokenData data = data::read_token_file(path);
  std::string out =
      fmt::format("token file {}: version {}, {} examples, {} prefixes, {} suffix tokens\n", path,
                  data::kTokenFileVersion, data.examples.size(), data.prefixes.size(),
                  data.suffixes.ids.size());
  out += fmt::format("  tokenizer {}\n  template  {}\n  prompt    {}\n  model     {}\n",
                     data.origin.tokenizer_sha256, data.origin.template_sha256,
                     data.origin.prompt_sha256, data.origin.model_identity);
  if (!data.origin.day.empty()) out += fmt::format("  day       {}\n", data.origin.day);
  out += fmt::format("  level ids {}\n", fmt::join(data.levels.ids, " "));

  struct Count {
    int64_t examples = 0, graded = 0;
    double target = 0;
  };
  std::map<std::string, Count> counts;
  for (const data::Example& example : data.examples) {
    Count& count = counts[example.dataset + " / " + example.split];
    ++count.examples;
    count.graded += example.graded ? 1 : 0;
    count.target += example.graded ? static_cast<double>(example.target) : 0;
  }
  for (const auto& [name, count] : counts) {
    out += fmt::format("  {}: {} examples, {} graded, mean target {:.3f}\n", name, count.examples,
                       count.graded,
                       count.graded == 0 ? 0.0 : count.target / static_cast<double>(count.graded));
  }

  const TokenPrinter printer(data, find_tokenizer(path, tokenizer));
  if (max_records > 0) {
    for (size_t p = 0; p < data.prefixes.size(); ++p)
      out += fmt::format("\nprefix {}:\n{}\n", p,
                         printer.text(data.full_prefix(static_cast<int32_t>(p))));
  }
  for (size_t e = 0; e < std::min(data.examples.size(), static_cast<size_t>(max_records)); ++e)
    out += "\n" + printer.example(e);
  return out;
}

}  // namespace candor::launch
