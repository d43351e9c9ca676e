#include "launch/ranks/rank_agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace candor::launch {
namespace {

std::string to_text(const RankReport& report) {
  const nlohmann::json json = {report.command, report.config_yaml, report.threads,
                               report.processor};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

RankReport report_of(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  return {json[0], json[1], json[2], json[3]};
}

// The next line without its indent; "nothing" past the end.
std::string next_line(std::istream& lines) {
  std::string line;
  if (!std::getline(lines, line)) return "nothing";
  return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}

}  // namespace

std::pair<std::string, std::string> first_difference(const std::string& one,
                                                     const std::string& other) {
  std::istringstream lines_of_one(one), lines_of_other(other);
  std::string a, b;
  do {
    a = next_line(lines_of_one);
    b = next_line(lines_of_other);
  } while (a == b && (lines_of_one || lines_of_other));
  return {a, b};
}

std::optional<std::string> disagreement(const std::vector<RankReport>& ranks) {
  const RankReport& first = ranks.at(0);
  for (size_t rank = 1; rank < ranks.size(); ++rank) {
    const RankReport& other = ranks[rank];
    if (other.command != first.command) {
      return fmt::format(
          "rank {} was started as `candor {}` and rank 0 as `candor {}`: start all ranks with the "
          "same command and arguments",
          rank, other.command, first.command);
    }
    if (other.config_yaml != first.config_yaml) {
      const auto [of_other, of_first] = first_difference(other.config_yaml, first.config_yaml);
      return fmt::format(
          "rank {} read another config than rank 0 (`{}`, rank 0 has `{}`): give every host the "
          "same file",
          rank, of_other, of_first);
    }
    if (other.threads != first.threads) {
      return fmt::format(
          "rank {} has {} threads and rank 0 {}: set run.threads_per_rank to one number for all",
          rank, other.threads, first.threads);
    }
    if (other.processor != first.processor) {
      return fmt::format(
          "rank {} runs on processor {} and rank 0 on {}: results would depend on which rank "
          "computes what; use hosts of one kind",
          rank, other.processor, first.processor);
    }
  }
  return std::nullopt;
}

void check_ranks_agree(const RankReport& mine, comm::ProcessGroup& group) {
  std::vector<RankReport> ranks;
  for (const std::string& text : group.all_gather_bytes(to_text(mine)))
    ranks.push_back(report_of(text));
  if (const auto difference = disagreement(ranks)) throw std::invalid_argument(*difference);
}

}  // namespace candor::launch
