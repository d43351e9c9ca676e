#include "launch/sweep/pool_task.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/read_file.h"

namespace candor::launch {

std::string task_text(const PoolTask& task) {
  return nlohmann::ordered_json{{"id", task.id},
                                {"config", task.config_path},
                                {"pause_at", task.pause_at},
                                {"log", task.log_path}}
      .dump();
}

PoolTask task_from(const std::string& text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    return {.id = json.at("id"),
            .config_path = json.at("config"),
            .pause_at = json.at("pause_at"),
            .log_path = json.at("log")};
  } catch (const nlohmann::json::exception& error) {
    throw data::FileError(fmt::format("a sweep's task can't be read: {}", error.what()));
  }
}

std::string PoolFolder::path(int64_t group, const char* kind) const {
  return fmt::format("{}/group{}.{}", folder_, group, kind);
}

void PoolFolder::write_ready() const { data::write_file_atomically(folder_ + "/ready", ""); }

bool PoolFolder::is_ready() const { return std::filesystem::exists(folder_ + "/ready"); }

void PoolFolder::write_task(int64_t group, const PoolTask& task) const {
  data::write_file_atomically(path(group, "task"), task_text(task));
}

void PoolFolder::write_result(int64_t group, const PoolResult& result) const {
  data::write_file_atomically(path(group, "done"),
                              nlohmann::ordered_json{{"id", result.id},
                                                     {"exit", result.exit_code},
                                                     {"stopped", result.stopped},
                                                     {"ends_all", result.ends_all}}
                                  .dump());
}

std::optional<std::string> PoolFolder::task_after(int64_t group, int64_t last_id) const {
  if (!std::filesystem::exists(path(group, "task"))) return std::nullopt;
  std::string text = data::read_file(path(group, "task"));
  if (task_from(text).id <= last_id) return std::nullopt;
  return text;
}

std::optional<PoolResult> PoolFolder::result_of(int64_t group, int64_t id) const {
  if (!std::filesystem::exists(path(group, "done"))) return std::nullopt;
  const nlohmann::json json = nlohmann::json::parse(data::read_file(path(group, "done")), nullptr,
                                                    /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("id", int64_t{-1}) != id) return std::nullopt;
  return PoolResult{.id = id,
                    .exit_code = json.value("exit", 1),
                    .stopped = json.value("stopped", false),
                    .ends_all = json.value("ends_all", false)};
}

}  // namespace candor::launch
