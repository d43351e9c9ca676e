#include "launch/context/adapter_origin.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"

namespace candor::launch {
namespace {

constexpr const char* kFormat = "candor adapter";

data::TokenOrigin read_origin(const std::string& path) {
  const nlohmann::json file = data::parse_json(data::read_file(path), path);
  const auto text = [&](const char* key) {
    if (!file.is_object() || !file.contains(key) || !file[key].is_string()) {
      throw std::invalid_argument(
          fmt::format("{}: expected an object with the text \"{}\", as candor train writes it; "
                      "remove the file to use the adapter without comparing its prompts",
                      path, key));
    }
    return file[key].get<std::string>();
  };
  if (text("format") != kFormat)
    throw std::invalid_argument(
        fmt::format("{}: expected format \"{}\", got \"{}\"", path, kFormat, text("format")));
  return {.tokenizer_sha256 = text("tokenizer_sha256"),
          .template_sha256 = text("template_sha256"),
          .prompt_sha256 = text("prompt_sha256"),
          .model_identity = text("model_identity"),
          .day = text("day")};
}

}  // namespace

std::string adapter_origin_text(const data::TokenOrigin& origin) {
  return nlohmann::ordered_json{{"format", kFormat},
                                {"version", 1},
                                {"tokenizer_sha256", origin.tokenizer_sha256},
                                {"template_sha256", origin.template_sha256},
                                {"prompt_sha256", origin.prompt_sha256},
                                {"model_identity", origin.model_identity},
                                {"day", origin.day}}
             .dump(2) +
         "\n";
}

std::vector<std::string> check_adapter_origin(const std::string& folder,
                                              const data::TokenOrigin& used_on) {
  const std::string path = folder + "/" + kAdapterOriginName;
  if (!std::filesystem::exists(path)) return {};
  const data::TokenOrigin trained = read_origin(path);
  const auto compare = [&](const char* what, const std::string& then, const std::string& now,
                           const char* what_to_do) {
    if (then == now) return;
    throw std::invalid_argument(fmt::format(
        "the adapter in {} was trained with another {} (then: {:.12}, now: {:.12}), so its "
        "confidences wouldn't hold; {}, or train again (to use it all the same, remove {})",
        folder, what, then, now, what_to_do, path));
  };
  compare("tokenizer", trained.tokenizer_sha256, used_on.tokenizer_sha256,
          "use the model folder of its training");
  compare("chat template", trained.template_sha256, used_on.template_sha256,
          "use the model folder with the template of its training");
  compare("prompt", trained.prompt_sha256, used_on.prompt_sha256,
          "use the prompt: block of its run's config.yaml");
  std::vector<std::string> warnings;
  if (trained.model_identity != used_on.model_identity) {
    warnings.push_back(
        fmt::format("the adapter in {} was trained on other files of a base model ({:.12}) than "
                    "these ({:.12}): where the weights are others, its confidences don't hold",
                    folder, trained.model_identity, used_on.model_identity));
  }
  if (trained.day != used_on.day && !trained.day.empty() && !used_on.day.empty()) {
    warnings.push_back(fmt::format(
        "the prompts that the adapter in {} was trained on name the day {}, these name {}, which "
        "changes confidences; set prompt.date: {} to use the day of its training",
        folder, trained.day, used_on.day, trained.day));
  }
  return warnings;
}

}  // namespace candor::launch
