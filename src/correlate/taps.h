// What is known of each tap and of each two taps: clocks, the time they captured, whether the
// box between them keeps IP identifications, how far apart they lie.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/correlate/records.h"
#include "natlens/net/bytes.h"

namespace natlens::correlate {

// A time in which a tap showed no packet; reference clock, ns.
struct Silence {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

struct TapState {
  ClockEstimate clock;
  std::int64_t first = std::numeric_limits<std::int64_t>::max();  // reference clock, ns
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  std::uint64_t fingerprints = 0;  // counted in the sketch (halved with it)
  std::uint64_t connections = 0;   // likewise
  std::uint64_t packets = 0;
  std::array<Silence, 8> silences;  // the last ones, in a ring
  std::uint32_t silence_count = 0;
  bool ended = false;  // its capture is over

  // The tap was capturing at `time`, as this packet shows.
  void captured(std::int64_t time) {
    if (packets != 0 && time - last > kLeastSilence) {
      silences[silence_count++ % silences.size()] = {last, time};
    }
    ++packets;
    first = std::min(first, time);
    last = std::max(last, time);
  }
  // So long a time without any packet is no chance.
  bool unusual(std::int64_t silence) const {
    const auto distances = static_cast<std::int64_t>(packets) - 1;
    const std::int64_t usual = distances < 1 ? 0 : (last - first) / distances;
    return silence > std::max(kLeastSilence, kUnusual * usual);
  }
  // Nothing at all was shown around `time`, give or take `guard`, for unusually long. `now` is
  // later than `time`.
  bool silent(std::int64_t time, std::int64_t guard, std::int64_t now) const {
    if (last < time + guard) return unusual(now - last);
    for (const Silence& s : silences) {
      if (s.begin < time + guard && time - guard < s.end && unusual(s.end - s.begin))
        return true;
    }
    return false;
  }
  static constexpr std::int64_t kLeastSilence = 1'000'000'000;
  static constexpr std::int64_t kUnusual = 16;  // times the mean distance of packets
};

// Two taps, in any order.
struct TapPair {
  std::uint32_t same_id = 0;   // recognised packets that kept their IP identification
  std::uint32_t other_id = 0;  // ... that did not
  // TCP connections that came through with their sequence numbers: whatever stands between
  // passes packets on, even if it writes a TTL of its own into them.
  std::uint32_t passed_tcp = 0;
  // The same before any of them is final, and of TCP connections that were ended in between and
  // opened anew, with their bytes.
  bool passes = false;
  bool relays = false;
  // By end: of its connections with bytes that none at the other had, those for which one of
  // the other's fits by time and volume.
  struct Fits {
    std::uint32_t searched = 0;
    std::uint32_t found = 0;
  };
  std::array<Fits, 2> fits;

  // The box between them copies IP identifications, so a different one is a different packet.
  bool keeps_ids() const { return same_id >= 16 && other_id * 20 <= same_id; }
};

class Taps {
 public:
  void add(const ClockEstimate& clock) {
    taps_.push_back({});
    taps_.back().clock = clock;
    // It captured from its first frame on, whether or not that belongs to a connection.
    if (clock.matches != 0) taps_.back().first = clock.to_reference(clock.anchor).ns();
    const std::size_t side = std::min(taps_.size(), kSide);
    if (side > side_) {
      std::vector<TapPair> wider(side * side);
      for (std::size_t a = 0; a < side_; ++a) {
        for (std::size_t b = 0; b < side_; ++b) wider[a * side + b] = pairs_[a * side_ + b];
      }
      pairs_.swap(wider);
      side_ = side;
    }
  }
  std::size_t size() const { return taps_.size(); }
  TapState& operator[](std::uint16_t tap) { return taps_[tap]; }
  const TapState& operator[](std::uint16_t tap) const { return taps_[tap]; }

  TapPair& pair(std::uint16_t a, std::uint16_t b) { return pairs_[index(a, b)]; }
  const TapPair& pair(std::uint16_t a, std::uint16_t b) const { return pairs_[index(a, b)]; }

  // Their times can be compared.
  bool related(std::uint16_t a, std::uint16_t b) const {
    return a == b || taps_[a].clock.group == taps_[b].clock.group;
  }
  // By how much times of the two may be wrong against each other.
  std::int64_t error_ns(std::uint16_t a, std::uint16_t b) const {
    return a == b ? 0 : taps_[a].clock.error_ns + taps_[b].clock.error_ns;
  }

  // A host stays on its side: which of the two taps its packets pass first, once one of its
  // connections told. By lower tap 0, else 1; -1 = not told.
  void note_side(std::uint16_t a, std::uint16_t b, const Address& host, int first) {
    if (hosts_.size() < kMostHosts) hosts_.emplace(host_key(a, b, host), first);
  }
  int side_of(std::uint16_t a, std::uint16_t b, const Address& host) const {
    const auto found = hosts_.find(host_key(a, b, host));
    return found == hosts_.end() ? -1 : found->second;
  }

 private:
  static constexpr std::size_t kMostHosts = std::size_t{1} << 16;
  static std::uint64_t host_key(std::uint16_t a, std::uint16_t b, const Address& host) {
    return content_hash(host.bytes(),
                        std::uint64_t{std::min(a, b)} << 16 | std::uint64_t{std::max(a, b)});
  }
  // Beyond this many taps (an `any` capture of a busy container host), pairs of taps share
  // states.
  static constexpr std::size_t kSide = 256;
  std::size_t index(std::uint16_t a, std::uint16_t b) const {
    return std::min(a, b) % side_ * side_ + std::max(a, b) % side_;
  }

  std::vector<TapState> taps_;
  std::vector<TapPair> pairs_;
  std::size_t side_ = 0;
  absl::flat_hash_map<std::uint64_t, int> hosts_;
};

}  // namespace natlens::correlate
