// Summary, first half: from the tables. Every statement reads a table once, and the answer is
// small whatever the database holds.
#include <array>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "natlens/decode/decoder.h"
#include "natlens/report/summary.h"
#include "natlens/report/text.h"

#include "loader.h"

namespace natlens::report {
namespace {

constexpr std::int64_t kExamples = 3;  // mappings per kind
constexpr std::size_t kAddresses = 4;  // external addresses of a NAT that are named

void load_taps(Loader& loader, Summary& summary) {
  const store::Table taps = loader.query(
      "SELECT name, frames, connections, ip_packets, stop_unsupported, first_ns, "
      "last_ns, clock_basis, offset_ns, drift_ppm, clock_error_ns, clock_matches, "
      "(SELECT json_group_array(step_ns) FROM clock_step WHERE tap_id = tap.id) AS steps, "
      "(SELECT group_concat(path, ', ') FROM file WHERE source = tap.source) AS files, "
      "EXISTS (SELECT 1 FROM file WHERE source = tap.source AND path = '-') AS piped FROM tap "
      "ORDER BY id");
  for (std::size_t i = 0; i < taps.rows.size(); ++i) {
    SummaryTap tap;
    tap.name = taps.text(i, "name");
    tap.files = taps.text(i, "files");
    tap.from_standard_input = taps.integer(i, "piped") != 0;
    tap.frames = count_at(taps, i, "frames");
    tap.connections = count_at(taps, i, "connections");
    tap.ip_packets = count_at(taps, i, "ip_packets");
    tap.unsupported = count_at(taps, i, "stop_unsupported");
    tap.first = time_at(taps, i, "first_ns");
    tap.last = time_at(taps, i, "last_ns");
    tap.clock_basis = taps.text(i, "clock_basis");
    tap.offset = Nanoseconds(taps.integer(i, "offset_ns"));
    tap.drift_ppm = real_at(taps, i, "drift_ppm");
    tap.error = Nanoseconds(taps.integer(i, "clock_error_ns"));
    tap.matches = count_at(taps, i, "clock_matches");
    const auto steps = nlohmann::json::parse(taps.text(i, "steps"), nullptr, false);
    for (const auto& step : steps) {
      if (step.is_number_integer()) tap.steps.emplace_back(step.get<std::int64_t>());
    }
    summary.taps.push_back(std::move(tap));
  }
}

// "150 snat, 8 dnat": the columns of table nat that count translations by kind.
std::string kinds_of(const store::Table& nats, std::size_t row) {
  constexpr auto kKinds =
      std::to_array<std::string_view>({"bridged", "routed", "snat", "dnat", "twice", "hairpin",
                                       "nat64", "nat46", "npt", "proxy", "tunnel"});
  std::string out;
  for (const std::string_view kind : kKinds) {
    const std::uint64_t count = count_at(nats, row, kind);
    if (count == 0) continue;
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}", format_count(count), kind);
  }
  return out;
}

std::string addresses_of(const std::string& json) {
  const auto list = nlohmann::json::parse(json, nullptr, false);
  std::string out;
  if (!list.is_array()) return out;
  for (std::size_t i = 0; i < list.size() && i < kAddresses; ++i) {
    if (!list[i].is_string()) continue;
    if (!out.empty()) out += ", ";
    out += list[i].get<std::string>();
  }
  if (list.size() > kAddresses) out += fmt::format(" and {} more", list.size() - kAddresses);
  return out;
}

void load_between(Loader& loader, Summary& summary) {
  const store::Table nats = loader.query(
      "SELECT i.name AS inside, o.name AS outside, n.* FROM nat n JOIN tap i ON i.id = "
      "n.inside_tap_id JOIN tap o ON o.id = n.outside_tap_id ORDER BY n.inside_tap_id, "
      "n.outside_tap_id");
  for (std::size_t i = 0; i < nats.rows.size(); ++i) {
    summary.between.push_back({nats.text(i, "inside"), nats.text(i, "outside"),
                               nats.text(i, "relation"), count_at(nats, i, "translations"),
                               kinds_of(nats, i),
                               addresses_of(nats.text(i, "external_addresses"))});
  }
}

// One end of a mapping: "192.0.2.1:80"; ICMP: "192.0.2.1 id 77".
std::string mapping_end(const store::Table& rows, std::size_t row, const std::string& side) {
  if (rows.text(row, "protocol").starts_with("icmp")) {
    return fmt::format("{} id {}", rows.text(row, side + "_addr"),
                       rows.integer(row, side + "_port"));
  }
  return end_text(rows, row, side + "_addr", side + "_port");
}

void load_mappings(Loader& loader, Summary& summary) {
  const store::Table kinds = loader.query(
      "SELECT kind, count(*) AS count FROM mapping GROUP BY kind ORDER BY count DESC, kind");
  for (std::size_t k = 0; k < kinds.rows.size(); ++k) {
    SummaryMappings entry{kinds.text(k, "kind"), count_at(kinds, k, "count"), {}};
    // What kept its port is seldom what somebody looks for.
    const store::Table best = loader.query(
        "SELECT protocol, internal_addr, internal_port, external_addr, external_port, "
        "translations FROM mapping WHERE kind = ?1 ORDER BY protocol LIKE 'icmp%', "
        "internal_port = external_port, translations DESC, id LIMIT ?2",
        {entry.kind, kExamples});
    for (std::size_t i = 0; i < best.rows.size(); ++i) {
      std::string text =
          fmt::format("{} {} -> {}", best.text(i, "protocol"), mapping_end(best, i, "internal"),
                      mapping_end(best, i, "external"));
      const std::uint64_t uses = count_at(best, i, "translations");
      if (uses > 1) text += fmt::format(" ({} connections)", format_count(uses));
      entry.examples.push_back(std::move(text));
      if (summary.endpoint.empty()) {
        summary.endpoint = end_text(best, i, "internal_addr", "internal_port");
      }
    }
    summary.mappings.push_back(std::move(entry));
  }
}

// The tap is in the connection's id (store::connection_id), which saves a join over all of
// them.
void load_unpaired(Loader& loader, Summary& summary) {
  const store::Table groups = loader.query(
      "SELECT t.name AS tap, g.reason, g.count, c.protocol, c.src, c.sport, c.dst, c.dport "
      "FROM "
      "(SELECT connection_id / 10000000000 AS tap_id, reason, count(*) AS count, "
      "min(connection_id) AS example FROM unpaired GROUP BY 1, 2) g "
      "JOIN tap t ON t.id = g.tap_id JOIN connection c ON c.id = g.example "
      "ORDER BY g.tap_id, g.count DESC, g.reason");
  for (std::size_t i = 0; i < groups.rows.size(); ++i) {
    summary.unpaired.push_back({groups.text(i, "tap"), groups.text(i, "reason"),
                                count_at(groups, i, "count"),
                                protocol_word(groups.text(i, "protocol")) + ' ' +
                                    tuple_text(groups, i, groups.text(i, "protocol"), "")});
    if (summary.unpaired.back().reason == "ambiguous") {
      summary.ambiguous += summary.unpaired.back().connections;
    }
  }
}

void load_notes(Loader& loader, Summary& summary) {
  const store::Table files = loader.query(
      "SELECT path, notes, notes_dropped, frames, complete FROM file WHERE notes <> '[]' OR "
      "NOT complete OR frames = 0 ORDER BY id");
  for (std::size_t i = 0; i < files.rows.size(); ++i) {
    const std::string path = files.text(i, "path");
    const auto notes = nlohmann::json::parse(files.text(i, "notes"), nullptr, false);
    if (!notes.is_array()) continue;
    for (const auto& note : notes) {
      summary.not_read.push_back(fmt::format("{}: offset {}: {}", path,
                                             note.value("offset", std::uint64_t{0}),
                                             note.value("text", std::string())));
    }
    const std::uint64_t more = count_at(files, i, "notes_dropped");
    if (more > 0)
      summary.not_read.push_back(fmt::format("{}: {} more", path, format_count(more)));
    if (!notes.empty()) continue;
    const std::uint64_t frames = count_at(files, i, "frames");
    summary.not_read.push_back(files.integer(i, "complete") == 0
                                   ? fmt::format("{}: what follows after {}", path,
                                                 count_of(frames, "frame", "frames"))
                                   : fmt::format("{} holds no frame", path));
  }
}

// A link type that no parser knows stops even an empty frame as unsupported.
bool reads_link_type(std::int64_t link_type) {
  decode::Decoder decoder;
  const auto decoded = std::make_unique<decode::DecodedFrame>();
  capture::Frame frame;
  frame.link_type = static_cast<capture::LinkType>(link_type);
  decoder.decode(frame, *decoded);
  return decoded->stop != decode::DecodeStop::kUnsupported;
}

void load_unknown_links(Loader& loader, Summary& summary) {
  constexpr std::int64_t kPcapLinkOffset = 20;  // of the field in a pcap file's header
  const store::Table taps = loader.query(
      "SELECT t.name, t.link_type, t.frames, f.path, f.format, t.frames = (SELECT sum(frames) "
      "FROM tap WHERE source = t.source) AS alone FROM tap t JOIN file f ON f.source = "
      "t.source WHERE t.frames > 0 AND t.ip_packets = 0 AND t.stop_unsupported = t.frames "
      "GROUP BY t.id ORDER BY t.id");
  for (std::size_t i = 0; i < taps.rows.size(); ++i) {
    const std::int64_t link_type = taps.integer(i, "link_type");
    if (reads_link_type(link_type)) continue;
    const bool blocks = taps.text(i, "format").starts_with("pcapng");
    summary.not_read.push_back(fmt::format(
        "{}: {}: link type {} is not one that natlens reads: {} left out", taps.text(i, "path"),
        blocks ? "interface " + taps.text(i, "name")
               : fmt::format("offset {}", kPcapLinkOffset),
        link_type, count_of(count_at(taps, i, "frames"), "frame", "frames")));
    if (taps.integer(i, "alone") != 0) summary.unreadable.push_back(taps.text(i, "path"));
  }
}

void load_tunnels(Loader& loader, Summary& summary) {
  const store::Table kinds = loader.query(
      "SELECT e.kind, e.keys, e.connections, e.carriers, c.protocol, c.src, c.sport, c.dst, "
      "c.dport FROM (SELECT kind, count(DISTINCT key) AS keys, count(DISTINCT connection_id) "
      "AS connections, count(DISTINCT carrier_id) AS carriers, min(carrier_id) AS example FROM "
      "encapsulation GROUP BY kind) e LEFT JOIN connection c ON c.id = e.example ORDER BY "
      "e.kind");
  for (std::size_t i = 0; i < kinds.rows.size(); ++i) {
    const std::string protocol = kinds.text(i, "protocol");
    summary.tunnels.push_back(
        {kinds.text(i, "kind"), count_at(kinds, i, "keys"), count_at(kinds, i, "connections"),
         count_at(kinds, i, "carriers"),
         protocol.empty()
             ? ""
             : protocol_word(protocol) + ' ' + tuple_text(kinds, i, protocol, "")});
  }
}

void load_findings(Loader& loader, Summary& summary) {
  constexpr std::int64_t kTold = 6;
  const store::Table counts = loader.query(
      "SELECT sum(severity = 'error') AS errors, sum(severity = 'warning') AS warnings,"
      " sum(severity = 'info') AS infos FROM finding WHERE explained_by IS NULL");
  if (!counts.rows.empty()) {
    summary.found = {count_at(counts, 0, "errors"), count_at(counts, 0, "warnings"),
                     count_at(counts, 0, "infos")};
  }
  const store::Table rows = loader.query(
      "SELECT severity, code, variant, text, frames FROM findings WHERE explained_by IS NULL"
      " AND severity <> 'info' ORDER BY id LIMIT ?1",
      {kTold});
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    summary.findings.push_back({rows.text(i, "severity"), rows.text(i, "code"),
                                rows.text(i, "variant"), rows.text(i, "text"),
                                rows.text(i, "frames")});
  }
}

}  // namespace

Result<Summary> load_summary(store::Database& database) {
  Summary summary;
  Loader loader(database);
  summary.database = database.path();
  const store::Table meta = loader.query(
      "SELECT (SELECT value FROM meta WHERE key = 'interrupted') = '1' AS interrupted, "
      "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'waiting_dropped') AS dropped, "
      "(SELECT max(CAST(value AS INTEGER)) FROM meta WHERE key IN"
      " ('connections_evicted', 'connections_settled_early')) AS evicted, "
      "(SELECT count(*) FROM translation) AS translations");
  if (!meta.rows.empty()) {
    summary.interrupted = meta.integer(0, "interrupted") != 0;
    summary.translations = count_at(meta, 0, "translations");
    summary.waiting_dropped = count_at(meta, 0, "dropped");
    summary.evicted = count_at(meta, 0, "evicted");
  }
  load_taps(loader, summary);
  load_between(loader, summary);
  load_mappings(loader, summary);
  load_unpaired(loader, summary);
  load_tunnels(loader, summary);
  load_findings(loader, summary);
  load_notes(loader, summary);
  load_unknown_links(loader, summary);
  if (!loader.error().message.empty()) return loader.error();
  return summary;
}

}  // namespace natlens::report
