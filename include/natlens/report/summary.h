// What `natlens analyze` ends with: one page that says what was seen, what lies between the
// taps, what stayed in doubt and why, and where to look next.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"
#include "natlens/store/database.h"

namespace natlens::report {

struct SummaryTap {
  std::string name;
  std::string files;  // "a.pcap, b.pcap"
  bool from_standard_input = false;
  std::uint64_t frames = 0;
  std::uint64_t connections = 0;
  std::uint64_t ip_packets = 0;
  std::uint64_t unsupported = 0;        // frames of no link type or protocol that is read
  Timestamp first = Timestamp::none();  // reference clock
  Timestamp last = Timestamp::none();
  std::string clock_basis;  // "reference", "packets", "given", "unknown"
  Nanoseconds offset{};     // ahead of the reference clock by
  double drift_ppm = 0;
  Nanoseconds error{};
  std::uint64_t matches = 0;
  std::vector<Nanoseconds> steps;  // by which the clock was set while it captured
};

struct SummaryBetween {
  std::string inside;  // tap names
  std::string outside;
  std::string relation;  // "nat", "routed"...
  std::uint64_t translations = 0;
  std::string kinds;               // "150 snat, 8 dnat"
  std::string external_addresses;  // "198.51.100.2"
};

struct SummaryMappings {
  std::string kind;
  std::uint64_t count = 0;
  std::vector<std::string> examples;  // "tcp 192.0.2.1:5 -> 198.51.100.1:7"
};

struct SummaryUnpaired {
  std::string tap;
  std::string reason;  // as stored: "nothing_in_common"...
  std::uint64_t connections = 0;
  std::string example;  // "udp 192.0.2.1:5353 > 224.0.0.251:5353"
};

// Inner packets of one kind of encapsulation.
struct SummaryTunnel {
  std::string kind;  // "vxlan", "gre"...
  std::uint64_t keys = 0;
  std::uint64_t connections = 0;  // inside
  std::uint64_t carriers = 0;     // connections outside
  std::string example;            // a carrier: "udp 192.0.2.1:5 > 198.51.100.1:4789"
};

struct SummaryFinding {
  std::string severity;
  std::string code;
  std::string variant;
  std::string text;
  std::string frames;  // "cause lan:37, missing-image wan"
};

struct Summary {
  std::string database;
  bool interrupted = false;  // a signal ended the run early
  std::uint64_t translations = 0;
  std::uint64_t ambiguous = 0;  // connections with candidates too close to each other
  std::vector<SummaryTap> taps;
  std::vector<SummaryBetween> between;
  std::vector<SummaryMappings> mappings;
  std::vector<SummaryUnpaired> unpaired;
  std::vector<SummaryTunnel> tunnels;
  std::vector<SummaryFinding> findings;  // errors and warnings, the first few
  std::array<std::uint64_t, 3> found{};  // errors, warnings, infos, without what is explained
  std::uint64_t waiting_dropped = 0;     // sightings that --memory had no room for
  std::uint64_t evicted = 0;             // connections given up for want of memory
  std::vector<std::string> unreadable;   // files, none of whose frames is of a known link type
  std::vector<std::string> not_read;     // "lan.pcap: offset 24: cut off inside a record"
  std::string endpoint;                  // worth a `natlens trace`; "" if there is none
};

Result<Summary> load_summary(store::Database& database);
// Ends with a line end.
std::string summary_text(const Summary& summary);

// What was given and cannot be read at all, in one sentence; "" if there is none.
std::string unreadable_input(const Summary& summary);

// Why nothing could be judged, in one sentence; "" if something was.
std::string nothing_judged(const Summary& summary);

}  // namespace natlens::report
