// natlens show: the rows of one kind, from the view of that name.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/net/address.h"
#include "natlens/report/conntrack_rows.h"
#include "natlens/report/findings.h"
#include "natlens/report/nat_card.h"
#include "natlens/report/table.h"
#include "natlens/store/database.h"

#include "command.h"
#include "options.h"
#include "show_topics.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
Examples:
  natlens show nat.db taps
  natlens show nat.db mappings --protocol udp
  natlens show nat.db connections --address 192.168.1.100 --limit 20
  natlens show nat.db translations --format csv > translations.csv
  natlens show nat.db conntrack --format conntrack
  natlens show nat.db events --tap lan --format conntrack

nats is a report card of each NAT; behaviours are its answers as rows. mtus: how large packets may
be in each tunnel. findings are root causes with the frames that show them; --all adds what they explain, other
formats print all as rows.
The formats conntrack and save print what is still alive at the end as `conntrack -L` and
`conntrack -L -o save` do: of conntrack the router's own entries, of connections those that every
tap would have held. Of events, --format conntrack prints what `conntrack -E -o extended,timestamp`
would have, tap after tap, in the clock of the first tap. A line does not say which tap it is of:
take one with --tap.)";

std::vector<std::string_view> topic_names() {
  std::vector<std::string_view> names;
  for (const Topic& topic : topics()) names.push_back(topic.name);
  return names;
}

struct ShowOptions {
  std::string database;
  std::string topic;
  std::string format = "table";
  std::uint64_t limit = 0;
  std::string tap;
  std::string protocol;
  std::string address;
  std::optional<std::uint16_t> port;
  bool all = false;
  bool numbers = true;
};

// The statement of one call, with its parameters in order.
struct Statement {
  std::string sql;
  std::vector<store::Value> parameters;

  // AND (one = ? OR other = ? ...), all with the same value.
  void any_of(const FilterColumns& columns, const store::Value& value) {
    parameters.push_back(value);
    std::string terms;
    for (const std::string_view column : columns) {
      if (column.empty()) break;
      terms +=
          fmt::format("{}{} = ?{}", terms.empty() ? "" : " OR ", column, parameters.size());
    }
    sql += fmt::format(" AND ({})", terms);
  }
};

Error no_filter(const Topic& topic, std::string_view option) {
  return Error{fmt::format("show {}: {} does not apply to it", topic.name, option)};
}

Result<Statement> make_statement(const Topic& topic, const ShowOptions& options) {
  Statement statement;
  statement.sql = selection(topic, options.format);
  if (!options.tap.empty()) {
    if (topic.taps[0].empty()) return no_filter(topic, "--tap");
    statement.any_of(topic.taps, options.tap);
  }
  if (!options.protocol.empty()) {
    if (topic.protocols[0].empty()) return no_filter(topic, "--protocol");
    const auto number = protocol_number(options.protocol);
    if (!number) {
      return Error{fmt::format("--protocol: '{}' is none; write tcp, udp, icmp or a number",
                               options.protocol)};
    }
    statement.any_of(topic.protocols, protocol_name(*number));
  }
  if (!options.address.empty()) {
    if (topic.addresses[0].empty()) return no_filter(topic, "--address");
    const auto address = Address::parse(options.address);
    if (!address) {
      return Error{fmt::format("--address: '{}' is no IPv4 or IPv6 address", options.address)};
    }
    statement.any_of(topic.addresses, to_string(*address));
  }
  if (options.port) {
    if (topic.ports[0].empty()) return no_filter(topic, "--port");
    statement.any_of(topic.ports, std::int64_t{*options.port});
  }
  statement.sql += fmt::format(" ORDER BY {}", order_of(topic, options.format));
  if (options.limit > 0) statement.sql += fmt::format(" LIMIT {}", options.limit);
  return statement;
}

std::unique_ptr<report::TablePrinter> printer_for(const Topic& topic,
                                                  const std::string& format,
                                                  Output& out) {
  using report::ConntrackFormat;
  if (is_conntrack_format(format)) {
    const auto lines = topic.name == "events" ? ConntrackFormat::kEvents
                       : format == "save"     ? ConntrackFormat::kSave
                                              : ConntrackFormat::kList;
    return make_conntrack_printer(lines, out.writer());
  }
  return make_printer(report::parse_table_format(format).value_or(report::TableFormat::kTable),
                      terminal_style(), out.writer());
}

// NATs are told of to people as report cards.
Result<Exit> show_cards(store::Database& database, const ShowOptions& options) {
  const auto cards = report::nat_cards(database, options.limit);
  if (!cards) return cards.error();
  Output out;
  out.writer()(cards->text);
  auto exit = out.finish(cards->nats > 0 ? Exit::kOk : Exit::kNo);
  if (exit && cards->nats == 0) {
    say(fmt::format("natlens: {} has no such nats\n", options.database));
  }
  return exit;
}

// Findings, too: root causes with their frames and what to ask next.
Result<Exit> show_findings(store::Database& database, const ShowOptions& options) {
  const auto page = report::findings_page(database, options.all, options.limit);
  if (!page) return page.error();
  Output out;
  out.writer()(page->text);
  auto exit = out.finish(page->findings > 0 ? Exit::kOk : Exit::kNo);
  if (exit && page->findings == 0) {
    say(fmt::format("natlens: {} has no such findings\n", options.database));
  }
  return exit;
}

// A tap that is not there is a mistyped name, not an empty answer.
Result<void> check_tap(store::Database& database, const std::string& tap) {
  if (tap.empty()) return {};
  const auto rows = database.query("SELECT name FROM tap ORDER BY id");
  if (!rows) return rows.error();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < rows->rows.size(); ++i) names.push_back(rows->text(i, "name"));
  if (std::find(names.begin(), names.end(), tap) != names.end()) return {};
  const std::vector<std::string_view> known(names.begin(), names.end());
  return Error{fmt::format("--tap: there is no tap {}{}; the taps are {}", tap,
                           did_you_mean(tap, known), fmt::join(names, ", "))};
}

Result<Exit> show(const ShowOptions& options) {
  const auto topic =
      std::find_if(topics().begin(), topics().end(),
                   [&](const Topic& candidate) { return candidate.name == options.topic; });
  if (is_conntrack_format(options.format) && !has_lines(*topic, options.format)) {
    return Error{fmt::format("show {}: --format {} is for connections and conntrack{}",
                             topic->name, options.format,
                             options.format == "save" ? "" : ", and for events")};
  }
  const auto statement = make_statement(*topic, options);
  if (!statement) return statement.error();
  const auto database = open_database(options.database);
  if (!database) return database.error();
  if (const auto known = check_tap(**database, options.tap); !known) return known.error();
  if (topic->name == "nats" && options.format == "table")
    return show_cards(**database, options);
  if (topic->name == "findings" && options.format == "table")
    return show_findings(**database, options);
  Output out;
  const auto printer = printer_for(*topic, options.format, out);
  std::uint64_t rows = 0;
  const auto done = (*database)->each(
      statement->sql, statement->parameters,
      [&](std::span<const std::string> columns) { printer->head(columns); },
      [&](std::span<const store::Value> values) {
        ++rows;
        return printer->row(values);
      });
  if (!done) return done.error();
  printer->end();
  auto exit = out.finish(rows > 0 ? Exit::kOk : Exit::kNo);
  if (exit && rows == 0) {
    say(fmt::format("natlens: {} has no such {}\n", options.database, options.topic));
  }
  return exit;
}

}  // namespace

Command add_show(CLI::App& program) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* app =
      program.add_subcommand("show", "Print what a database holds, one kind of rows");
  add_database(*app, options->database);
  app->add_option("WHAT", options->topic, "Kind of rows")
      ->required()
      ->check(one_of(topic_names()));
  app->add_option("--format", options->format, "How rows are printed")
      ->check(one_of({"table", "csv", "json", "jsonl", "conntrack", "save"}))
      ->capture_default_str();
  app->add_option("-c,--limit", options->limit, "Print this many rows at most")
      ->type_name("N")
      ->check(whole_number("count", 1));
  app->add_option("--tap", options->tap, "Only rows of this tap")->type_name("NAME");
  app->add_option("--protocol", options->protocol, "Only this protocol")
      ->type_name("tcp|udp|icmp...");
  app->add_option("--address", options->address, "Only rows with this address at any end")
      ->type_name("ADDRESS");
  app->add_option("--port", options->port, "Only rows with this port (ICMP: id) at any end")
      ->type_name("PORT")
      ->check(whole_number("port", 0, 65535));
  app->add_flag("--all", options->all, "Findings: also those that another one explains");
  app->add_flag("-n", options->numbers, "Print numbers, not names (always so)");
  app->footer(std::string(kFooter));
  return {app, [options] { return show(*options); }};
}

}  // namespace natlens::cli
