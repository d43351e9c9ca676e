#include "launch/cluster/run_inputs.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "data_pipeline/files/model_identity.h"
#include "data_pipeline/files/sha256.h"
#include "launch/ranks/exit_codes.h"

namespace candor::launch {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);

struct Identities {
  std::string questions, questions_problem, model, model_problem;
  std::atomic<bool> done{false};
};

void identify(const std::string& questions, const ModelSection& model, Identities& found) {
  if (!questions.empty()) {
    try {
      found.questions = data::sha256_file_hex(questions);
    } catch (...) {
      found.questions_problem =
          "data.questions: " + describe_failure(std::current_exception()).message;
    }
  }
  std::error_code unreadable;  // model_identity says it better
  if (!std::filesystem::exists(model.path + "/config.json", unreadable) && !model.gguf.empty()) {
    found.model = "not imported yet";  // rank 0 makes it from model.gguf at the first stage
    return;
  }
  try {
    found.model = data::model_identity(model.path);
  } catch (...) {
    found.model_problem = "model.path: " + describe_failure(std::current_exception()).message;
  }
}

}  // namespace

void identify_inputs(const RunConfig* config, comm::ProcessGroup& group, RankState& state) {
  // Left alone, not waited for, if the group fails meanwhile: the process ends then.
  const auto found = std::make_shared<Identities>();
  if (config != nullptr && group.rank_info().local_rank == 0) {
    std::thread([found, questions = config->data.questions, model = config->model] {
      identify(questions, model, *found);
      found->done = true;
    }).detach();
  } else {
    found->done = true;
  }
  for (;;) {
    const std::vector<std::string> done = group.all_gather_bytes(found->done ? "1" : "0");
    if (std::count(done.begin(), done.end(), "1") == static_cast<std::ptrdiff_t>(done.size()))
      break;
    std::this_thread::sleep_for(kPause);
  }
  state.questions = found->questions;
  state.questions_problem = found->questions_problem;
  state.model = found->model;
  state.model_problem = found->model_problem;
}

}  // namespace candor::launch
