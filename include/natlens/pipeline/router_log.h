// What a router in the path writes of its connections, while it goes on: the rows that analyze
// would have found, but nothing is inferred. The two sides of the router are two taps.
//
// The router's thread only copies records; a thread of the log's own makes rows of them and
// commits every second. If it cannot keep up, connections are left out whole and counted, and
// the router never waits.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "natlens/conntrack/records.h"
#include "natlens/net/result.h"
#include "natlens/store/records.h"

namespace natlens::pipeline {

// A connection that the router has let pass, by its first packet.
struct RouterConnection {
  static constexpr std::uint8_t kNowhere = 255;

  conntrack::Opened entry;
  Tuple before;                  // as it entered
  Tuple after;                   // as it left
  std::uint8_t entered = 0;      // side: 0 inside, 1 outside
  std::uint8_t left = kNowhere;  // kNowhere: it was for the router itself, or dropped
  std::uint8_t ttl = 0;
  std::uint8_t tos = 0;
  std::uint16_t tcp_flags = 0;
  std::uint32_t ip_bytes = 0;
  // The entry behind a NAT64, which has the tuples of the side where it left; 0 = none.
  std::uint32_t second = 0;
  std::uint32_t rule_line = 0;  // of the rule that translated; 0 = none
};

// Packets of a connection since they were told of last.
struct RouterPackets {
  std::uint32_t connection = 0;
  Timestamp last;
  std::array<conntrack::DirectionCounters, 2> counters;
};

// What one side has seen so far.
struct SideCounters {
  std::uint64_t packets = 0;
  std::uint64_t invalid = 0;
  std::uint64_t connections = 0;
};

struct RouterLogOptions {
  std::string output;  // database path
  bool force = false;
  std::array<std::string, 2> names;       // of the taps
  std::array<std::string, 2> interfaces;  // as the rules call them
  std::string command_line;
  Timestamp start;
  Nanoseconds keep = Nanoseconds::zero();  // connections that ended longer ago go; 0: all stay
};

class RouterLog {
 public:
  static Result<std::unique_ptr<RouterLog>> create(const RouterLogOptions& options);
  ~RouterLog();

  // All from one thread, in the order of time. What comes of a connection that was left out is
  // passed over.
  void opened(const RouterConnection& connection);
  void event(const conntrack::Event& event);
  void packets(const RouterPackets& packets);
  void closed(const conntrack::Closed& closed);
  // Hands over what has come since. Cheap.
  void hand_over(Timestamp now, const std::array<SideCounters, 2>& sides);

  std::uint64_t left_out() const;  // connections
  // Something could not be written (disk full): nothing more will be. See finish().
  bool failed() const;
  // Writes what is left, and derives what needs all of it. REQUIRES: every connection closed.
  Result<void> finish();

 private:
  struct Impl;
  explicit RouterLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::pipeline
