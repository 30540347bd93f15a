// How TCP connections went, for those that a proxy opened anew and that have no bytes to
// recognise them by. See courses.cc.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "natlens/net/bytes.h"
#include "natlens/net/slab.h"
#include "natlens/stream/records.h"

#include "connections.h"
#include "course.h"
#include "evidence.h"
#include "frontends.h"
#include "latency.h"
#include "pair.h"
#include "requests.h"
#include "taps.h"
#include "volume.h"

namespace natlens::correlate {

class Courses {
 public:
  Courses(Taps& taps,
          ConnectionTable& connections,
          PairTable& pairs,
          Latencies& latencies,
          const Weigher& weigher)
      : taps_(taps),
        connections_(connections),
        pairs_(pairs),
        latencies_(latencies),
        weigher_(weigher) {}

  // A connection began. Follows it if it is TCP and its beginning was seen.
  void open(std::uint32_t slot);
  // A packet of it, after the matcher had it.
  void sight(std::uint32_t slot, const stream::Sighting& sighting, std::int64_t time);
  // A proxy passes on what comes from here on.
  void relay_starts(std::uint32_t slot, const stream::Sighting& sighting);
  // What the connection's protocol said of the one that a proxy opens for it.
  void say(std::uint32_t slot, const stream::Statement& statement, std::int64_t time);
  // The connection is about to settle: makes the pairs that its course and its candidates'
  // courses speak for.
  void propose(std::uint32_t slot);
  void forget(std::uint32_t slot);

 private:
  // A connection that another may have become, and what speaks for it.
  struct Found {
    std::uint32_t slot = kNoSlot;
    float timing = 0;        // bits
    int outcome = 0;         // bits
    bool by_volume = false;  // one of the two is encrypted
    float volume = 0;        // bits, then
    float lengths = 0;       // of which for the numbers of bytes alone
    float usual = 0;         // of which for such pairs being usual between the two taps
    Tie tie = Tie::kNone;
    bool frontend = false;  // the one's server is the other's frontend, as others showed
  };
  // The likeliest ones of a connection, best first.
  static constexpr std::size_t kMostFound = 4;
  struct Likely {
    std::array<Found, kMostFound> list;
    std::size_t count = 0;
    void add(const Found& found);
    const Found* find(std::uint32_t slot) const;
  };

  // Chains of connections that began in the same second: with the same destination, the same
  // source, at the same tap.
  static constexpr unsigned kChains = 3;
  static constexpr unsigned kByTap = 2;

  std::uint32_t& head(unsigned chain, std::uint64_t key, std::int64_t second);
  static std::uint64_t key_of(const Endpoint& endpoint) {
    return content_hash(endpoint.address.bytes(), endpoint.port);
  }
  std::uint64_t key_of(std::uint32_t slot, unsigned chain) const;
  Endpoint endpoint(std::uint32_t slot, unsigned end) const;
  void link(std::uint32_t course, unsigned chain);
  void unlink(std::uint32_t course, unsigned chain);
  void make_room();
  bool recognised(std::uint32_t slot);
  void learn_frontend(const Pair& pair);
  bool has_partner(std::uint32_t slot, std::uint16_t tap) const;
  Likely likely(std::uint32_t slot, bool settles = false);
  void search(std::uint32_t slot,
              unsigned end,
              const Endpoint& endpoint,
              std::int64_t moment,
              Likely& out);
  void search_frontends(std::uint32_t slot, Likely& out);
  void search_said(std::uint32_t slot, Likely& out);
  void tie(std::uint32_t slot);
  // courses_volume.cc
  void note_bytes(Course& course, std::size_t direction, std::int64_t time);
  bool moved_bytes(std::uint32_t slot) const;
  VolumeSide volume_side(std::uint32_t slot) const;
  bool weigh_volume(std::uint32_t one, std::uint32_t other, Found& out) const;
  // `settles`: it is about to, so that it counts for what is usual between the taps.
  void search_volume(std::uint32_t slot, bool settles, Likely& out);
  static Found agreed(Found found, std::uint32_t slot, const Likely& others);
  void count_fit(std::uint32_t slot, const Found& found);
  void join_volume(const Found& found, Pair& pair);

  bool weigh(std::uint32_t one, std::uint32_t other, Found& out) const;
  void join(std::uint32_t one, const Found& found);

  Taps& taps_;
  ConnectionTable& connections_;
  PairTable& pairs_;
  Latencies& latencies_;
  const Weigher& weigher_;
  Requests requests_;
  Frontends frontends_;
  Slab<Course> courses_;
  Slab<Volume> volumes_;
  std::array<std::vector<std::uint32_t>, kChains> heads_;  // by chain: courses by bucket
};

}  // namespace natlens::correlate
