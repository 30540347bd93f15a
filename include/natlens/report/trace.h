// What `natlens trace` prints: one connection at every tap that saw it, hop by hop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/address.h"
#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"
#include "natlens/report/ladder.h"
#include "natlens/store/database.h"

namespace natlens::report {

// A connection as one tap saw it.
struct TraceConnection {
  std::int64_t id = 0;  // connection.id
  std::string tap;
  std::string protocol;
  // The opener first: "192.0.2.1:5000 > 203.0.113.1:80"; ICMP: "192.0.2.1 > 203.0.113.1 id 7".
  std::string original;
  std::string state;   // "" for protocols without states
  std::string status;  // "ASSURED", "UNREPLIED"...
  std::string ended;   // "expired", "reset"...
  bool beginning_seen = true;
  bool turned = false;                 // its tap took the reply direction for the original one
  std::uint64_t original_packets = 0;  // from the opener
  std::uint64_t original_bytes = 0;
  std::uint64_t reply_packets = 0;
  std::uint64_t reply_bytes = 0;
  std::uint64_t invalid_packets = 0;
  std::string first_frame;  // "lan.pcap:12"
  std::string last_frame;
  Timestamp start;
  Timestamp last;
  std::string unpaired;                 // why it has no partner; "" if it has one
  std::vector<std::string> candidates;  // of an ambiguous one: "wan 20000000013, 31.0 bits"
};

// Packets of one direction between two taps.
struct TraceAccount {
  std::uint64_t both = 0;
  std::uint64_t first_only = 0;  // seen at the first tap of the hop only
  std::uint64_t second_only = 0;
  bool timed = false;
  Nanoseconds min{};
  Nanoseconds median{};
  Nanoseconds p99{};
  Nanoseconds max{};
  std::optional<std::int64_t> ttl_delta;
};

struct TraceEvidence {
  std::string field;
  double bits = 0;
  std::string note;
};

// From one connection of the trace to the next.
struct TraceHop {
  std::size_t first = 0;  // indexes into Trace::connections
  std::size_t second = 0;
  std::string kind;
  std::string confidence;
  double bits = 0;
  std::optional<double> margin_bits;   // lead over the runner-up; none: there was no other
  std::vector<std::string> changes;    // "source 192.0.2.1:5 became 198.51.100.1:7"
  std::vector<TraceAccount> accounts;  // from the opener on, then the answers
  std::vector<std::string> remarks;    // about its packets: missing, late, changed...
  std::vector<TraceEvidence> evidence;
  Timestamp start;
  Timestamp end;
  Nanoseconds clock_error{};  // how well the two clocks are known to each other; 0 = exactly
};

// An outer flow that a connection of the trace ran through.
struct TraceCarrier {
  std::string inner_tap;
  std::string tap;
  std::string carrier;  // "udp 192.0.2.1:51820 > 198.51.100.1:51820"
  std::string kind;     // "wireguard"
  std::string confidence;
  std::optional<double> bits;  // none: the packets are in clear
  std::uint64_t packets = 0;   // 0: not counted
  Timestamp first;
  Timestamp last;
};

struct Trace {
  std::vector<TraceConnection> connections;  // in the order the packets travelled
  std::vector<TraceHop> hops;
  std::vector<TraceCarrier> carriers;
  std::vector<std::string> findings;  // that name frames of these connections
  std::uint64_t inside = 0;           // connections that ran through those of the trace
  Ladder ladder;
};

// "192.168.1.100:50000", "192.168.1.100", "[2001:db8::1]:443", or a connection's id.
struct TraceTarget {
  std::int64_t id = 0;
  Address address;
  std::optional<std::uint16_t> port;
};
Result<TraceTarget> parse_trace_target(std::string_view text);

struct TraceAnswer {
  std::vector<Trace> traces;
  std::uint64_t more = 0;         // connections found and left out by the limit
  std::vector<std::string> near;  // nothing found: endpoints that somebody may have meant
};
Result<TraceAnswer> find_traces(store::Database& database,
                                const TraceTarget& target,
                                std::size_t limit);
std::string trace_text(const Trace& trace);

}  // namespace natlens::report
