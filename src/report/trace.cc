// Trace, third: the page. First what each tap saw, then each hop with its evidence, then
// the ladder.
#include "natlens/report/trace.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "natlens/report/table.h"
#include "natlens/report/text.h"

#include "blocks.h"
#include "trace_carriers.h"

namespace natlens::report {
namespace {

store::Value number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

std::string head_text(const Trace& trace) {
  const TraceConnection& first = trace.connections.front();
  std::vector<std::string> kinds;
  Timestamp start = first.start;
  Timestamp last = first.last;
  for (const TraceConnection& connection : trace.connections) {
    start = std::min(start, connection.start);
    last = std::max(last, connection.last);
  }
  for (const TraceHop& hop : trace.hops) kinds.push_back(hop.kind);
  return fmt::format(
      "{} {}  {}\nfrom {} UTC, {}\n", first.protocol, first.original,
      kinds.empty() ? "no partner" : fmt::format("{}", fmt::join(kinds, ", then ")),
      format_moment(start),
      start == last ? "one moment" : "for " + format_duration(last - start));
}

std::string frames_text(const TraceConnection& connection) {
  const std::size_t colon = connection.last_frame.rfind(':');
  if (connection.first_frame == connection.last_frame || colon == std::string::npos) {
    return connection.first_frame;
  }
  const bool same_file =
      connection.first_frame.starts_with(connection.last_frame.substr(0, colon + 1));
  return fmt::format(
      "{} .. {}", connection.first_frame,
      same_file ? connection.last_frame.substr(colon + 1) : connection.last_frame);
}

std::string state_text(const TraceConnection& connection) {
  std::string out = connection.state;
  if (!connection.status.empty()) out += (out.empty() ? "" : " ") + connection.status;
  return out;
}

store::Table connections_table(const Trace& trace) {
  store::Table table{
      {"tap", "connection", "packets", "bytes", "state", "ended", "frames", "id"}, {}};
  for (const TraceConnection& connection : trace.connections) {
    table.rows.push_back(
        {connection.tap, connection.original,
         fmt::format("{} + {}", connection.original_packets, connection.reply_packets),
         fmt::format("{} + {}", connection.original_bytes, connection.reply_bytes),
         state_text(connection), connection.ended, frames_text(connection),
         std::to_string(connection.id)});
  }
  return table;
}

// What is odd about one connection, a line each.
std::string remarks_text(const Trace& trace) {
  std::string out;
  for (const TraceConnection& connection : trace.connections) {
    if (!connection.beginning_seen) {
      out += fmt::format("  at {} its beginning was not captured\n", printable(connection.tap));
    }
    if (connection.turned) {
      out += fmt::format(
          "  at {} the answers came first, so its table has it the other way round\n",
          printable(connection.tap));
    }
    if (connection.invalid_packets > 0) {
      out += fmt::format("  at {} connection tracking refused {} as INVALID\n",
                         printable(connection.tap),
                         count_of(connection.invalid_packets, "packet", "packets"));
    }
    if (!connection.unpaired.empty()) {
      out += fmt::format("  no partner at another tap: {}\n",
                         reason_sentence(connection.unpaired));
    }
    for (const std::string& candidate : connection.candidates) {
      out += fmt::format("    could be {}\n", printable(candidate));
    }
  }
  return out;
}

std::string ttl_text(const TraceAccount& account) {
  if (!account.ttl_delta) return "-";
  return *account.ttl_delta == 0 ? "same" : fmt::format("{:+}", *account.ttl_delta);
}

store::Table accounts_table(const TraceHop& hop,
                            const std::string& first,
                            const std::string& second) {
  store::Table table{{"packets", "at both", "only " + first, "only " + second, "latency min",
                      "median", "p99", "max", "TTL"},
                     {}};
  for (std::size_t i = 0; i < hop.accounts.size(); ++i) {
    const TraceAccount& account = hop.accounts[i];
    const auto latency = [&account](Nanoseconds value) -> store::Value {
      return account.timed ? format_duration(value) : "-";
    };
    table.rows.push_back({i == 0 ? first + " -> " + second : second + " -> " + first,
                          number(account.both), number(account.first_only),
                          number(account.second_only), latency(account.min),
                          latency(account.median), latency(account.p99), latency(account.max),
                          ttl_text(account)});
  }
  return table;
}

store::Table evidence_table(const TraceHop& hop) {
  store::Table table{{"evidence", "bits", "because"}, {}};
  for (const TraceEvidence& evidence : hop.evidence) {
    table.rows.push_back({evidence.field, evidence.bits, evidence.note});
  }
  return table;
}

std::string hop_text(const TraceHop& hop, const Trace& trace) {
  const std::string& first = trace.connections[hop.first].tap;
  const std::string& second = trace.connections[hop.second].tap;
  const std::string lead =
      hop.margin_bits ? fmt::format("{:.1f} more than the next candidate", *hop.margin_bits)
                      : "no other candidate";
  std::string out = fmt::format("\n{} -> {}: {}, {} ({:.1f} bits, {})\n", printable(first),
                                printable(second), hop.kind, hop.confidence, hop.bits, lead);
  for (const std::string& change : hop.changes) out += fmt::format("  {}\n", change);
  if (hop.changes.empty()) out += "  addresses and ports stayed as they were\n";
  out += indented(table_text(accounts_table(hop, first, second)));
  for (const std::string& remark : hop.remarks) {
    out += fmt::format("  {}\n", printable(remark));
  }
  if (hop.clock_error.count() > 0) {
    out += fmt::format("  (latencies are as good as the clocks: within {})\n",
                       format_duration(hop.clock_error));
  }
  out += indented(table_text(evidence_table(hop)));
  return out;
}

}  // namespace

std::string trace_text(const Trace& trace) {
  if (trace.connections.empty()) return "";
  std::string out = head_text(trace);
  out += '\n' + indented(table_text(connections_table(trace)));
  out += remarks_text(trace);
  for (const TraceHop& hop : trace.hops) out += hop_text(hop, trace);
  out += carriers_text(trace);
  if (!trace.findings.empty()) out += "\nfindings\n";
  for (const std::string& finding : trace.findings) out += fmt::format("  {}\n", finding);
  const std::string ladder = ladder_text(trace.ladder);
  if (!ladder.empty()) out += "\nevents, in the clock of the first tap\n" + indented(ladder);
  return out;
}

}  // namespace natlens::report
