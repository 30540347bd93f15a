// natlens replay: captures through a router made of rules, offline.
#include "natlens/replay/replay.h"

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/capture/source.h"
#include "natlens/capture/writer.h"
#include "natlens/ruleset/router.h"
#include "natlens/store/differences.h"

#include "command.h"
#include "options.h"
#include "rules.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
The first capture was taken at the router's inner interface, the second one, if there is one, at
its outer interface; what entered the router there goes through prerouting, routing and
postrouting in capture time. Which frames entered, the router's addresses and what is inside are
taken from the captures, if --inside and --local do not say. OUT holds the packets that left, as
raw IP.

With --compare, every packet that the real router sent out has to be among them, and no other:
exit 1 if not. With --against or --against-sysctl, the connections that other rules or another
table would translate, drop or forward otherwise are printed, grouped by rule; exit 1 if there are
any.

Examples:
  natlens replay lan.pcap --rules nat.nft --local 198.51.100.1 -o out.pcap
  natlens replay lan=lan.pcap wan=wan.pcap --rules nat.nft --ports-from wan.pcap --compare wan.pcap)";

constexpr capture::LinkType kRawIp = 101;
constexpr std::size_t kMostTold = 20;

struct Options {
  std::vector<std::string> files;
  std::string out;
  std::string actual;
  std::string compare;
  std::string database;
  std::string against;
  std::vector<std::string> against_sysctls;
  std::uint64_t seed = 1;
  RulesOptions rules;
  TrackingOptions tracking;
};

// "--iface TAP=NAME" by the names of the captures.
void name_interfaces(Options& options) {
  for (std::string& text : options.rules.names) {
    const auto equals = text.find('=');
    for (std::size_t i = 0; i < options.files.size() && i < 2; ++i) {
      const auto spec = capture::parse_source(options.files[i]);
      if (spec && !spec->name.empty() && text.substr(0, equals) == spec->name) {
        text = (i == 0 ? "inside" : "outside") + text.substr(equals);
        break;
      }
    }
  }
}

void print_result(Output& out, const replay::ReplayResult& result, bool compared) {
  std::string own;
  for (const Address& address : result.topology.own) own += ' ' + to_string(address);
  out.write(fmt::format("router: addresses{}; {} hosts inside\n",
                        own.empty() ? " unknown" : own, result.topology.inside_hosts));
  out.write(fmt::format("{} packets entered, {} left", result.entered, result.left));
  for (std::size_t i = 0; i < result.fates.size(); ++i) {
    if (result.fates[i] != 0) {
      out.write(fmt::format(", {} {}", result.fates[i],
                            ruleset::to_string(static_cast<ruleset::Fate>(i))));
    }
  }
  out.write("\n");
  if (result.inconclusive != 0) {
    out.write(fmt::format("{} packets are inconclusive: a rule could not be judged\n",
                          result.inconclusive));
  }
  if (!compared) return;
  out.write(fmt::format(
      "{} equal towards the outside, {} towards the inside; {} different, {} of the "
      "real router's own\n",
      result.equal, result.equal_inside, result.difference_count, result.not_ours));
  std::size_t told = 0;
  for (const replay::Difference& difference : result.differences) {
    if (++told > kMostTold) break;
    const std::string left = to_string(difference.left);
    out.write(difference.missing ? fmt::format("  {} frame {}: {} left the real router only\n",
                                               difference.capture, difference.frame, left)
                                 : fmt::format("  {} frame {}: {} leaves here only, as {}\n",
                                               difference.capture, difference.frame,
                                               to_string(difference.entered), left));
  }
}

Result<void> save(const Options& options, const replay::ReplayResult& result) {
  if (options.database.empty()) return {};
  std::vector<store::DifferenceRow> rows;
  rows.reserve(result.differences.size());
  for (const replay::Difference& d : result.differences) {
    rows.push_back({d.capture, d.frame, d.missing, d.left, d.entered});
  }
  return store::keep_differences(options.database, options.rules.file, rows);
}

std::string described(const replay::FlowOutcome& outcome) {
  const std::string rule = outcome.rule.empty() ? "no rule" : outcome.rule;
  return outcome.fate == ruleset::Fate::kForwarded
             ? fmt::format("{} ({})", to_string(outcome.after), rule)
             : fmt::format("{} ({})", ruleset::to_string(outcome.fate), rule);
}

// The changes in groups of the same two rules.
Result<Exit> print_changes(const std::vector<replay::FlowChange>& changes) {
  Output out;
  out.write(fmt::format("{} connections would be treated otherwise\n", changes.size()));
  for (std::size_t i = 0; i < changes.size();) {
    std::size_t end = i;
    while (end < changes.size() && changes[end].before.rule == changes[i].before.rule &&
           changes[end].after.rule == changes[i].after.rule) {
      ++end;
    }
    const auto name = [](const std::string& rule) { return rule.empty() ? "no rule" : rule; };
    out.write(fmt::format("{} instead of {}: {}\n", name(changes[i].after.rule),
                          name(changes[i].before.rule), end - i));
    for (std::size_t k = i; k < end && k < i + kMostTold; ++k) {
      out.write(fmt::format("  frame {}: {}: {} instead of {}\n", changes[k].frame,
                            to_string(changes[k].flow), described(changes[k].after),
                            described(changes[k].before)));
    }
    i = end;
  }
  return out.finish(changes.empty() ? Exit::kOk : Exit::kNo);
}

Result<Exit> compare_routers(const Options& options,
                             const ruleset::Ruleset& rules,
                             const replay::ReplayOptions& wanted) {
  auto others = load_rules(options.against.empty() ? options.rules.file : options.against);
  if (!others) return others.error();
  TrackingOptions changed = options.tracking;
  changed.sysctls.insert(changed.sysctls.end(), options.against_sysctls.begin(),
                         options.against_sysctls.end());
  auto tracking = make_tracking(changed);
  if (!tracking) return tracking.error();
  replay::ReplayOptions otherwise = wanted;
  otherwise.tracking = *tracking;
  const auto changes = replay::what_if({rules, wanted}, {**others, otherwise});
  if (!changes) return changes.error();
  return print_changes(*changes);
}

Result<Exit> replay_captures(Options options) {
  if (options.files.size() > 2) {
    return Error{"at most two captures: the inner one, then the outer one"};
  }
  name_interfaces(options);
  auto rules = load_rules(options.rules.file);
  if (!rules) return rules.error();
  auto setup = make_router(options.rules, **rules);
  if (!setup) return setup.error();
  auto tracking = make_tracking(options.tracking);
  if (!tracking) return tracking.error();
  replay::ReplayOptions wanted;
  wanted.inside = options.files[0];
  wanted.outside = options.files.size() > 1 ? options.files[1] : "";
  wanted.actual = options.actual;
  wanted.compare = options.compare;
  wanted.setup = std::move(*setup);
  wanted.setup.seed = options.seed;
  wanted.setup.answers = false;
  wanted.infer = options.rules.inside.empty();
  wanted.tracking = *tracking;
  if (!options.against.empty() || !options.against_sysctls.empty()) {
    return compare_routers(options, **rules, wanted);
  }
  std::unique_ptr<capture::PcapWriter> writer;
  if (!options.out.empty()) {
    auto created = capture::PcapWriter::create(options.out, kRawIp);
    if (!created) return created.error();
    writer = std::move(*created);
  }
  auto result = replay::replay(**rules, wanted, [&](const replay::Left& left) -> Result<void> {
    if (!writer || left.emitted == nullptr) return {};
    return writer->write(left.time, left.emitted->ip);
  });
  if (!result) return result.error();
  if (writer) {
    if (auto closed = writer->close(); !closed) return closed.error();
  }
  if (auto saved = save(options, *result); !saved) return saved.error();
  Output out;
  print_result(out, *result, !options.compare.empty());
  return out.finish(result->entered == 0           ? Exit::kNothing
                    : result->difference_count > 0 ? Exit::kNo
                                                   : Exit::kOk);
}

}  // namespace

Command add_replay(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      program.add_subcommand("replay", "Send captures through a router that has these rules");
  app->add_option("-r,FILES", options->files,
                  "Capture at the inner interface, and at the outer one")
      ->required()
      ->type_name("[NAME=]FILE");
  app->add_option("--rules", options->rules.file,
                  "What nft or iptables-save printed; FILE#NAME is one of several")
      ->required()
      ->type_name("FILE");
  app->add_option("-o", options->out, "Write the packets that left")->type_name("FILE");
  app->add_option("--seed", options->seed, "For ports that are drawn by chance")
      ->capture_default_str();
  app->add_option(
         "--ports-from", options->actual,
         "Take the ports that the real router drew from this capture of its outer side")
      ->type_name("FILE");
  app->add_option("--compare", options->compare,
                  "Compare with this capture of the real router's outer side")
      ->type_name("FILE");
  app->add_option("--save", options->database,
                  "Keep the differences in this database of analyze, table replay_difference")
      ->type_name("DB")
      ->needs(app->get_option("--compare"));
  app->add_option("--against", options->against,
                  "Print the connections that these rules would treat otherwise")
      ->type_name("FILE")
      ->excludes(app->get_option("-o"))
      ->excludes(app->get_option("--compare"));
  app->add_option("--against-sysctl", options->against_sysctls,
                  "Print those that a table with this setting would treat otherwise")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->excludes(app->get_option("-o"))
      ->excludes(app->get_option("--compare"));
  add_router_options(*app, options->rules);
  add_tracking_options(*app, options->tracking);
  app->footer(std::string(kFooter));
  return {app, [options] { return replay_captures(*options); }};
}

}  // namespace natlens::cli
