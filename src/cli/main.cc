// natlens: composes the subcommands, turns errors into messages and results into exit codes.
//
//   code  meaning (in order of precedence)
//   2     usage, unreadable or invalid input
//   3     everything was readable and nothing could be judged
//   1     the answer is "no"
//   0     done
#include <array>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "natlens/report/text.h"

#include "command.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kExamples = R"(
Examples:
  natlens analyze lan=inside.pcap wan=outside.pcap -o nat.db
  natlens show nat.db mappings
  natlens trace nat.db 192.168.1.100:50000
  natlens verify nat.db --rules nat.nft
  natlens query nat.db
  natlens query nat.db "SELECT kind, count(*) FROM translations GROUP BY kind"

Exit codes: 0 done, 1 the answer is no, 2 usage or unreadable input, 3 nothing could be judged.
`natlens COMMAND --help` tells the options of a command; the manual is natlens(1).)";

// argv as a shell would take it, without the output: the database knows its own name, and the
// same analysis into another file is the same content.
std::string command_line(std::span<char*> arguments) {
  std::string out = "natlens";
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "-o" || word == "--output") {
      ++i;
      continue;
    }
    if (word == "--force" || word.starts_with("--output=")) continue;
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\$`*?;&|<>()[]{}~#!") ==
                                            std::string_view::npos;
    out += ' ';
    if (plain) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return out;
}

class Program {
 public:
  explicit Program(std::span<char*> arguments)
      : arguments_(arguments),
        app_("Sees through NATs: what became of a connection, and why we think so.",
             "natlens") {
    app_.set_version_flag("--version", "natlens " NATLENS_VERSION, "Print the version");
    app_.set_help_flag("-h,--help", "Print this help");
    app_.footer(std::string(kExamples));
    app_.get_formatter()->column_width(34);
    commands_ = {add_analyze(app_, command_line(arguments)),
                 add_capture(app_, command_line(arguments)),
                 add_show(app_),
                 add_trace(app_),
                 add_explain(app_),
                 add_query(app_),
                 add_decode(app_),
                 add_track(app_),
                 add_replay(app_),
                 add_nat(app_, command_line(arguments)),
                 add_verify(app_, command_line(arguments)),
                 add_report(app_)};
  }

  Exit run() {
    app_.parse(static_cast<int>(arguments_.size()), arguments_.data());
    for (const Command& command : commands_) {
      if (!command.app->parsed()) continue;
      const Result<Exit> result = command.run();
      if (result) return *result;
      say(fmt::format("natlens: {}\n", report::printable(result.error().message)));
      return Exit::kError;
    }
    say(fmt::format("natlens: which command?\n\n{}", app_.help()));
    return Exit::kError;
  }

  // --help and --version arrive as parse errors too, with exit code 0.
  Exit tell(const CLI::ParseError& error) const {
    if (error.get_exit_code() == 0) {
      app_.exit(error);
      return Exit::kOk;
    }
    const CLI::App& used = used_app();
    say(fmt::format("natlens: {}\nnatlens: `{} --help` tells what it takes\n",
                    report::printable(reason(used, error)),
                    used.get_parent() == nullptr ? "natlens" : "natlens " + used.get_name()));
    return Exit::kError;
  }

 private:
  const CLI::App& used_app() const {
    const auto used = app_.get_subcommands();
    return used.empty() ? app_ : *used.front();
  }

  // CLI11 complains first of what is missing; what was mistyped is usually why it is missing.
  std::string reason(const CLI::App& used, const CLI::ParseError& error) const {
    const std::vector<std::string> unknown = used.remaining();
    for (const std::string& word : unknown) {
      if (!word.starts_with('-') || word.size() == 1) continue;
      return fmt::format("{} has no option {}{}", said_name(used), word,
                         near_option(used, word));
    }
    if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || unknown.empty()) {
      return error.what();
    }
    if (&used == &app_) {
      return fmt::format("no command '{}'{}", unknown.front(), near_command(unknown.front()));
    }
    return fmt::format("{} does not take one more argument: '{}'", said_name(used),
                       unknown.front());
  }

  static std::string said_name(const CLI::App& used) {
    return used.get_parent() == nullptr ? "natlens" : used.get_name();
  }

  static std::string near_option(const CLI::App& used, const std::string& word) {
    std::vector<std::string> names;
    for (const CLI::Option* option : used.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    return did_you_mean(std::string_view(word).substr(0, word.find('=')), known);
  }

  std::string near_command(std::string_view word) const {
    std::vector<std::string> names;
    for (const Command& command : commands_) names.push_back(command.app->get_name());
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::string near = did_you_mean(word, known);
    return near.empty() ? fmt::format("; there are {}", fmt::join(names, ", ")) : near;
  }

  std::span<char*> arguments_;
  CLI::App app_;
  std::array<Command, 12> commands_;
};

Exit run(std::span<char*> arguments) {
  occupy_standard_files();
  ignore_broken_pipes();
  Program program(arguments);
  try {
    return program.run();
  } catch (const CLI::ParseError& error) {
    return program.tell(error);
  } catch (const std::bad_alloc&) {
    say("natlens: out of memory; --memory bounds what analyze keeps\n");
  } catch (const std::exception& error) {
    say(fmt::format("natlens: {}: this is a defect of natlens\n", error.what()));
  }
  return Exit::kError;
}

}  // namespace
}  // namespace natlens::cli

int main(int argc, char** argv) {
  return static_cast<int>(natlens::cli::run({argv, static_cast<std::size_t>(argc)}));
}
