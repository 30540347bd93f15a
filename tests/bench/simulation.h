// Simulates a NAT44 box with many connections through it and writes what two taps would
// capture, and the truth.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "connection.h"
#include "frame.h"
#include "nat_box.h"
#include "sink.h"

namespace natlens::bench {

struct Options {
  std::uint64_t seed = 1;
  std::uint32_t connections = 1000;
  double rate = 0;            // connections opened a second; 0: all within life_seconds
  double loss = 0;            // share of packets that the box loses; TCP sends them again
  double drop = 0;            // share of frames that each capture misses
  double reorder = 0;         // share of packets that the box holds back for up to 3 ms
  double duplicates = 0;      // share of frames that each tap shows twice, as a SPAN port does
  double offset_seconds = 0;  // of the outside capture's clock
  double drift_ppm = 0;
  std::array<double, 2> step_seconds{};  // by which the clocks (inside, outside) are set
  double step_at_seconds = 20;           // that long after the start
  double late_seconds = 0;               // after which the outside capture begins
  double early_seconds = 0;  // after which the inside capture ends; 0: when all is over
  std::uint32_t snap_length = 262144;
  bool ip_id_zero = false;
  bool same_source_ports = false;  // every client takes the ports from 40000 on in turn
  bool seq_shift = false;          // the box shifts the sequence numbers of both directions
  std::uint32_t backends = 0;      // the box is a load balancer of so many servers
  bool forget_mappings = false;    // of half of the longer UDP flows, half way
  ScriptOptions script;
};

struct Totals {
  std::uint64_t inside_frames = 0;
  std::uint64_t outside_frames = 0;
  std::uint64_t bytes = 0;  // of both captures, without record headers
  std::uint64_t truth_lines = 0;
  std::size_t live_at_most = 0;  // entries of the box
};

// Memory is that of the entries that the box holds at once.
class Simulation {
 public:
  // Writes inside.pcap, outside.pcap and truth.jsonl into the folder. Throws
  // std::runtime_error.
  Simulation(const Options& options, const std::string& folder);
  Totals run();

 private:
  struct Event {
    std::uint64_t time_ns;
    std::uint32_t slot;
    bool operator>(const Event& right) const {
      return time_ns != right.time_ns ? time_ns > right.time_ns : slot > right.slot;
    }
  };
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void open_connection(std::uint64_t now_ns);
  void draw_addresses(Connection& connection);
  void step(std::uint32_t slot, std::uint64_t now_ns);
  void forget(Connection& connection, std::uint64_t now_ns);
  // Sends the connection's step through the box, again if it was lost and is TCP's to repeat.
  // Returns when it arrived; 0 if it never did.
  std::uint64_t send(Connection& connection, std::uint64_t now_ns);
  bool captures(std::size_t tap, std::uint64_t time_ns) const;
  void emit(Connection& connection, std::uint64_t first_ns, std::uint64_t second_ns, bool lost);
  // False if that capture has not got it.
  bool emit_at(Connection& connection,
               std::size_t tap,
               const Packet& packet,
               std::uint64_t time_ns);
  Packet packet_of(Connection& connection, std::uint64_t now_ns) const;
  void consume_sequence(Connection& connection);
  void finish(std::uint32_t slot, std::uint64_t end_ns, bool still_open);
  void write_truth(const Connection& connection, std::uint64_t end_ns, bool still_open);

  Options options_;
  Random random_;
  Script script_;
  NatBox box_;
  Sink inside_;
  Sink outside_;
  std::unique_ptr<std::FILE, CloseFile> truth_;
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> next_port_;  // per client, with same_source_ports
  std::vector<std::uint8_t> payload_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint32_t opened_ = 0;
  std::uint32_t talking_ = 0;  // connections with packets to come
  std::uint64_t last_packet_ns_ = 0;
  Totals totals_;
};

}  // namespace natlens::bench
