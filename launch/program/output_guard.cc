#include "launch/program/output_guard.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "data_pipeline/files/output_place.h"
#include "data_pipeline/files/read_file.h"
#include "launch/config/run_paths.h"
#include "launch/stages/stage_list.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;

struct Named {
  std::string name;  // what the user knows it by
  std::string path;
};
using NamedFiles = std::vector<Named>;

void refuse_inputs_as_outputs(const NamedFiles& outputs, const NamedFiles& inputs) {
  for (const Named& output : outputs) {
    for (const Named& input : inputs) {
      if (!data::is_same_file(output.path, input.path)) continue;
      throw std::invalid_argument(
          fmt::format("{}: {} is {} ({}), which would be replaced: choose another output",
                      output.name, output.path, input.name, input.path));
    }
  }
}

// What is read twice (by its hash, by another host) can't come out of a pipe.
void refuse_stream(const Named& input) {
  std::error_code failed;
  if (!fs::is_other(fs::status(input.path, failed))) return;
  throw std::invalid_argument(
      fmt::format("{}: expected a file, because it is read more than once, got a pipe or device "
                  "({}): write it to a file first",
                  input.name, input.path));
}

// A file that is there already, and whose beginning isn't what the command writes, is somebody
// else's.
void refuse_somebody_elses(const CommandLine& line, const Named& output,
                           const std::function<bool(const std::string& beginning)>& is_own) {
  const data::OutputPlace place = data::output_place(output.path);
  if (line.arguments.force || place.is_stream || !fs::is_regular_file(place.path)) return;
  std::string beginning(1 << 16, '\0');
  std::ifstream file(place.path, std::ios::binary);
  file.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
  beginning.resize(static_cast<size_t>(file.gcount()));
  if (beginning.empty() || is_own(beginning)) return;
  throw std::invalid_argument(
      fmt::format("{}: {} is there and isn't what `candor {}` writes, so it would be lost: choose "
                  "another output, or give --force to replace it",
                  output.name, output.path, line.command));
}

bool begins_with_a_score(const std::string& beginning) {
  const nlohmann::json first = nlohmann::json::parse(beginning.substr(0, beginning.find('\n')),
                                                     nullptr, /*allow_exceptions=*/false);
  return first.is_object() && first.contains("example_index") && first.contains("expectation");
}

void add_folder(NamedFiles& files, const std::string& name, const std::string& folder,
                std::initializer_list<const char*> file_names) {
  for (const char* file : file_names) files.push_back({name, folder + "/" + file});
}

void add_adapter(NamedFiles& files, const std::string& name, const std::string& folder) {
  add_folder(files, name, folder, {"adapter_model.safetensors", "adapter_config.json"});
}

std::string adapter_folder(const CommandLine& line, const RunConfig& config) {
  return line.arguments.adapter.empty() ? RunPaths(config.run.dir).adapter()
                                        : line.arguments.adapter;
}

// A run may have the model's folder as run.dir, so not all that lies there is the model's.
NamedFiles model_files(const RunConfig& config) {
  NamedFiles files;
  add_folder(files, "a file of the model", config.model.path,
             {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
              "chat_template.jinja", "model.safetensors.index.json"});
  std::error_code failed;
  for (const fs::directory_entry& file : fs::directory_iterator(config.model.path, failed)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(".safetensors") && !name.starts_with("frozen_trunk"))
      files.push_back({"a file of the model", file.path().string()});
  }
  if (!config.model.gguf.empty()) files.push_back({"model.gguf", config.model.gguf});
  return files;
}

void add(NamedFiles& files, const NamedFiles& more) {
  files.insert(files.end(), more.begin(), more.end());
}

NamedFiles named(const std::string& name, const std::vector<std::string>& paths) {
  NamedFiles files;
  for (const std::string& path : paths) files.push_back({name, path});
  return files;
}

// Config, questions, and what the stages make of them.
NamedFiles files_of_run(const CommandLine& line, const RunConfig& config) {
  NamedFiles files = {{"the config", line.config_path}, {"data.questions", config.data.questions}};
  for (const StageDeclaration& stage : stage_list())
    add(files, named("what " + stage.name + " makes", stage.outputs(config)));
  return files;
}

void check_score(const CommandLine& line, const RunConfig& config) {
  const CommandArguments& arguments = line.arguments;
  const Named input{"--input", arguments.input};
  refuse_stream(input);
  NamedFiles inputs = {input};
  add_adapter(inputs, "a file of the adapter", adapter_folder(line, config));
  add(inputs, files_of_run(line, config));
  add(inputs, model_files(config));
  const Named output{"--output", arguments.output};
  refuse_inputs_as_outputs({output}, inputs);
  refuse_somebody_elses(line, output, begins_with_a_score);
}

void check_import(const CommandLine& line) {
  NamedFiles outputs;
  add_folder(outputs, "the folder to make", line.arguments.output,
             {"model.safetensors", "tokenizer.json", "tokenizer_config.json",
              "generation_config.json", "config.json"});
  refuse_inputs_as_outputs(outputs, {{"the GGUF file", line.arguments.input}});
}

void check_export(const CommandLine& line, const RunConfig& config) {
  const std::string to =
      line.arguments.output.empty() ? config.run.dir + "/export" : line.arguments.output;
  NamedFiles inputs, outputs;
  add_adapter(inputs, "a file of the adapter that is exported", adapter_folder(line, config));
  add(inputs, files_of_run(line, config));
  add(inputs, model_files(config));
  add_adapter(outputs, "--output", to + "/adapter");
  if (line.arguments.merge) {
    for (const Named& file : model_files(config))
      outputs.push_back({"--output", to + "/merged/" + fs::path(file.path).filename().string()});
    add_folder(outputs, "--output", to + "/merged", {"model.safetensors"});
  }
  refuse_inputs_as_outputs(outputs, inputs);
}

void check_k8s(const CommandLine& line, const RunConfig& config) {
  if (line.arguments.output.empty()) return;
  const Named output{"--output", line.arguments.output};
  refuse_inputs_as_outputs({output}, files_of_run(line, config));
  refuse_somebody_elses(line, output, [](const std::string& beginning) {
    return beginning.find("\nkind: MPIJob\n") != std::string::npos ||
           beginning.find("\nkind: ConfigMap\n") != std::string::npos;
  });
}

// Of its own resolved config, which a run writes anew at each start, it may be started again.
void refuse_config_in_the_resolved_ones_place(const CommandLine& line, const RunConfig& config) {
  const std::string resolved = RunPaths(config.run.dir).config();
  if (!data::is_same_file(resolved, line.config_path)) return;
  if (to_yaml(read_run_config(line.config_path)) == data::read_file(line.config_path)) return;
  throw std::invalid_argument(
      fmt::format("run.dir: {} is the config itself, and a run writes its resolved config there, "
                  "without comments: move the config, or choose another run.dir",
                  resolved));
}

// `run` does all stages but score; a stage's inputs are often another one's outputs.
void check_stages(const CommandLine& line, const RunConfig& config) {
  const bool all = line.command == "run";
  if (all || line.command == "answer" || line.command == "train")
    refuse_config_in_the_resolved_ones_place(line, config);
  const Named questions{"data.questions", config.data.questions};
  if (all || line.command == "answer") refuse_stream(questions);
  NamedFiles given = {{"the config", line.config_path}, questions};
  add(given, model_files(config));
  for (const StageDeclaration& stage : stage_list()) {
    if (stage.name == "score" || (!all && stage.name != line.command)) continue;
    NamedFiles inputs = given;
    add(inputs, named("an input of " + stage.name, stage.inputs(config)));
    refuse_inputs_as_outputs(named("run.dir", stage.outputs(config)), inputs);
  }
}

}  // namespace

void check_outputs(const CommandLine& line, const RunConfig& config) {
  if (line.command == "score") return check_score(line, config);
  if (line.command == "import") return check_import(line);
  if (line.command == "export") return check_export(line, config);
  if (line.command == "k8s") return check_k8s(line, config);
  check_stages(line, config);
}

}  // namespace candor::launch
