// A token file's worth of examples for the tiny model of tests/model/data/tiny (61 tokens), and a
// folder that is removed again.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "comm/process_group.h"
#include "data_pipeline/tokens/token_data.h"

namespace candor::testing_support {

inline const std::string kTinyModel = std::string(CANDOR_SOURCE_DIR) + "/tests/model/data/tiny";

inline std::string file_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Made by rank 0 and known to all.
class SharedFolder {
 public:
  explicit SharedFolder(comm::ProcessGroup& group) : group_(group), owner_(group.rank() == 0) {
    if (owner_) {
      std::string pattern =
          (std::filesystem::temp_directory_path() / "candor_training_XXXXXX").string();
      path_ = ::mkdtemp(pattern.data());
    }
    group.broadcast_bytes(path_, 0);
  }
  ~SharedFolder() {
    try {
      group_.barrier();  // others may still read there
    } catch (const std::exception&) {
    }
    std::error_code ignored;
    if (owner_) std::filesystem::remove_all(path_, ignored);
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  comm::ProcessGroup& group_;
  bool owner_;
  std::string path_;
};

// `examples` examples of 5-9 tokens behind one prefix of 6; whether one is right can be told from
// its first token. Every fifth is validation.
inline data::TokenData synthetic_data(int examples) {
  data::TokenData data;
  data.add_prefix(std::vector<uint32_t>{3, 4, 5, 6, 7, 8});
  for (int i = 0; i < examples; ++i) {
    const auto length = static_cast<uint32_t>(5 + (i * 7) % 5);
    const bool right = (i * 13) % 7 < 3;
    std::vector<uint32_t> suffix;
    for (uint32_t k = 0; k < length; ++k)
      suffix.push_back(k == 0 ? (right ? 40U : 50U)
                              : 10 + (static_cast<uint32_t>(i) * 5 + k * 3) % 28);
    data.add_example({.id = fmt::format("q{}", i),
                      .dataset = "synthetic",
                      .entity = fmt::format("e{}", i),
                      .split = i % 5 == 4 ? "validation" : "train",
                      .prefix = 0,
                      .confidence_position = length - 1,
                      .marker_position = length - 2,
                      .response_begin = 1,
                      .response_end = 3,
                      .target = right ? 1.0F : 0.0F,
                      .graded = true},
                     suffix);
  }
  data.levels.ids = {51, 52, 53, 54, 55, 56, 57, 58, 59, 60};
  for (int i = 0; i < 10; ++i) data.levels.values.push_back(i / 9.0);
  const std::string hash(64, 'a');
  data.origin = {.tokenizer_sha256 = hash,
                 .template_sha256 = hash,
                 .prompt_sha256 = hash,
                 .model_identity = "tiny"};
  return data;
}

}  // namespace candor::testing_support
