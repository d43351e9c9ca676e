#include "launch/files/inspect_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "launch/context/base_model.h"
#include "launch/files/inspect_formats.h"
#include "trainer/training/reproducer.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;

std::string first_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), path);
  std::string head(16, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  return head;
}

struct Count {
  int64_t lines = 0, graded = 0;
  double correct = 0;
};

}  // namespace

std::string inspect_json_lines(const std::string& path, int64_t max_records) {
  std::string shown;
  int64_t lines = 0;
  std::map<std::string, Count> counts;
  data::for_each_json_line(path, [&](const nlohmann::json& value, size_t line_number) {
    if (lines++ < max_records)
      shown += fmt::format("\nline {}:\n{}\n", line_number,
                           value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    if (!value.is_object() || !value.contains("dataset") || !value["dataset"].is_string()) return;
    Count& count = counts[value["dataset"].get<std::string>() + " / " + value.value("split", "?")];
    ++count.lines;
    if (value.contains("correct") && value["correct"].is_number()) {
      ++count.graded;
      count.correct += value["correct"].get<double>();
    }
  });
  std::string out = fmt::format("JSON lines {}: {} lines\n", path, lines);
  for (const auto& [name, count] : counts) {
    out += fmt::format("  {}: {} lines", name, count.lines);
    if (count.graded > 0)
      out += fmt::format(", {} graded, {:.3f} correct", count.graded,
                         count.correct / static_cast<double>(count.graded));
    out += "\n";
  }
  return out + shown;
}

std::string inspect_folder(const std::string& path, int64_t max_records) {
  const char* kind = "folder";
  if (fs::exists(path + "/state.json"))
    kind = "checkpoint";
  else if (fs::exists(path + "/adapter_config.json"))
    kind = "adapter";
  else if (fs::exists(path + "/config.json"))
    kind = "model";
  else if (fs::exists(path + "/config.yaml"))
    kind = "run";
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());

  std::string out = fmt::format("{} {}\n", kind, path);
  for (const fs::path& file : files) {
    out += fs::is_directory(file)
               ? fmt::format("  {}/\n", file.filename().string())
               : fmt::format("  {}  {} bytes\n", file.filename().string(), fs::file_size(file));
  }
  for (const char* name : {"state.json", "adapter_config.json", "config.json"}) {
    const std::string file = path + "/" + name;
    if (fs::exists(file))
      out +=
          fmt::format("\n{}:\n{}\n", name, data::parse_json(data::read_file(file), file).dump(2));
  }
  for (const char* name : {"adapter_model.safetensors", "model.safetensors"}) {
    if (max_records > 0 && fs::exists(path + "/" + name))
      out += "\n" + inspect_safetensors(path + "/" + name);
  }
  return out;
}

std::string inspect_file(const std::string& path, const CommandArguments& arguments) {
  if (fs::is_directory(path)) return inspect_folder(path, arguments.max_records);
  const std::string head = first_bytes(path);
  if (head.starts_with("GGUF")) return inspect_gguf(path);
  if (head.starts_with("\x89HDF\r\n\x1a\n"))
    return inspect_token_file(path, arguments.max_records, arguments.tokenizer);
  if (head.size() > 8 && head[8] == '{' && head[7] == '\0')
    return inspect_safetensors(path);  // 8 bytes of header length, then JSON
  const std::string extension = fs::path(path).extension();
  if (extension == ".jsonl") return inspect_json_lines(path, arguments.max_records);
  if (extension == ".json")
    return fmt::format("JSON {}\n{}\n", path,
                       data::parse_json(data::read_file(path), path).dump(2));
  if (extension == ".yaml") return data::read_file(path);
  throw std::invalid_argument(
      fmt::format("{}: expected tokens.h5, safetensors, GGUF, .jsonl, .json, .yaml, or a folder; "
                  "it is none of these, or was cut off",
                  path));
}

namespace {

template <typename Enum>
Enum chosen(const std::string& name, const std::string& path) {
  if (const auto found = trainer::choice_named<Enum>(name)) return *found;
  throw std::invalid_argument(fmt::format("{}: expected one of {}, got {}", path,
                                          fmt::join(trainer::choice_names<Enum>(), ", "), name));
}

// With the model in the dtype of the run that left it; on rank 0 alone.
std::string inspect_reproducer(const std::string& path) {
  const trainer::Reproducer reproducer = trainer::read_reproducer(path);
  ModelSection section;
  section.path = reproducer.base_model;
  section.dtype = chosen<WeightsDtype>(reproducer.dtype, path);
  section.products = chosen<ProductsChoice>(reproducer.products, path);
  const trainer::LlamaModel model = load_weights(section, at::kCPU);
  return fmt::format("reproducer {}\n", path) + trainer::replay(path, model);
}

}  // namespace

int inspect_command(RunContext& context) {
  const std::string& path = context.arguments.input;
  if (context.group.rank() == 0 && fs::exists(path + "/reproducer.json")) {
    fmt::print("{}", inspect_reproducer(path));
  } else if (context.group.rank() == 0) {
    fmt::print("{}", inspect_file(path, context.arguments));
  }
  context.group.barrier();
  return 0;
}

}  // namespace candor::launch
