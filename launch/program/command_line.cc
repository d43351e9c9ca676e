#include "launch/program/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>
#include <stdexcept>

#include "launch/config/nearest_key.h"
#include "launch/config/run_config.h"
#include "launch/program/command_options.h"
#include "launch/program/command_table.h"

namespace candor::launch {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done; 2 config, arguments or data; 3 file or disk; 4 a rank, the network or a "
    "GPU; 5 NaN or infinity;\n6 stopped by a signal (SIGTERM, SIGUSR1, Ctrl-C, a closed terminal), "
    "the same command goes on; 1 internal.\n"
    "`candor help config` lists every key of a config.";

class Parser {
 public:
  Parser()
      : app_("Candor trains a language model to state confidences that can be believed.",
             "candor") {
    app_.footer(kFooter);
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("candor ") + CANDOR_VERSION);
    for (const Command& command : command_table()) {
      CLI::App* parser = app_.add_subcommand(command.name, command.purpose);
      if (!command.footer.empty()) parser->footer(command.footer);
      if (!command.is_listed) parser->group("");
      if (command.takes_config) config_options(*parser, line_);
      if (command.add_options != nullptr) command.add_options(*parser, line_);
    }
  }

  CommandLine parse(int argc, const char* const* argv) {
    if (argc <= 1) {
      line_.text = app_.help();
      line_.exit_code = 2;
      return line_;
    }
    const std::string first = argv[1];
    const bool known = find_command(first) != nullptr;
    if (first[0] != '-' && !known) {
      throw std::invalid_argument(
          fmt::format("unknown command \"{}\"; the nearest is {} (see candor --help)", first,
                      nearest(first, names())));
    }
    const std::string overview = app_.help();  // after parsing it is that of the command
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& request) {  // --help, --version
      std::ostringstream out, error;
      app_.exit(request, out, error);
      line_.text = out.str();
      return line_;
    } catch (const CLI::ParseError& error) {
      throw std::invalid_argument(
          fmt::format("{} (see candor {}--help)", error.what(), known ? first + " " : ""));
    }
    line_.command = app_.get_subcommands().front()->get_name();
    if (line_.command == "help")
      answer_help(overview);
    else if (const auto check = find_command(line_.command)->check)
      check(line_);
    return line_;
  }

 private:
  static std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const Command& command : command_table()) names.push_back(command.name);
    return names;
  }

  void answer_help(const std::string& overview) {
    line_.command.clear();
    const std::string& topic = line_.help_topic;
    if (topic == "config") {
      line_.text = describe_run_config();
    } else if (topic.empty()) {
      line_.text = overview;
    } else if (find_command(topic) != nullptr) {
      line_.text = app_.get_subcommand(topic)->help("candor");
    } else {
      throw std::invalid_argument(
          fmt::format("no help about \"{}\": expected config or a command", topic));
    }
  }

  CommandLine line_;  // which app_ fills
  CLI::App app_;
};

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  return Parser().parse(argc, argv);
}

std::string request_text(const CommandLine& line) {
  const CommandArguments& arguments = line.arguments;
  std::string text = line.command;
  if (arguments.resume) text += " --resume";
  if (arguments.pause_at > 0) text += fmt::format(" --pause-at {}", arguments.pause_at);
  if (arguments.ranks_per_trial > 1)
    text += fmt::format(" --ranks-per-trial {}", arguments.ranks_per_trial);
  if (arguments.merge) text += " --merge";
  if (!arguments.input.empty()) text += " --input " + arguments.input;
  if (!arguments.output.empty()) text += " --output " + arguments.output;
  if (!arguments.adapter.empty()) text += " --adapter " + arguments.adapter;
  if (!arguments.tokenizer.empty()) text += " --tokenizer " + arguments.tokenizer;
  if (!arguments.doctor.config.empty())
    text += " --config";  // whose name may differ: its content is compared
  if (arguments.doctor.bandwidth) text += " --bandwidth";
  if (arguments.doctor.expected_gbit > 0)
    text += fmt::format(" --expected-gbit {}", arguments.doctor.expected_gbit);
  if (arguments.max_records != CommandArguments{}.max_records)
    text += fmt::format(" --records {}", arguments.max_records);
  return text;
}

}  // namespace candor::launch
