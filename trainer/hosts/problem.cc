#include "trainer/hosts/problem.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "data_pipeline/files/file_error.h"

namespace candor::trainer {
namespace {

enum Kind { kOther, kOfSystem, kForUser, kOfFile };

std::string text_of(Kind kind, int code, const std::string& message) {
  return nlohmann::json({{"kind", static_cast<int>(kind)}, {"code", code}, {"message", message}})
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string problem_text(const std::exception& error, const std::string& host) {
  std::string message = fmt::format("{}: {}", host, error.what());
  const auto* const of_system = dynamic_cast<const std::system_error*>(&error);
  if (of_system == nullptr) {
    const bool of_file = dynamic_cast<const data::FileError*>(&error) != nullptr;
    return text_of(of_file ? kOfFile : kOther, 0, message);
  }
  // It says its code's text again when it is thrown again.
  const std::string ending = ": " + of_system->code().message();
  if (message.ends_with(ending)) message.resize(message.size() - ending.size());
  return text_of(kOfSystem, of_system->code().value(), message);
}

std::string problem_text_for_user(const std::string& message) {
  return text_of(kForUser, 0, message);
}

void throw_problem(const std::string& text) {
  const nlohmann::json problem = nlohmann::json::parse(text);
  const auto message = problem.at("message").get<std::string>();
  switch (problem.at("kind").get<int>()) {
    case kOfSystem:
      throw std::system_error(problem.at("code").get<int>(), std::generic_category(), message);
    case kForUser: throw std::invalid_argument(message);
    case kOfFile: throw data::FileError(message);
    default: throw std::runtime_error(message);
  }
}

}  // namespace candor::trainer
