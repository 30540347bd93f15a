#include "show_topics.h"

#include <fmt/format.h>

namespace natlens::cli {
namespace {

constexpr auto kTopics = std::to_array<Topic>({
    {.name = "taps",
     .view = "taps",
     .columns =
         "id, name, frames, ip_packets, connections, invalid_packets, undecoded, cut, "
         "dropped, first, last, offset_ms, drift_ppm, clock_error_ms, clock_steps, clock_basis",
     .order = "id",
     .taps = {"name"}},
    {.name = "files",
     .view = "files",
     .columns = "id, path, format, bytes, frames, first, last, complete, notes",
     .order = "id"},
    {.name = "connections",
     .view = "connections",
     .columns =
         "id, tap, protocol, src, sport, dst, dport, state, flags, close_reason AS ended, "
         "start, duration_s, original_packets AS packets, reply_packets AS replies, "
         "unpaired_reason",
     .order = "id",
     .taps = {"tap"},
     .protocols = {"protocol"},
     .addresses = {"src", "dst"},
     .ports = {"sport", "dport"}},
    {.name = "conntrack",
     .view = "conntrack",
     .columns = "protocol, state, flags, src, sport, dst, dport, original_packets AS packets, "
                "reply_src, reply_sport, reply_dst, reply_dport, reply_packets AS replies, "
                "timeout_s, state_basis, kind",
     .order = "start_ns, translation_id",
     .protocols = {"protocol"},
     .addresses = {"src", "dst", "reply_src", "reply_dst"},
     .ports = {"sport", "dport", "reply_sport", "reply_dport"}},
    {.name = "events",
     .view = "connection_events",
     .columns = "time, tap, event, state, flags, timeout_s, protocol, src, sport, dst, dport, "
                "frame, connection_id",
     .order = "time_ns, connection_id, number",
     .taps = {"tap"},
     .protocols = {"protocol"},
     .addresses = {"src", "dst"},
     .ports = {"sport", "dport"}},
    {.name = "translations",
     .view = "translations",
     .columns =
         "protocol, kind, inside_tap, inside_src, inside_sport, inside_dst, inside_dport, "
         "outside_tap, outside_src, outside_sport, outside_dst, outside_dport, hops, "
         "confidence, bits",
     .order = "start_ns, inside_connection_id, outside_connection_id",
     .taps = {"inside_tap", "outside_tap"},
     .protocols = {"protocol", "outside_protocol"},
     .addresses = {"inside_src", "inside_dst", "outside_src", "outside_dst"},
     .ports = {"inside_sport", "inside_dport", "outside_sport", "outside_dport"}},
    {.name = "mappings",
     .view = "mappings",
     .columns = "protocol, kind, inside_tap, internal_addr, internal_port, outside_tap, "
                "external_addr, external_port, first, duration_s, translations, far_endpoints",
     .order = "id",
     .taps = {"inside_tap", "outside_tap"},
     .protocols = {"protocol"},
     .addresses = {"internal_addr", "external_addr"},
     .ports = {"internal_port", "external_port"}},
    {.name = "tunnels",
     .view = "tunnels",
     .columns = "*",
     .order = "connection_id",
     .taps = {"tap"},
     .protocols = {"inner_protocol", "carrier_protocol"},
     .addresses = {"inner_src", "inner_dst", "carrier_src", "carrier_dst"},
     .ports = {"inner_sport", "inner_dport", "carrier_sport", "carrier_dport"}},
    {.name = "mtus",
     .view = "tunnel_mtus",
     .columns = "*",
     .order = "kind, tap, src, dst, basis",
     .taps = {"tap"},
     .addresses = {"src", "dst"}},
    {.name = "paths",
     .view = "paths",
     .columns = "*",
     .order = "path_id, step",
     .taps = {"tap"},
     .protocols = {"protocol"},
     .addresses = {"src", "dst"},
     .ports = {"sport", "dport"}},
    {.name = "nats", .view = "nats", .columns = "*", .order = "id"},
    {.name = "behaviours",
     .view = "nat_behaviours",
     .columns =
         "nat_id, protocol, property, value, confidence, evidence_for, evidence_against, "
         "example, needs",
     .order = "nat_id, protocol, property",
     .taps = {"inside_tap", "outside_tap"},
     .protocols = {"protocol"}},
    {.name = "findings",
     .view = "findings",
     .columns = "id, severity, code, variant, confidence, count, first, text, frames, "
                "explained_by",
     .order = "id"},
    {.name = "ambiguous",
     .view = "ambiguous",
     .columns = "*",
     .order = "connection_id, rank",
     .taps = {"tap", "other_tap"},
     .protocols = {"protocol"},
     .addresses = {"src", "dst", "other_src", "other_dst"},
     .ports = {"sport", "dport", "other_sport", "other_dport"}},
});

// The reply tuple at the tap itself: nothing was translated there, so it is the original one
// turned round.
constexpr std::string_view kReplyColumns = R"(
          c.dst AS reply_src, c.src AS reply_dst,
          iif(c.icmp_type IS NULL, c.dport, c.sport) AS reply_sport,
          iif(c.icmp_type IS NULL, c.sport, 0) AS reply_dport, c.icmp_type, c.icmp_code,
          CASE c.icmp_type WHEN 8 THEN 0 WHEN 0 THEN 8 WHEN 13 THEN 14 WHEN 14 THEN 13
               WHEN 15 THEN 16 WHEN 16 THEN 15 WHEN 17 THEN 18 WHEN 18 THEN 17
               WHEN 128 THEN 129 WHEN 129 THEN 128 WHEN 139 THEN 140 WHEN 140 THEN 139
               ELSE c.icmp_type END AS reply_icmp_type)";

constexpr std::string_view kTapEntries = R"(
  (SELECT c.id, t.name AS tap, c.protocol, c.src, c.sport, c.dst, c.dport, c.state, c.timeout_s,
          CASE WHEN c.status & 2 = 0 THEN 'UNREPLIED' WHEN c.status & 4 THEN 'ASSURED' END AS flags,
          {}
     FROM connection AS c
     JOIN tap AS t ON t.id = c.tap_id
    WHERE c.close_reason = 'end'))";

constexpr std::string_view kTapEvents = R"(
  (SELECT t.id AS tap_id, e.tap, e.time_ns, e.frame, e.connection_id, e.number, e.event,
          e.protocol, e.src, e.sport, e.dst, e.dport, e.state, e.flags, e.timeout_s,
          {}
     FROM connection_events AS e
     JOIN connection AS c ON c.id = e.connection_id
     JOIN tap AS t ON t.id = c.tap_id))";

}  // namespace

std::span<const Topic> topics() {
  return kTopics;
}

bool is_conntrack_format(std::string_view format) {
  return format == "conntrack" || format == "save";
}

bool has_lines(const Topic& topic, std::string_view format) {
  return topic.name == "connections" || topic.name == "conntrack" ||
         (topic.name == "events" && format == "conntrack");
}

std::string selection(const Topic& topic, std::string_view format) {
  if (format == "table") {
    return fmt::format("SELECT {} FROM {} WHERE 1", topic.columns, topic.view);
  }
  if (!is_conntrack_format(format)) return fmt::format("SELECT * FROM {} WHERE 1", topic.view);
  if (topic.name == "events") {
    return "SELECT * FROM " + fmt::format(kTapEvents, kReplyColumns) + " WHERE 1";
  }
  if (topic.name == "connections") {
    return "SELECT * FROM " + fmt::format(kTapEntries, kReplyColumns) + " WHERE 1";
  }
  return fmt::format("SELECT * FROM {} WHERE close_reason = 'end'", topic.view);
}

std::string_view order_of(const Topic& topic, std::string_view format) {
  const bool lines = is_conntrack_format(format) && topic.name == "events";
  return lines ? "tap_id, time_ns, frame, connection_id, number" : topic.order;
}

}  // namespace natlens::cli
