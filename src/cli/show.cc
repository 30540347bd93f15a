// natlens show: the rows of one kind, from the view of that name.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/net/address.h"
#include "natlens/report/conntrack_rows.h"
#include "natlens/report/nat_card.h"
#include "natlens/report/table.h"
#include "natlens/store/database.h"

#include "command.h"
#include "options.h"
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

nats is a report card of each NAT; behaviours are its answers as rows.
The formats conntrack and save print what is still alive at the end as `conntrack -L` and
`conntrack -L -o save` do: of conntrack the router's own entries, of connections those that every
tap would have held.)";

// The entries that the taps held, with the columns that a line of conntrack(8) needs. Nothing
// was translated at the tap itself, so the reply tuple is the original one turned round.
constexpr std::string_view kTapEntries = R"(
  (SELECT id, protocol, src, sport, dst, dport, dst AS reply_src, src AS reply_dst,
          iif(icmp_type IS NULL, dport, sport) AS reply_sport,
          iif(icmp_type IS NULL, sport, 0) AS reply_dport, icmp_type, icmp_code,
          CASE icmp_type WHEN 8 THEN 0 WHEN 0 THEN 8 WHEN 13 THEN 14 WHEN 14 THEN 13
               WHEN 15 THEN 16 WHEN 16 THEN 15 WHEN 17 THEN 18 WHEN 18 THEN 17
               WHEN 128 THEN 129 WHEN 129 THEN 128 ELSE icmp_type END AS reply_icmp_type,
          state, CASE WHEN status & 2 = 0 THEN 'UNREPLIED' WHEN status & 4 THEN 'ASSURED' END AS flags,
          timeout_s, close_reason
     FROM connection))";

// What can be shown. `columns` is what a person reads in a table; programs (csv, json) get all.
// Filters apply to the columns named here, which hold one protocol, addresses, ports.
struct Topic {
  std::string_view name;
  std::string_view view;
  std::string_view columns;
  std::string_view order;
  std::vector<std::string_view> protocols;
  std::vector<std::string_view> addresses;
  std::vector<std::string_view> ports;
};

const std::vector<Topic>& topics() {
  static const std::vector<Topic> kTopics = {
      {"taps",
       "taps",
       "id, name, frames, ip_packets, connections, invalid_packets, undecoded, cut, dropped, "
       "first, "
       "last, offset_ms, drift_ppm, clock_error_ms, clock_basis",
       "id",
       {},
       {},
       {}},
      {"files",
       "files",
       "id, path, format, bytes, frames, first, last, complete, notes",
       "id",
       {},
       {},
       {}},
      {"connections",
       "connections",
       "id, tap, protocol, src, sport, dst, dport, state, flags, close_reason AS ended, start, "
       "duration_s, original_packets AS packets, reply_packets AS replies, unpaired_reason",
       "id",
       {"protocol"},
       {"src", "dst"},
       {"sport", "dport"}},
      {"conntrack",
       "conntrack",
       "protocol, state, flags, src, sport, dst, dport, original_packets AS packets, "
       "reply_src, "
       "reply_sport, reply_dst, reply_dport, reply_packets AS replies, timeout_s, state_basis, "
       "kind",
       "start_ns, translation_id",
       {"protocol"},
       {"src", "dst", "reply_src", "reply_dst"},
       {"sport", "dport", "reply_sport", "reply_dport"}},
      {"events",
       "connection_events",
       "time, tap, event, state, flags, timeout_s, protocol, src, sport, dst, dport, frame, "
       "connection_id",
       "time_ns, connection_id, number",
       {"protocol"},
       {"src", "dst"},
       {"sport", "dport"}},
      {"translations",
       "translations",
       "protocol, kind, inside_tap, inside_src, inside_sport, inside_dst, inside_dport, "
       "outside_tap, "
       "outside_src, outside_sport, outside_dst, outside_dport, hops, confidence, bits",
       "start_ns, inside_connection_id, outside_connection_id",
       {"protocol", "outside_protocol"},
       {"inside_src", "inside_dst", "outside_src", "outside_dst"},
       {"inside_sport", "inside_dport", "outside_sport", "outside_dport"}},
      {"mappings",
       "mappings",
       "protocol, kind, inside_tap, internal_addr, internal_port, outside_tap, external_addr, "
       "external_port, first, duration_s, translations, far_endpoints",
       "id",
       {"protocol"},
       {"internal_addr", "external_addr"},
       {"internal_port", "external_port"}},
      {"tunnels",
       "tunnels",
       "*",
       "connection_id",
       {"inner_protocol", "carrier_protocol"},
       {"inner_src", "inner_dst", "carrier_src", "carrier_dst"},
       {"inner_sport", "inner_dport", "carrier_sport", "carrier_dport"}},
      {"paths",
       "paths",
       "*",
       "path_id, step",
       {"protocol"},
       {"src", "dst"},
       {"sport", "dport"}},
      {"nats", "nats", "*", "id", {}, {}, {}},
      {"behaviours",
       "nat_behaviours",
       "nat_id, protocol, property, value, confidence, evidence_for, evidence_against, example, "
       "needs",
       "nat_id, protocol, property",
       {"protocol"},
       {},
       {}},
      {"ambiguous",
       "ambiguous",
       "*",
       "connection_id, rank",
       {"protocol"},
       {"src", "dst", "other_src", "other_dst"},
       {"sport", "dport", "other_sport", "other_dport"}}};
  return kTopics;
}

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
  std::string protocol;
  std::string address;
  std::optional<std::uint16_t> port;
  bool numbers = true;
};

bool is_conntrack_format(std::string_view format) {
  return format == "conntrack" || format == "save";
}

// The statement of one call, with its parameters in order.
struct Statement {
  std::string sql;
  std::vector<store::Value> parameters;

  // AND (one = ? OR other = ? ...), all with the same value.
  void any_of(const std::vector<std::string_view>& columns, const store::Value& value) {
    parameters.push_back(value);
    std::string terms;
    for (const std::string_view column : columns) {
      terms +=
          fmt::format("{}{} = ?{}", terms.empty() ? "" : " OR ", column, parameters.size());
    }
    sql += fmt::format(" AND ({})", terms);
  }
};

Error no_filter(const Topic& topic, std::string_view option) {
  return Error{fmt::format("show {}: {} does not apply to it", topic.name, option)};
}

// What is selected, without filters: a table for people, everything for programs, and for lines
// of conntrack(8) the entries that a kernel would still list.
std::string selection(const Topic& topic, const std::string& format) {
  if (format == "table")
    return fmt::format("SELECT {} FROM {} WHERE 1", topic.columns, topic.view);
  if (!is_conntrack_format(format)) return fmt::format("SELECT * FROM {} WHERE 1", topic.view);
  return fmt::format("SELECT * FROM {} WHERE close_reason = 'end'",
                     topic.name == "connections" ? kTapEntries : topic.view);
}

Result<Statement> make_statement(const Topic& topic, const ShowOptions& options) {
  Statement statement;
  statement.sql = selection(topic, options.format);
  if (!options.protocol.empty()) {
    if (topic.protocols.empty()) return no_filter(topic, "--protocol");
    const auto number = protocol_number(options.protocol);
    if (!number) {
      return Error{fmt::format("--protocol: '{}' is none; write tcp, udp, icmp or a number",
                               options.protocol)};
    }
    statement.any_of(topic.protocols, protocol_name(*number));
  }
  if (!options.address.empty()) {
    if (topic.addresses.empty()) return no_filter(topic, "--address");
    const auto address = Address::parse(options.address);
    if (!address) {
      return Error{fmt::format("--address: '{}' is no IPv4 or IPv6 address", options.address)};
    }
    statement.any_of(topic.addresses, to_string(*address));
  }
  if (options.port) {
    if (topic.ports.empty()) return no_filter(topic, "--port");
    statement.any_of(topic.ports, std::int64_t{*options.port});
  }
  statement.sql += fmt::format(" ORDER BY {}", topic.order);
  if (options.limit > 0) statement.sql += fmt::format(" LIMIT {}", options.limit);
  return statement;
}

std::unique_ptr<report::TablePrinter> printer_for(const std::string& format, Output& out) {
  using report::ConntrackFormat;
  if (is_conntrack_format(format)) {
    const bool save = format == "save";
    return make_conntrack_printer(save ? ConntrackFormat::kSave : ConntrackFormat::kList,
                                  out.writer());
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
    fmt::print(stderr, "natlens: {} has no such nats\n", options.database);
  }
  return exit;
}

Result<Exit> show(const ShowOptions& options) {
  const auto topic =
      std::find_if(topics().begin(), topics().end(),
                   [&](const Topic& candidate) { return candidate.name == options.topic; });
  if (is_conntrack_format(options.format) && topic->name != "connections" &&
      topic->name != "conntrack") {
    return Error{fmt::format("show {}: --format {} is for connections and conntrack",
                             topic->name, options.format)};
  }
  const auto statement = make_statement(*topic, options);
  if (!statement) return statement.error();
  const auto database = open_database(options.database);
  if (!database) return database.error();
  if (topic->name == "nats" && options.format == "table") return show_cards(**database, options);
  Output out;
  const auto printer = printer_for(options.format, out);
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
    fmt::print(stderr, "natlens: {} has no such {}\n", options.database, options.topic);
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
  app->add_option("-c,--limit", options->limit, "Print this many rows at most")->type_name("N");
  app->add_option("--protocol", options->protocol, "Only this protocol")
      ->type_name("tcp|udp|icmp...");
  app->add_option("--address", options->address, "Only rows with this address at any end")
      ->type_name("ADDRESS");
  app->add_option("--port", options->port, "Only rows with this port (ICMP: id) at any end")
      ->type_name("PORT");
  app->add_flag("-n", options->numbers, "Print numbers, not names (always so)");
  app->footer(std::string(kFooter));
  return {app, [options] { return show(*options); }};
}

}  // namespace natlens::cli
