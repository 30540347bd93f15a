// Encrypted tunnels by what they show: outer packets are recognised among themselves by session
// and counter, whatever NATs stand between the taps, and in whatever carriers they travel.
//
// A tunnel has two lanes, one for each direction. It is found by the session of a packet, else
// by its carrier: a new session in a known carrier is a new key, a known session in a new
// carrier is a peer that moved, or the far side of a NAT. So a tunnel outlives both.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/correlate/records.h"
#include "natlens/net/slab.h"
#include "natlens/stream/records.h"

namespace natlens::correlate {

// An outer packet at one tap.
struct OuterSeen {
  std::int64_t time = 0;  // reference clock
  std::uint32_t connection = 0;
  std::uint32_t frame = 0;
  std::uint16_t tap = 0;
  bool back = false;  // it went in the connection's reply direction
};

// That an inner connection's packet was in it: kept for taps that show it later.
struct OuterLink {
  std::uint32_t aligner = 0;     // number within the tunnel
  std::uint32_t connection = 0;  // serial of the inner one at the aligner's tap
  std::uint32_t frame = 0;       // of the inner packet; 0: which one is not sure
  std::uint32_t bytes = 0;       // likewise
  conntrack::Direction direction = conntrack::Direction::kOriginal;
};

struct OuterPacket {
  std::uint64_t counter = 0;
  std::int64_t place = 0;  // in a stream: in the order of its bytes
  std::int64_t earliest = 0;
  std::int64_t latest = 0;
  std::uint32_t session = 0;
  std::uint32_t bytes = 0;
  std::uint32_t ip_bytes = 0;
  bool numbered = false;
  bool in_stream = false;
  bool in_fragments = false;  // at a tap that showed it
  bool carries = false;       // an inner packet
  bool done = false;          // aligned
  std::uint8_t seen_count = 0;
  std::uint8_t link_count = 0;
  std::array<OuterSeen, 4> seen;
  std::array<OuterLink, 3> links;
};

struct TunnelSession {
  std::uint64_t key = 0;
  std::vector<std::uint64_t> names;  // under which it is known
  std::uint64_t born = 0;            // 1, 2, ... in order of appearance
  std::int64_t first = INT64_MAX;    // packet of it
  std::uint32_t tunnel = 0;
  std::uint8_t lane = 0;
  bool aligned = false;            // a packet of it is done
  std::uint64_t last_counter = 0;  // the highest of those
};

// The packets of one direction, those that may still meet something.
class TunnelLane {
 public:
  // The packet, new or known; nullptr if this tap showed it before, or too many did.
  OuterPacket* add(const stream::TunnelPacket& packet,
                   std::uint32_t session,
                   const OuterSeen& seen);
  // Forgets packets in front that are done and older than `before`, or too many.
  void trim(std::int64_t before);

  std::deque<OuterPacket>& packets() { return packets_; }
  // Packets in front of this one are done. An index into packets().
  std::size_t first_open();
  std::size_t open() const { return open_; }
  void set_done(OuterPacket& packet);

 private:
  static constexpr std::size_t kMost = 1U << 14;

  std::int64_t place_of(std::uint32_t sequence);

  std::int64_t place_ = 0;  // the foremost, and its sequence number
  std::uint32_t sequence_ = 0;
  std::deque<OuterPacket> packets_;
  std::uint64_t base_ = 0;        // number of packets_[0]
  std::uint64_t first_open_ = 0;  // likewise
  std::size_t open_ = 0;
  absl::flat_hash_map<std::uint64_t, std::uint64_t> known_;  // identity -> number
};

struct Tunnel {
  decode::Encapsulation kind = decode::Encapsulation::kNone;
  std::array<TunnelLane, 2> lanes;
  std::vector<std::uint32_t> sessions;
  std::array<std::uint64_t, 16> ends{};  // hashes of the carriers' addresses; 0: free
  std::uint32_t carriers = 0;            // alive
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t last_data = INT64_MIN;  // at any tap
  // When a handshake began for which data had to wait: after a silence.
  std::int64_t announced = INT64_MIN;
  bool due = false;  // has its turn coming

  bool is_end(std::uint64_t address) const {
    return address != 0 && std::find(ends.begin(), ends.end(), address) != ends.end();
  }
  void add_end(std::uint64_t address) {
    if (is_end(address)) return;
    if (auto* free = std::find(ends.begin(), ends.end(), 0); free != ends.end())
      *free = address;
  }
};

class TunnelTable {
 public:
  struct Added {
    std::uint32_t tunnel = kNone;
    std::uint8_t lane = 0;
    OuterPacket* packet = nullptr;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // `time` in the reference clock. Packets of tunnels beyond kMostTunnels are counted only.
  Added add(std::uint16_t tap, const stream::TunnelPacket& packet, std::int64_t time);
  // A connection ended that may have been a carrier.
  void close(ConnectionRef carrier);
  bool is_carrier(ConnectionRef connection) const {
    return carriers_.contains(name_of(connection));
  }

  bool empty() const { return tunnels_.empty(); }
  Tunnel* find(std::uint32_t tunnel) {
    return tunnel < tunnels_.size() ? tunnels_[tunnel].get() : nullptr;
  }
  TunnelSession& session(std::uint32_t number) { return sessions_[number]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(tunnels_.size()); }
  // REQUIRES: nothing of it waits.
  void release(std::uint32_t tunnel);
  std::uint64_t left_out() const { return left_out_; }

 private:
  // Some 2 KiB each: a flood of handshakes must not fill memory.
  static constexpr std::size_t kMostTunnels = 1U << 14;
  static constexpr std::size_t kMostSessions = 1U << 17;
  static constexpr std::size_t kMostRecent = 1U << 16;
  struct Carrier {
    std::uint32_t tunnel = 0;
    std::uint8_t lane_of_original = 0;
  };

  static std::uint64_t name_of(ConnectionRef connection) {
    return std::uint64_t{connection.tap} << 32 | connection.serial;
  }
  std::uint32_t older(std::uint32_t a, std::uint32_t b) const;
  std::uint32_t make(decode::Encapsulation kind, std::int64_t time);
  void announce(const stream::TunnelPacket& packet, const Carrier& carrier, std::int64_t time);
  std::uint32_t session(std::uint64_t name,
                        std::uint64_t key,
                        std::uint32_t tunnel,
                        std::uint8_t lane);
  std::uint32_t known_session(std::uint64_t name, const stream::TunnelPacket& packet);
  void unite(std::uint32_t number, Carrier& carrier, std::uint8_t reply);
  // The session that a packet without a number belongs to: another one had it, at another tap.
  std::uint32_t remember(const stream::TunnelPacket& packet, std::uint32_t session);
  std::uint32_t join(std::uint32_t one, std::uint32_t other);

  std::vector<std::unique_ptr<Tunnel>> tunnels_;
  std::vector<std::uint32_t> free_;
  Slab<TunnelSession> sessions_;
  std::uint64_t born_ = 0;
  // Name -> number. What shows a key of its own is named by it; else by carrier and direction.
  absl::flat_hash_map<std::uint64_t, std::uint32_t> session_of_;
  // Packets without a number, by their digest: how sessions are found again in other carriers.
  absl::flat_hash_map<std::uint64_t, std::uint32_t> recent_;
  std::deque<std::uint64_t> recent_order_;
  absl::flat_hash_map<std::uint64_t, Carrier> carriers_;  // by name_of()
  std::uint64_t left_out_ = 0;
};

}  // namespace natlens::correlate
