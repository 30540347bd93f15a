// Trace, first: what belongs to it. A connection leads to its paths; a translation
// that is in no path is a path of two; a connection without a partner stands alone.
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "natlens/report/findings.h"
#include "natlens/report/trace.h"

#include "loader.h"
#include "trace_load.h"

namespace natlens::report {
namespace {

constexpr std::int64_t kLeastConnectionId = 10'000'000'000;  // store::connection_id of tap 1
constexpr std::int64_t kMostSeeds = 10'000;  // connections of one endpoint that are looked at
constexpr std::int64_t kNear = 5;

constexpr std::string_view kSeedsSql =
    "SELECT id FROM connection WHERE (?3 <> 0 AND id = ?3) OR (?3 = 0 AND "
    "((src = ?1 AND (?2 IS NULL OR sport = ?2)) OR (dst = ?1 AND (?2 IS NULL OR dport = ?2)))) "
    "ORDER BY start_ns, id LIMIT ?4";

store::Value port_of(const TraceTarget& target) {
  if (!target.port) return std::monostate{};
  return std::int64_t{*target.port};
}

class Finder {
 public:
  explicit Finder(store::Database& database) : loader_(database), traces_(loader_) {}

  TraceAnswer find(const TraceTarget& target, std::size_t limit) {
    const store::Table seeds = loader_.query(
        kSeedsSql, {to_string(target.address), port_of(target), target.id, kMostSeeds});
    TraceAnswer answer;
    for (std::size_t i = 0; i < seeds.rows.size() && !loader_.failed(); ++i) {
      const std::int64_t seed = seeds.integer(i, "id");
      if (covered_.contains(seed)) continue;
      if (answer.traces.size() >= limit) {
        ++answer.more;
        continue;
      }
      for (const TracePlan& plan : plans_of(seed)) answer.traces.push_back(traces_.load(plan));
    }
    if (seeds.rows.empty() && target.id == 0) answer.near = near(target);
    return answer;
  }

  bool failed() const { return loader_.failed(); }
  const Error& error() const { return loader_.error(); }

 private:
  std::vector<TracePlan> plans_of(std::int64_t seed);
  TracePlan path_plan(std::int64_t path);
  void add_hop(TracePlan& plan, const store::Table& tuples, std::size_t row, std::int64_t from);
  std::vector<std::string> near(const TraceTarget& target);

  Loader loader_;
  TraceLoader traces_;
  std::set<std::int64_t> covered_;  // connections that a plan already holds
  std::set<std::int64_t> planned_;  // translations
};

std::vector<TracePlan> Finder::plans_of(std::int64_t seed) {
  std::vector<TracePlan> plans;
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
    TracePlan plan;
    plan.connections.push_back(
        pairs.integer(i, from_inside ? "inside_connection_id" : "outside_connection_id"));
    add_hop(plan, pairs, i, plan.connections.front());
    plans.push_back(std::move(plan));
  }
  if (plans.empty()) plans.push_back({{seed}, {}, {}});
  for (const TracePlan& plan : plans)
    covered_.insert(plan.connections.begin(), plan.connections.end());
  return plans;
}

TracePlan Finder::path_plan(std::int64_t path) {
  TracePlan plan;
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
void Finder::add_hop(TracePlan& plan,
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

std::vector<std::string> Finder::near(const TraceTarget& target) {
  const store::Table rows = loader_.query(
      "SELECT DISTINCT address, port FROM (SELECT src AS address, sport AS port FROM "
      "connection WHERE "
      "src = ?1 UNION SELECT dst, dport FROM connection WHERE dst = ?1) "
      "ORDER BY abs(port - coalesce(?2, 0)), port LIMIT ?3",
      {to_string(target.address), port_of(target), kNear});
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
  for (Trace& trace : answer.traces) {
    std::vector<std::int64_t> ids;
    for (const TraceConnection& connection : trace.connections) ids.push_back(connection.id);
    auto findings = findings_about(database, ids);
    if (!findings) return findings.error();
    trace.findings = std::move(*findings);
  }
  return answer;
}

}  // namespace natlens::report
