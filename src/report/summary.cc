// Summary, second half: the page. Blocks with a head line and indented tables; a block without
// content is left out.
#include "natlens/report/summary.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "natlens/report/table.h"
#include "natlens/report/text.h"

#include "blocks.h"

namespace natlens::report {
namespace {

void append_block(std::string& out, std::string_view head, const store::Table& table) {
  if (table.rows.empty()) return;
  out += fmt::format("\n{}\n{}", head, indented(table_text(table)));
}

store::Value number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::string first_line(const Summary& summary) {
  std::uint64_t frames = 0;
  std::uint64_t connections = 0;
  for (const SummaryTap& tap : summary.taps) {
    frames += tap.frames;
    connections += tap.connections;
  }
  return fmt::format("{}: {} at {}, {}, {}\n", printable(summary.database),
                     count_of(frames, "frame", "frames"),
                     count_of(summary.taps.size(), "tap", "taps"),
                     count_of(connections, "connection", "connections"),
                     count_of(summary.translations, "translation", "translations"));
}

// "set by +3.20 s while capturing"; "" for most.
std::string steps_text(const SummaryTap& tap) {
  constexpr std::size_t kNamed = 3;
  if (tap.steps.empty()) return "";
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, tap.steps.size()); ++i) {
    const Nanoseconds step = tap.steps[i];
    text += text.empty() ? ", set " : " and ";
    text += step.count() < 0 ? "back by " + format_duration(-step)
                             : "forward by " + format_duration(step);
  }
  if (tap.steps.size() > kNamed) {
    text += fmt::format(" and {} times more", tap.steps.size() - kNamed);
  }
  return text + " while capturing";
}

// What is smaller than the uncertainty is not told.
std::string clock_text(const SummaryTap& tap) {
  if (tap.clock_basis == "reference") return "reference" + steps_text(tap);
  if (tap.clock_basis == "unknown" && tap.from_standard_input) {
    return fmt::format(
        "not measured (standard input is read once), taken as the same; --clock {}=OFFSET sets "
        "it",
        tap.name);
  }
  if (tap.clock_basis == "unknown") return "not measured, taken as the same";
  const Nanoseconds size = tap.offset.count() < 0 ? -tap.offset : tap.offset;
  std::string text = "same";
  if (size > tap.error) {
    text = format_duration(size) + (tap.offset.count() < 0 ? " behind" : " ahead");
  }
  if (tap.clock_basis == "given") return text + ", as given";
  text += ", within " + format_duration(tap.error);
  const double moved_ns =
      std::abs(tap.drift_ppm) * 1e-6 * static_cast<double>((tap.last - tap.first).count());
  if (moved_ns > static_cast<double>(tap.error.count())) {
    text += fmt::format(", drift {:+.1f} ppm", tap.drift_ppm);
  }
  text += steps_text(tap);
  return text + "; " + count_of(tap.matches, "packet agrees", "packets agree");
}

store::Table taps_table(const Summary& summary) {
  store::Table table{{"name", "frames", "connections", "first frame (UTC)", "length", "clock"},
                     {}};
  for (const SummaryTap& tap : summary.taps) {
    const bool timed = tap.first.has_value();
    table.rows.push_back({tap.name, number(tap.frames), number(tap.connections),
                          timed ? format_moment(tap.first) : "-",
                          timed ? format_duration(tap.last - tap.first) : "-",
                          clock_text(tap)});
  }
  return table;
}

bool carried(const SummaryBetween& between) {
  return between.translations > 0;
}

store::Table between_table(const Summary& summary) {
  store::Table table{{"inside", "outside", "what", "connections", "external address"}, {}};
  for (const SummaryBetween& between : summary.between) {
    if (!carried(between)) continue;
    table.rows.push_back({between.inside, between.outside, between.relation, between.kinds,
                          between.external_addresses});
  }
  return table;
}

// Pairs of taps that had nothing to do with each other, in one line.
void append_unrelated(std::string& out, const Summary& summary) {
  constexpr std::size_t kNamed = 6;
  std::vector<std::string> pairs;
  for (const SummaryBetween& between : summary.between) {
    if (carried(between) || between.inside == between.outside) continue;
    pairs.push_back(
        fmt::format("{} and {} ({})", between.inside, between.outside, between.relation));
  }
  if (pairs.empty()) return;
  const std::size_t named = std::min(pairs.size(), kNamed);
  out += fmt::format(
      "\nnothing in common: {}{}\n",
      printable(fmt::format(
          "{}",
          fmt::join(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(named), ", "))),
      named < pairs.size() ? fmt::format(" and {} more pairs", pairs.size() - named) : "");
}

store::Table mappings_table(const Summary& summary) {
  store::Table table{{"kind", "mappings", "for example"}, {}};
  for (const SummaryMappings& mappings : summary.mappings) {
    store::Value kind = mappings.kind;
    store::Value count = number(mappings.count);
    for (const std::string& example : mappings.examples) {
      table.rows.push_back({std::exchange(kind, {}), std::exchange(count, {}), example});
    }
  }
  return table;
}

store::Table unpaired_table(const Summary& summary) {
  store::Table table{{"tap", "connections", "because", "for example"}, {}};
  for (const SummaryUnpaired& unpaired : summary.unpaired) {
    table.rows.push_back({unpaired.tap, number(unpaired.connections),
                          reason_sentence(unpaired.reason), unpaired.example});
  }
  return table;
}

store::Table tunnels_table(const Summary& summary) {
  store::Table table{{"kind", "keys", "connections inside", "carriers", "for example"}, {}};
  for (const SummaryTunnel& tunnel : summary.tunnels) {
    table.rows.push_back({tunnel.kind, number(tunnel.keys), number(tunnel.connections),
                          number(tunnel.carriers), tunnel.example});
  }
  return table;
}

// What is wrong comes in sentences; what is worth knowing only as a number.
void append_findings(std::string& out, const Summary& summary) {
  const auto& [errors, warnings, infos] = summary.found;
  if (errors + warnings + infos == 0) return;
  out +=
      fmt::format("\nfindings: {}, {}, {}\n", count_of(errors, "error", "errors"),
                  count_of(warnings, "warning", "warnings"), count_of(infos, "fact", "facts"));
  for (const SummaryFinding& one : summary.findings) {
    out += fmt::format("  {} {}{}: {}\n", one.severity, one.code,
                       one.variant.empty() ? "" : "/" + one.variant, printable(one.text));
    out += fmt::format("    {}\n", printable(one.frames));
  }
  const std::uint64_t told = summary.findings.size();
  if (errors + warnings > told) out += fmt::format("  and {} more\n", errors + warnings - told);
}

std::string quoted(const std::string& path) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
  if (!path.empty() && path.find_first_not_of(kPlain) == std::string::npos) return path;
  std::string out = "'";
  for (const char c : path) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void append_next(std::string& out, const Summary& summary) {
  const std::string database = quoted(summary.database);
  out += "\nnext\n";
  if (summary.found != std::array<std::uint64_t, 3>{}) {
    out += fmt::format("  natlens show {} findings\n", database);
  }
  if (!summary.endpoint.empty()) {
    out += fmt::format("  natlens show {} mappings\n", database);
    out += fmt::format("  natlens trace {} {}\n", database, quoted(summary.endpoint));
  } else if (summary.translations > 0) {
    out += fmt::format("  natlens show {} translations\n", database);
  } else {
    out += fmt::format("  natlens show {} connections\n", database);
  }
  if (!summary.tunnels.empty()) {
    out += fmt::format("  natlens show {} tunnels\n", database);
  }
  if (summary.ambiguous > 0) {
    out += fmt::format("  natlens show {} ambiguous\n", database);
  }
  out += fmt::format("  natlens query {}\n", database);
}

std::string overlap_reason(const Summary& summary) {
  Timestamp latest_begin = Timestamp::none();
  Timestamp earliest_end = Timestamp::max();
  for (const SummaryTap& tap : summary.taps) {
    if (!tap.first.has_value()) return fmt::format("{} has no frame", tap.name);
    latest_begin = std::max(latest_begin, tap.first);
    earliest_end = std::min(earliest_end, tap.last);
  }
  if (latest_begin > earliest_end) {
    return fmt::format(
        "the captures do not overlap in time: one ends {} before another begins; if a clock is "
        "wrong, give --clock TAP=OFFSET",
        format_duration(latest_begin - earliest_end));
  }
  return "no connection of one tap was recognised at another: are these two sides of the same "
         "box?";
}

}  // namespace

std::string unreadable_input(const Summary& summary) {
  if (summary.unreadable.empty()) return "";
  return fmt::format("{}: no frame is of a link type that natlens reads",
                     fmt::join(summary.unreadable, ", "));
}

std::string nothing_judged(const Summary& summary) {
  if (summary.translations > 0) return "";
  // What is inside a tunnel and what carries it have no packet in common.
  if (std::any_of(summary.between.begin(), summary.between.end(),
                  [](const auto& pair) { return pair.relation == "tunnel"; }))
    return "";
  std::uint64_t frames = 0;
  std::uint64_t packets = 0;
  std::uint64_t unsupported = 0;
  for (const SummaryTap& tap : summary.taps) {
    frames += tap.frames;
    packets += tap.ip_packets;
    unsupported += tap.unsupported;
  }
  if (frames == 0) return "the captures hold no frames";
  if (packets == 0 && unsupported > 0) {
    return fmt::format(
        "no IP packet could be read: {} of a link type or protocol that natlens "
        "does not read",
        count_of(unsupported, "frame is", "frames are"));
  }
  if (packets == 0) return "the captures hold no IP packets";
  for (const SummaryTap& tap : summary.taps) {
    if (tap.frames == 0 && !summary.interrupted) {
      return fmt::format("{} holds no frame", tap.files);
    }
  }
  if (summary.taps.size() == 1) {
    return "one tap alone has no other side to compare with; give a capture of the other side "
           "too";
  }
  return overlap_reason(summary);
}

std::string summary_text(const Summary& summary) {
  std::string out = first_line(summary);
  if (summary.interrupted) {
    out += "stopped by a signal: what was read up to then is in the database\n";
  }
  append_block(out, "taps", taps_table(summary));
  append_block(out, "between the taps", between_table(summary));
  append_unrelated(out, summary);
  append_block(out, "mappings", mappings_table(summary));
  append_block(out, "encapsulations", tunnels_table(summary));
  append_block(out, "not paired", unpaired_table(summary));
  if (summary.waiting_dropped > 0) {
    out += fmt::format(
        "\nlost for want of memory: {}; connections may be unpaired or packets uncounted "
        "because "
        "of it, give more --memory\n",
        count_of(summary.waiting_dropped, "packet that waited for its other side",
                 "packets that waited for their other side"));
  }
  if (summary.evicted > 0) {
    out += fmt::format(
        "\ngiven up for want of memory: {}; a packet of one that comes later opens it anew. A "
        "flood? "
        "Else give more --memory\n",
        count_of(summary.evicted, "connection", "connections"));
  }
  if (!summary.not_read.empty()) out += "\nnot read\n";
  for (const std::string& note : summary.not_read)
    out += fmt::format("  {}\n", printable(note));
  append_findings(out, summary);
  append_next(out, summary);
  return out;
}

}  // namespace natlens::report
