#include "launch/program/request.h"

#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "launch/config/recorded_config.h"
#include "launch/program/output_guard.h"
#include "launch/ranks/launched_rank.h"
#include "launch/ranks/processor.h"
#include "launch/ranks/rank_agreement.h"
#include "launch/ranks/thread_environment.h"

namespace candor::launch {
namespace {

std::optional<int> agreed_failure(const Request& request, comm::ProcessGroup& group) {
  const nlohmann::json mine = request.failure ? nlohmann::json{{"code", request.failure->exit_code}}
                                              : nlohmann::json(nullptr);
  const std::vector<std::string> all = group.all_gather_bytes(mine.dump());
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const nlohmann::json theirs = nlohmann::json::parse(all[rank]);
    if (theirs.is_null()) continue;
    if (static_cast<int>(rank) == group.rank())
      tell(*request.failure, group.rank(), group.world_size());
    return theirs.at("code").get<int>();
  }
  return std::nullopt;
}

// What was decided when a run began is taken up again.
void resolve_threads(Request& request) {
  int64_t& threads = request.config.run.threads_per_rank;
  if (threads == 0 && request.has_config()) {
    if (const std::optional<RunConfig> recorded = recorded_config(request.config.run.dir))
      threads = recorded->run.threads_per_rank;
  }
  request.threads_are_default = threads == 0;
  if (threads == 0) threads = default_threads_per_rank();
}

RankReport report_of(const Request& request) {
  RankReport report{.command = request_text(request.line)};
  if (!request.has_config())
    return report;  // doctor, import, inspect: any threads and processors will do
  RunConfig without_threads = request.config;
  without_threads.run.threads_per_rank = 0;
  report.config_yaml = to_yaml(without_threads);
  report.threads = request.config.run.threads_per_rank;
  report.processor = this_processor().kind;
  return report;
}

}  // namespace

Request read_request(int argc, char** argv) {
  Request request;
  try {
    request.line = parse_command_line(argc, argv);
    request.command = find_command(request.line.command);
    if (request.command == nullptr) return request;
    if (request.has_config()) {
      RunConfigAndWarnings read =
          read_run_config_and_warnings(request.line.config_path, request.line.overrides);
      request.config = std::move(read.config);
      request.warnings = std::move(read.warnings);
    }
    if (launched_rank() == 0) check_outputs(request.line, request.config);
    if (request.command->without_ranks != nullptr) return request;
    if (!request.has_config() && request.command->run_section != nullptr)
      request.config.run = request.command->run_section(request.line.arguments.doctor);
    resolve_threads(request);
    apply_thread_environment(request.config.run.threads_per_rank, argv);
  } catch (...) {
    request.failure = describe_failure(std::current_exception());
  }
  return request;
}

std::optional<int> agree_on_request(const Request& request, comm::ProcessGroup& group) {
  if (const std::optional<int> failed = agreed_failure(request, group)) return failed;
  check_ranks_agree(report_of(request), group);
  return std::nullopt;
}

}  // namespace candor::launch
