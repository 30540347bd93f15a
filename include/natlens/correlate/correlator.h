// Correlation: which connection at this tap is which one at that tap?
//
// Sightings come in one order for all taps, that of corrected time. One that carries the
// fingerprint of an earlier one of another connection is a vote that the two connections are
// the same traffic; votes are weighed in bits against how often such an agreement happens by
// chance in this capture. See src/correlate/correlator.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "natlens/correlate/records.h"
#include "natlens/stream/records.h"

namespace natlens::correlate {

struct Options {
  double min_bits = 24;     // less evidence is kept as ambiguous with its candidates
  double margin_bits = 12;  // lead over the runner-up; a smaller one is ambiguous too
  double certain_bits = 40;
  Nanoseconds pair_window = std::chrono::seconds(5);  // of corrected time
  std::size_t memory_bytes = std::size_t{2} << 30;    // bound on all that waits
  std::uint64_t max_connections = 0;                  // held at once; 0: any number
  bool links = false;                                 // Sink::link is wanted
};

// Receives decisions in a fixed order: same input, same calls. The receiver copies.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void translation(const Translation& translation) = 0;
  // Correlator::tell_open(): a translation that goes on, as it stands; the next word of the same
  // serial replaces it.
  virtual void provisional(const Translation&) {}
  // A provisional one that is none.
  virtual void taken_back(std::uint64_t /*serial*/) {}
  // Follows its translation.
  virtual void fate(const PacketFate&) {}
  // Follows its translation.
  virtual void sequence_change(const SequenceChange&) {}
  // Packets that agreed, as they come, also of pairs that are not accepted in the end.
  virtual void link(const PacketLink&) {}
  virtual void candidate(const Candidate& candidate) = 0;
  virtual void unpaired(const Unpaired& unpaired) = 0;
  // Nothing more will be said of this connection.
  virtual void settled(ConnectionRef connection) = 0;
};

struct Stats {
  std::uint64_t sightings = 0;
  std::uint64_t matched = 0;          // sightings recognised at another tap or connection
  std::uint64_t waiting_dropped = 0;  // pushed out by a bound
  std::uint64_t settled_early = 0;    // connections, by Options::max_connections
  std::uint64_t live_connections = 0;
  std::uint64_t most_live = 0;
};

class Correlator {
 public:
  // `sink` is not owned and outlives the correlator.
  Correlator(const Options& options, Sink& sink);
  ~Correlator();

  // Announces tap `clock.tap` before anything of it. REQUIRES: taps come as 0, 1, 2...
  void add_tap(const ClockEstimate& clock);
  // A later, better estimate (only used for accounting and order from now on).
  void set_clock(const ClockEstimate& clock);

  // `tap` is global. REQUIRES: open() before the first sight() of a connection, close() after
  // the last; calls in the order of corrected time across taps (frame order within a tap).
  void open(std::uint16_t tap, const stream::Opened& opened);
  void sight(std::uint16_t tap, const stream::Sighting& sighting);
  void close(std::uint16_t tap, const conntrack::Closed& closed);
  // What was said of proxied connections and of names; in the same order.
  void say(std::uint16_t tap, const stream::Statement& statement);

  // The tap's capture is over: what it does not show from now on proves nothing.
  void end(std::uint16_t tap);

  // Nothing earlier than `now` (corrected time) will follow: pairs whose window has passed
  // become final and go to the sink.
  void advance(Timestamp now);
  // Tells of the translations of open connections that had packets since the last call.
  void tell_open();
  // The end of all taps: everything becomes final.
  void finish();
  const Stats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::correlate
