// Trace, first half: from the tables. A connection leads to its paths; a translation that is in
// no path is a path of two; a connection without a partner stands alone.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "natlens/report/trace.h"

#include "loader.h"

namespace natlens::report {
namespace {

constexpr std::int64_t kLeastConnectionId = 10'000'000'000;  // store::connection_id of tap 1
constexpr std::int64_t kMostSeeds = 10'000;  // connections of one endpoint that are looked at
constexpr std::int64_t kNear = 5;

constexpr std::string_view kSeedsSql =
    "SELECT id FROM connection WHERE (?3 <> 0 AND id = ?3) OR (?3 = 0 AND "
    "((src = ?1 AND (?2 IS NULL OR sport = ?2)) OR (dst = ?1 AND (?2 IS NULL OR dport = ?2)))) "
    "ORDER BY start_ns, id LIMIT ?4";

constexpr std::string_view kHopSql =
    "SELECT t.*, s.inside_protocol, s.inside_src, s.inside_sport, s.inside_dst, "
    "s.inside_dport, "
    "s.outside_src, s.outside_sport, s.outside_dst, s.outside_dport, (SELECT "
    "sum(coalesce(clock_error_ns, 0)) FROM tap WHERE id IN (s.inside_tap_id, "
    "s.outside_tap_id)) "
    "AS clock_error_ns FROM translation t JOIN translation_tuples s ON s.translation_id = t.id "
    "WHERE t.id = ?1";

// Frames are said as file:number; the folder is said only where two files have one name.
class FileNames {
 public:
  explicit FileNames(Loader& loader) {
    const store::Table files = loader.query("SELECT id, path FROM file ORDER BY id");
    std::map<std::string, int> uses;
    for (std::size_t i = 0; i < files.rows.size(); ++i) ++uses[base(files.text(i, "path"))];
    for (std::size_t i = 0; i < files.rows.size(); ++i) {
      const std::string path = files.text(i, "path");
      names_[files.integer(i, "id")] = uses[base(path)] == 1 ? base(path) : path;
    }
  }

  std::string frame(const store::Table& table,
                    std::size_t row,
                    std::string_view file,
                    std::string_view number) const {
    const auto name = names_.find(table.integer(row, file));
    if (name == names_.end()) return "";
    return fmt::format("{}:{}", name->second, table.integer(row, number));
  }

 private:
  static std::string base(const std::string& path) {
    return std::filesystem::path(path).filename().string();
  }

  std::map<std::int64_t, std::string> names_;
};

struct PlannedHop {
  std::int64_t translation = 0;
  std::int64_t from = 0;  // connection.id
  std::int64_t to = 0;
};

// What belongs to one trace, before its rows are read.
struct Plan {
  std::vector<std::int64_t> connections;
  std::vector<PlannedHop> hops;
  std::set<std::int64_t> turned;  // connections that their tap shows the other way round
};

class Finder {
 public:
  explicit Finder(store::Database& database) : loader_(database), files_(loader_) {}

  TraceAnswer find(const TraceTarget& target, std::size_t limit) {
    const store::Value port =
        target.port ? store::Value(std::int64_t{*target.port}) : store::Value();
    const store::Table seeds =
        loader_.query(kSeedsSql, {to_string(target.address), port, target.id, kMostSeeds});
    TraceAnswer answer;
    for (std::size_t i = 0; i < seeds.rows.size() && !loader_.failed(); ++i) {
      const std::int64_t seed = seeds.integer(i, "id");
      if (covered_.contains(seed)) continue;
      if (answer.traces.size() >= limit) {
        ++answer.more;
        continue;
      }
      for (const Plan& plan : plans_of(seed)) answer.traces.push_back(load(plan));
    }
    if (seeds.rows.empty() && target.id == 0) answer.near = near(target);
    return answer;
  }

  bool failed() const { return loader_.failed(); }
  const Error& error() const { return loader_.error(); }

 private:
  std::vector<Plan> plans_of(std::int64_t seed);
  Plan path_plan(std::int64_t path);
  void add_hop(Plan& plan, const store::Table& tuples, std::size_t row, std::int64_t from);
  Trace load(const Plan& plan);
  TraceConnection load_connection(std::int64_t id, bool turned);
  TraceHop load_hop(const PlannedHop& hop, const Trace& trace, const Plan& plan);
  void load_events(std::int64_t id, std::size_t column, Ladder& ladder);
  std::vector<std::string> near(const TraceTarget& target);

  Loader loader_;
  FileNames files_;
  std::set<std::int64_t> covered_;  // connections that a plan already holds
  std::set<std::int64_t> planned_;  // translations
};

std::vector<Plan> Finder::plans_of(std::int64_t seed) {
  std::vector<Plan> plans;
  const store::Table paths = loader_.query(
      "SELECT DISTINCT path_id FROM path_step WHERE connection_id = ?1 ORDER BY path_id",
      {seed});
  for (std::size_t i = 0; i < paths.rows.size(); ++i) {
    plans.push_back(path_plan(paths.integer(i, "path_id")));
  }
  const store::Table pairs = loader_.query(
      "SELECT translation_id, opened_from, turned, inside_connection_id, outside_connection_id "
      "FROM translation_tuples WHERE translation_id IN (SELECT id FROM translation WHERE "
      "inside_connection_id = ?1 UNION SELECT id FROM translation WHERE outside_connection_id "
      "= ?1) "
      "ORDER BY start_ns, translation_id",
      {seed});
  for (std::size_t i = 0; i < pairs.rows.size(); ++i) {
    if (planned_.contains(pairs.integer(i, "translation_id"))) continue;
    const bool from_inside = pairs.text(i, "opened_from") == "inside";
    Plan plan;
    plan.connections.push_back(
        pairs.integer(i, from_inside ? "inside_connection_id" : "outside_connection_id"));
    add_hop(plan, pairs, i, plan.connections.front());
    plans.push_back(std::move(plan));
  }
  if (plans.empty()) plans.push_back({{seed}, {}, {}});
  for (const Plan& plan : plans)
    covered_.insert(plan.connections.begin(), plan.connections.end());
  return plans;
}

Plan Finder::path_plan(std::int64_t path) {
  Plan plan;
  const store::Table steps = loader_.query(
      "SELECT p.connection_id, s.translation_id, s.turned, s.inside_connection_id, "
      "s.outside_connection_id FROM path_step p LEFT JOIN translation_tuples s ON "
      "s.translation_id = p.translation_id WHERE p.path_id = ?1 ORDER BY p.step",
      {path});
  for (std::size_t i = 0; i < steps.rows.size(); ++i) {
    if (plan.connections.empty()) {
      plan.connections.push_back(steps.integer(i, "connection_id"));
    } else {
      add_hop(plan, steps, i, plan.connections.back());
    }
  }
  return plan;
}

// A row of translation_tuples that leads on from connection `from`.
void Finder::add_hop(Plan& plan,
                     const store::Table& tuples,
                     std::size_t row,
                     std::int64_t from) {
  const std::int64_t inside = tuples.integer(row, "inside_connection_id");
  const std::int64_t outside = tuples.integer(row, "outside_connection_id");
  const std::int64_t to = from == inside ? outside : inside;
  const std::int64_t translation = tuples.integer(row, "translation_id");
  plan.connections.push_back(to);
  plan.hops.push_back({translation, from, to});
  const std::string turned = tuples.text(row, "turned");
  if (turned == "inside") plan.turned.insert(inside);
  if (turned == "outside") plan.turned.insert(outside);
  planned_.insert(translation);
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

Trace Finder::load(const Plan& plan) {
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
  return trace;
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

TraceConnection Finder::load_connection(std::int64_t id, bool turned) {
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

TraceHop Finder::load_hop(const PlannedHop& planned, const Trace& trace, const Plan& plan) {
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
  hop.evidence = load_evidence(row.text(0, "evidence"));
  hop.start = time_at(row, 0, "start_ns");
  hop.end = time_at(row, 0, "end_ns");
  hop.clock_error = Nanoseconds(row.integer(0, "clock_error_ns"));
  return hop;
}

void Finder::load_events(std::int64_t id, std::size_t column, Ladder& ladder) {
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

std::vector<std::string> Finder::near(const TraceTarget& target) {
  const store::Table rows = loader_.query(
      "SELECT DISTINCT address, port FROM (SELECT src AS address, sport AS port FROM "
      "connection WHERE "
      "src = ?1 UNION SELECT dst, dport FROM connection WHERE dst = ?1) "
      "ORDER BY abs(port - coalesce(?2, 0)), port LIMIT ?3",
      {to_string(target.address),
       target.port ? store::Value(std::int64_t{*target.port}) : store::Value(), kNear});
  std::vector<std::string> near;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    near.push_back(end_text(rows, i, "address", "port"));
  }
  return near;
}

std::optional<std::int64_t> parse_id(std::string_view text) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && id >= kLeastConnectionId ? std::optional(id) : std::nullopt;
}

}  // namespace

Result<TraceTarget> parse_trace_target(std::string_view text) {
  TraceTarget target;
  if (const auto id = parse_id(text)) {
    target.id = *id;
    return target;
  }
  if (const auto address = Address::parse(text)) {
    target.address = *address;
    return target;
  }
  const auto endpoint = parse_endpoint(text);
  if (!endpoint) {
    return Error{
        fmt::format("'{}' is no endpoint; write ADDRESS:PORT, [IPV6]:PORT, ADDRESS, or a "
                    "connection's id",
                    text)};
  }
  target.address = endpoint->address;
  if (!text.ends_with(']')) target.port = endpoint->port;
  return target;
}

Result<TraceAnswer> find_traces(store::Database& database,
                                const TraceTarget& target,
                                std::size_t limit) {
  Finder finder(database);
  TraceAnswer answer = finder.find(target, limit);
  if (finder.failed()) return finder.error();
  return answer;
}

}  // namespace natlens::report
