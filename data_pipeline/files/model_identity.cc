#include "data_pipeline/files/model_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "data_pipeline/files/content_hash.h"
#include "data_pipeline/files/mapped_file.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"

namespace candor::data {

std::string model_identity(const std::string& model_folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> weights;
  for (const fs::directory_entry& file : fs::directory_iterator(model_folder)) {
    if (file.path().extension() == ".safetensors")
      weights.push_back(file.path().filename().string());
  }
  if (weights.empty())
    throw std::invalid_argument(
        fmt::format("{}: expected a model folder, but model.safetensors is missing, and so is any "
                    "other .safetensors file",
                    model_folder));
  std::sort(weights.begin(), weights.end());
  std::string text = "candor model 1\n";
  for (const char* name : {"config.json", "tokenizer.json"})
    text += sha256_hex(read_file(model_folder + "/" + name)) + "\n";
  for (const std::string& name : weights) {
    const MappedFile file(model_folder + "/" + name);
    text += fmt::format("{} {} {}\n", name, file.bytes().size(), content_hash(file.bytes()));
  }
  return sha256_hex(text);
}

std::string model_texts_identity(const std::string& model_folder) {
  std::string text;
  for (const char* name : {"generation_config.json", "tokenizer_config.json",
                           "special_tokens_map.json", "chat_template.jinja"}) {
    const std::string path = model_folder + "/" + name;
    if (std::filesystem::exists(path)) text += fmt::format("{} {}\n", name, sha256_file_hex(path));
  }
  return sha256_hex(text);
}

}  // namespace candor::data
