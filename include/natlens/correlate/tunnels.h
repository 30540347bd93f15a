// Encrypted tunnels without keys: which packets at one tap were inside which ones at another?
//
// Outer packets are recognised among themselves by what they show in clear; then inner and
// outer ones are aligned in order, by length and time. See src/correlate/tunnels.cc.
#pragma once

#include <cstdint>
#include <memory>

#include "natlens/correlate/records.h"
#include "natlens/stream/records.h"

namespace natlens::correlate {

struct TunnelStats {
  std::uint64_t outer_packets = 0;  // with something inside, each counted once
  std::uint64_t linked = 0;         // ... whose inner packet is known
  std::uint64_t left_out = 0;       // packets of tunnels or sessions beyond the bound
};

// Receives decisions in a fixed order: same input, same calls. The receiver copies.
class TunnelSink {
 public:
  virtual ~TunnelSink() = default;
  virtual void carried(const Carried& row) = 0;
  virtual void tunnelled(const Tunnelled& row) = 0;
  virtual void candidate(const Candidate& row) = 0;
  // Only with TunnelOptions::keep_links.
  virtual void linked(const TunnelLink&) {}
};

struct TunnelOptions {
  bool keep_links = false;  // tell of every packet; memory grows with those of live connections
};

class TunnelTracker {
 public:
  // `sink` is not owned and outlives the tracker.
  TunnelTracker(const TunnelOptions& options, TunnelSink& sink);
  ~TunnelTracker();

  // Announces tap `clock.tap` before anything of it. REQUIRES: taps come as 0, 1, 2...
  void add_tap(const ClockEstimate& clock);
  // The tap is a tunnel's own interface: a link without frames, which shows packets as they are
  // inside.
  void set_device(std::uint16_t tap);

  // Times are corrected; calls come in their order across taps. REQUIRES: as Correlator's.
  void open(std::uint16_t tap, const stream::Opened& opened);
  void sight(std::uint16_t tap, const stream::Sighting& sighting, Timestamp time);
  void packet(std::uint16_t tap, const stream::TunnelPacket& packet, Timestamp time);
  void close(std::uint16_t tap, const conntrack::Closed& closed);
  // The end of all taps.
  void finish();
  const TunnelStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::correlate
