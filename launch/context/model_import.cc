#include "launch/context/model_import.h"

#include <fmt/format.h>
#include <glob.h>

#include <filesystem>
#include <stdexcept>
#include <vector>

#include "data_pipeline/files/gguf_import.h"

namespace candor::launch {
namespace {

std::string single_match(const std::string& pattern) {
  glob_t found{};
  const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> paths;
  if (status == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (paths.empty())
    throw std::invalid_argument(fmt::format(
        "model.gguf: no file matches {}; run launch/setup/install.sh if it is the embedded model",
        pattern));
  if (paths.size() > 1)
    throw std::invalid_argument(
        fmt::format("model.gguf: expected one file for {}, got {}, among them {} and {}", pattern,
                    paths.size(), paths[0], paths[1]));
  return paths[0];
}

}  // namespace

void import_and_tell(const std::string& gguf, const std::string& folder) {
  fmt::print(stderr, "import  {} -> {}\n", gguf, folder);
  data::import_gguf(gguf, folder);
  fmt::print(stderr, "import  {:.0f} MB of weights in {}\n",
             static_cast<double>(std::filesystem::file_size(folder + "/model.safetensors")) / 1e6,
             folder);
}

void ensure_model(const ModelSection& model, comm::ProcessGroup& group) {
  if (group.rank() == 0 && !std::filesystem::exists(model.path + "/config.json")) {
    if (model.gguf.empty()) {
      throw std::invalid_argument(
          fmt::format("model.path: no model in {} (no config.json); give a folder in Hugging Face "
                      "layout, or a GGUF file as model.gguf",
                      model.path));
    }
    import_and_tell(single_match(model.gguf), model.path);
  }
  group.barrier();
}

}  // namespace candor::launch
