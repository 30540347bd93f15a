// One hypothesis: the inner packets of this tunnel are those of this tap, which is at this end
// of it, and lengths follow this form. It is tested with every outer packet, in bits: found
// where chance would hardly have put one, or missing. Two taps that have nothing to do with
// each other soon speak against themselves.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include "tunnel_align.h"
#include "tunnel_inner.h"
#include "tunnel_table.h"

namespace natlens::correlate {

// Who speaks with whom in an inner connection: hashes of the addresses, 0 if unknown.
struct InnerEnds {
  std::uint64_t src = 0;
  std::uint64_t dst = 0;
  std::uint32_t owner = UINT32_MAX;  // tunnel that it is in, if that is settled
  bool carrier = false;              // it is the carrier of an encrypted tunnel itself
  // Hypotheses that know it: tunnel, and number of the aligner in it.
  absl::InlinedVector<std::pair<std::uint32_t, std::uint32_t>, 1> known_to;
};

// What carried one direction of an inner connection, at one tap.
struct CarrierCount {
  ConnectionRef carrier;
  conntrack::Direction direction = conntrack::Direction::kOriginal;  // of the inner connection
  std::uint64_t key = 0;
  std::uint64_t packets = 0;
  std::int64_t first = 0;
  std::int64_t last = 0;
  stream::CarriedSizes sizes;
};

// An inner connection under one hypothesis.
struct InnerState {
  std::array<float, 2> bits{};              // that its original direction is in lane 0, 1
  std::array<std::uint32_t, 2> linked{};    // packets by Direction
  std::array<std::uint32_t, 2> unsure{};    // carried, but in which outer packet is not decided
  std::array<std::uint32_t, 2> unseen{};    // carried in one that no tap captured
  std::array<std::uint64_t, 2> overhead{};  // bytes of the outer packets over those inside
  std::vector<CarrierCount> carriers;
  std::vector<TunnelLink> links;  // if they are to be told

  unsigned lane_of_original() const { return bits[1] > bits[0] ? 1 : 0; }
  float lead() const { return std::abs(bits[0] - bits[1]); }
  bool oriented() const { return lead() > 4; }
};

class TunnelAligner {
 public:
  static constexpr float kAccept =
      40;  // bits from which the tap is believed to be the inner one
  static constexpr float kRefuse = -40;  // and at which it is dropped for a while
  static constexpr float kMargin = 3;    // by which a packet's choice must lead

  TunnelAligner(std::uint16_t tap, unsigned out_lane, const SizeRule& rule)
      : tap_(tap), out_lane_(out_lane), rule_(rule) {}

  // What it needs from outside, for one run of align().
  struct Context {
    InnerRing& ring;
    TunnelTable& tunnels;
    std::uint32_t tunnel;
    std::uint32_t number;  // of this aligner in the tunnel
    std::int64_t slack;    // clock error
    std::int64_t now;
    InnerEnds& (*ends)(void* of, std::uint16_t tap, std::uint32_t serial);
    void* ends_of;
    Alignment& alignment;
    bool keep_links;

    InnerEnds& ends_at(std::uint16_t tap, std::uint32_t serial) const {
      return ends(ends_of, tap, serial);
    }
  };
  // Aligns `rows` of one lane, in the sender's order; the first `final_rows` of them are
  // decided for good, the others only help.
  void align(const Context& context,
             unsigned lane,
             std::span<OuterPacket* const> rows,
             std::size_t final_rows);
  // The same for all rows, only to learn which addresses are on which side and what lags are
  // usual: before much is known, most choices are between packets of both directions.
  void rehearse(const Context& context,
                const std::array<std::span<OuterPacket* const>, 2>& lanes);
  // An outer packet that is linked was seen at another tap, too.
  void seen_again(const OuterLink& link,
                  const OuterPacket& outer,
                  const OuterSeen& seen,
                  std::uint64_t key,
                  bool keep_links);

  std::uint16_t tap() const { return tap_; }
  unsigned out_lane() const { return out_lane_; }
  bool accepted() const { return accepted_; }
  bool dormant(std::int64_t now) const { return now < dormant_until_; }
  float bits() const { return bits_; }
  const SizeRule& rule() const { return rule_; }
  InnerState* find(std::uint32_t serial) {
    const auto found = states_.find(serial);
    return found == states_.end() ? nullptr : &found->second;
  }
  void forget(std::uint32_t serial) { states_.erase(serial); }
  // Another hypothesis about the same tap won.
  void drop();
  bool dropped() const { return dropped_; }
  std::size_t states() const { return states_.size(); }
  void accept() { accepted_ = true; }
  // Bits that a further connection of this tap is in the tunnel, by those decided before.
  float prior() const;
  void decided(bool inside) { ++(inside ? inside_ : outside_); }

 private:
  static constexpr std::size_t kMostStates = 1U << 16;
  static constexpr std::size_t kMostCarriers = 64;
  static constexpr std::size_t kMostInner = 2048;

  void gather_outer(const Context& context, std::span<OuterPacket* const> rows);
  void add_holes(const Context& context, const OuterPacket& outer, const AlignedOuter& row);
  AlignedOuter row_of(const Context& context, const OuterPacket& outer) const;
  void gather_inner(const Context& context, unsigned lane);
  void add_inner(const Context& context, unsigned lane, std::uint64_t number);
  void unseen(const Context& context, const Choice& choice);
  void judge(const Context& context, unsigned lane, std::size_t row, const Choice& choice);
  void link(const Context& context,
            unsigned lane,
            std::size_t row,
            std::uint64_t number,
            bool sure,
            float bits);
  void passed_over(const Context& context, unsigned lane, std::uint64_t until);
  float surprise(const AlignedOuter& row, std::int64_t lag) const;
  int side(const InnerEnds& ends) const;
  void learn_side(const InnerEnds& ends, const InnerState& state);

  const std::uint16_t tap_;
  const unsigned out_lane_;  // the lane in which inner packets come first
  const SizeRule rule_;
  float bits_ = 0;
  bool accepted_ = false;
  bool dropped_ = false;
  std::int64_t dormant_until_ = INT64_MIN;
  std::int64_t typical_ns_ = 1'000'000;  // lag, a running mean
  std::uint64_t inside_ = 0;
  std::uint64_t outside_ = 0;
  std::array<std::uint64_t, 2> cursor_{};  // inner packets before this one are past, by lane
  absl::flat_hash_map<std::uint32_t, InnerState> states_;
  absl::flat_hash_map<std::uint64_t, int> near_;  // address: whether it sends into out_lane_
  bool rehearsing_ = false;
  // Of one run; kept for their capacity.
  LagModel lags_;
  std::int64_t usual_ns_ = 0;  // typical_ns_ as it began
  std::vector<AlignedInner> inner_;
  std::vector<std::uint64_t> inner_numbers_;
  absl::flat_hash_map<std::uint32_t, std::uint32_t> inner_sizes_;  // padded length: packets
  std::vector<AlignedOuter> outer_;
  std::vector<OuterPacket*> outer_packets_;  // nullptr: a hole
};

}  // namespace natlens::correlate
