// Trace, second: the rows of what was found to belong to it.
#include "trace_load.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "packet_remarks.h"
#include "trace_carriers.h"

namespace natlens::report {
namespace {

constexpr std::string_view kHopSql =
    "SELECT t.*, s.inside_protocol, s.inside_src, s.inside_sport, s.inside_dst, "
    "s.inside_dport, "
    "s.outside_src, s.outside_sport, s.outside_dst, s.outside_dport, (SELECT "
    "sum(coalesce(clock_error_ns, 0)) FROM tap WHERE id IN (s.inside_tap_id, "
    "s.outside_tap_id)) "
    "AS clock_error_ns FROM translation t JOIN translation_tuples s ON s.translation_id = t.id "
    "WHERE t.id = ?1";

std::string base(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// A tap that saw the traffic twice (hairpin, a router captured whole) becomes "lan (1)", "lan
// (2)".
void number_taps(Trace& trace) {
  std::map<std::string, int> uses;
  for (const TraceConnection& connection : trace.connections) ++uses[connection.tap];
  std::map<std::string, int> seen;
  for (TraceConnection& connection : trace.connections) {
    if (uses[connection.tap] == 1) continue;
    const int number = ++seen[connection.tap];
    connection.tap += fmt::format(" ({})", number);
  }
}

// The opener first, also where the tap took the answer for the opening.
std::string oriented_text(const store::Table& row, const std::string& protocol, bool turned) {
  if (!turned) return tuple_text(row, 0, protocol, "");
  if (protocol.starts_with("icmp")) {
    return fmt::format("{} > {} id {}", row.text(0, "dst"), row.text(0, "src"),
                       row.integer(0, "sport"));
  }
  return fmt::format("{} > {}", end_text(row, 0, "dst", "dport"),
                     end_text(row, 0, "src", "sport"));
}

TraceAccount load_account(const store::Table& row, const std::string& side, bool from_inside) {
  TraceAccount account;
  const auto column = [&side](std::string_view name) {
    return fmt::format("{}_{}", side, name);
  };
  account.both = count_at(row, 0, column("both"));
  account.first_only = count_at(row, 0, column(from_inside ? "inside_only" : "outside_only"));
  account.second_only = count_at(row, 0, column(from_inside ? "outside_only" : "inside_only"));
  account.timed = !null_at(row, 0, column("latency_min_ns"));
  account.min = Nanoseconds(row.integer(0, column("latency_min_ns")));
  account.median = Nanoseconds(row.integer(0, column("latency_median_ns")));
  account.p99 = Nanoseconds(row.integer(0, column("latency_p99_ns")));
  account.max = Nanoseconds(row.integer(0, column("latency_max_ns")));
  if (!null_at(row, 0, column("ttl_delta")))
    account.ttl_delta = row.integer(0, column("ttl_delta"));
  return account;
}

std::vector<TraceEvidence> load_evidence(const std::string& text) {
  std::vector<TraceEvidence> evidence;
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array()) return evidence;
  for (const auto& item : list) {
    if (!item.is_object()) continue;
    evidence.push_back({item.value("field", std::string()), item.value("bits", 0.0),
                        item.value("note", std::string())});
  }
  return evidence;
}

std::vector<std::string> changes_of(const store::Table& row, bool from_inside) {
  const std::string from = from_inside ? "inside_" : "outside_";
  const std::string to = from_inside ? "outside_" : "inside_";
  const bool icmp = row.text(0, "inside_protocol").starts_with("icmp");
  std::vector<std::string> changes;
  const auto compare = [&](std::string_view name, const std::string& address,
                           const std::string& port) {
    const std::string before =
        end_text(row, 0, from + address, port.empty() ? "" : from + port);
    const std::string after = end_text(row, 0, to + address, port.empty() ? "" : to + port);
    if (before != after) changes.push_back(fmt::format("{} {} became {}", name, before, after));
  };
  compare("source", "src", icmp ? "" : "sport");
  compare("destination", "dst", icmp ? "" : "dport");
  if (icmp && row.integer(0, from + "sport") != row.integer(0, to + "sport")) {
    changes.push_back(fmt::format("id {} became {}", row.integer(0, from + "sport"),
                                  row.integer(0, to + "sport")));
  }
  return changes;
}

}  // namespace

TraceFiles::TraceFiles(Loader& loader) {
  const store::Table files = loader.query("SELECT id, path FROM file ORDER BY id");
  std::map<std::string, int> uses;
  for (std::size_t i = 0; i < files.rows.size(); ++i) ++uses[base(files.text(i, "path"))];
  for (std::size_t i = 0; i < files.rows.size(); ++i) {
    const std::string path = files.text(i, "path");
    names_[files.integer(i, "id")] = uses[base(path)] == 1 ? base(path) : path;
  }
}

std::string TraceFiles::frame(const store::Table& table,
                              std::size_t row,
                              std::string_view file,
                              std::string_view number) const {
  const auto name = names_.find(table.integer(row, file));
  if (name == names_.end()) return "";
  return fmt::format("{}:{}", name->second, table.integer(row, number));
}

Trace TraceLoader::load(const TracePlan& plan) {
  Trace trace;
  for (const std::int64_t id : plan.connections) {
    trace.connections.push_back(load_connection(id, plan.turned.contains(id)));
    load_events(id, trace.connections.size() - 1, trace.ladder);
  }
  number_taps(trace);
  for (const TraceConnection& connection : trace.connections) {
    trace.ladder.columns.push_back(connection.tap);
  }
  for (const PlannedHop& hop : plan.hops) trace.hops.push_back(load_hop(hop, trace, plan));
  load_carriers(loader_, trace);
  return trace;
}

TraceConnection TraceLoader::load_connection(std::int64_t id, bool turned) {
  const store::Table row = loader_.query(
      "SELECT c.*, t.name AS tap, u.reason FROM connection c JOIN tap t ON t.id = c.tap_id "
      "LEFT JOIN "
      "unpaired u ON u.connection_id = c.id WHERE c.id = ?1",
      {id});
  TraceConnection connection;
  connection.id = id;
  if (row.rows.empty()) return connection;
  const std::int64_t status = row.integer(0, "status");
  connection.tap = row.text(0, "tap");
  connection.protocol = protocol_word(row.text(0, "protocol"));
  connection.original = oriented_text(row, connection.protocol, turned);
  connection.state = row.text(0, "state");
  connection.status = (status & 2) == 0 ? "UNREPLIED" : (status & 4) != 0 ? "ASSURED" : "";
  connection.ended = row.text(0, "close_reason");
  connection.beginning_seen = row.integer(0, "beginning_seen") != 0;
  connection.turned = turned;
  connection.original_packets = count_at(row, 0, turned ? "reply_packets" : "original_packets");
  connection.original_bytes = count_at(row, 0, turned ? "reply_bytes" : "original_bytes");
  connection.reply_packets = count_at(row, 0, turned ? "original_packets" : "reply_packets");
  connection.reply_bytes = count_at(row, 0, turned ? "original_bytes" : "reply_bytes");
  connection.invalid_packets = count_at(row, 0, "invalid_packets");
  connection.first_frame = files_.frame(row, 0, "first_file_id", "first_frame");
  connection.last_frame = files_.frame(row, 0, "last_file_id", "last_frame");
  connection.start = time_at(row, 0, "start_ns");
  connection.last = time_at(row, 0, "last_ns");
  connection.unpaired = row.text(0, "reason");
  if (connection.unpaired.empty()) return connection;
  const store::Table rivals = loader_.query(
      "SELECT * FROM ambiguous WHERE connection_id = ?1 ORDER BY rank LIMIT 5", {id});
  for (std::size_t i = 0; i < rivals.rows.size(); ++i) {
    connection.candidates.push_back(fmt::format(
        "{} {}, {:.1f} bits", rivals.text(i, "other_tap"),
        tuple_text(rivals, i, connection.protocol, "other_"), real_at(rivals, i, "bits")));
  }
  return connection;
}

TraceHop TraceLoader::load_hop(const PlannedHop& planned,
                               const Trace& trace,
                               const TracePlan& plan) {
  const store::Table row = loader_.query(kHopSql, {planned.translation});
  TraceHop hop;
  const auto place = [&](std::int64_t id) {
    const auto found =
        std::find_if(trace.connections.begin(), trace.connections.end(),
                     [id](const auto& connection) { return connection.id == id; });
    return static_cast<std::size_t>(found - trace.connections.begin());
  };
  hop.first = place(planned.from);
  hop.second = place(planned.to);
  if (row.rows.empty()) return hop;
  const std::int64_t inside = row.integer(0, "inside_connection_id");
  const bool from_inside = inside == planned.from;
  hop.kind = row.text(0, "kind");
  hop.confidence = row.text(0, "confidence");
  hop.bits = real_at(row, 0, "bits");
  if (!null_at(row, 0, "margin_bits")) hop.margin_bits = real_at(row, 0, "margin_bits");
  hop.changes = changes_of(row, from_inside);
  // The table counts by direction of the inside connection; people read by who opened.
  const bool swapped = plan.turned.contains(inside);
  hop.accounts = {load_account(row, swapped ? "reply" : "original", from_inside),
                  load_account(row, swapped ? "original" : "reply", from_inside)};
  hop.remarks = packet_remarks(loader_, planned.translation);
  hop.evidence = load_evidence(row.text(0, "evidence"));
  hop.start = time_at(row, 0, "start_ns");
  hop.end = time_at(row, 0, "end_ns");
  hop.clock_error = Nanoseconds(row.integer(0, "clock_error_ns"));
  return hop;
}

void TraceLoader::load_events(std::int64_t id, std::size_t column, Ladder& ladder) {
  const store::Table events = loader_.query(
      "SELECT time_ns, event, state, flags FROM connection_events WHERE connection_id = ?1 "
      "ORDER BY number",
      {id});
  for (std::size_t i = 0; i < events.rows.size(); ++i) {
    std::string text = events.text(i, "event");
    const std::string state = events.text(i, "state");
    const std::string flags = events.text(i, "flags");
    if (text == "UPDATE") {
      text = !state.empty() ? state : flags.empty() ? "REPLIED" : flags;
    } else if (!state.empty()) {
      text += ' ' + state;
    }
    ladder.events.push_back({time_at(events, i, "time_ns"), column, std::move(text)});
  }
}

}  // namespace natlens::report
