// How one TCP connection went, and what two courses say for one having come from the other.
#pragma once

#include <array>
#include <cstdint>

#include "natlens/correlate/records.h"
#include "natlens/net/slab.h"

namespace natlens::correlate {

// Reference clock, ns; 0 = did not happen.
struct Course {
  std::uint32_t slot = kNoSlot;
  std::int64_t answered = 0;                  // SYN and ACK of the other end
  std::int64_t ended = 0;                     // first FIN or RST, or the refusal
  std::array<std::uint32_t, 2> first_byte{};  // its sequence number, by Direction
  std::array<std::uint32_t, 2> bytes{};       // seen up to now, by Direction
  // In the chain of each end, and of its tap.
  std::array<std::uint32_t, 3> next{kNoSlot, kNoSlot, kNoSlot};
  std::array<std::uint32_t, 3> before{kNoSlot, kNoSlot, kNoSlot};
  std::uint32_t volume = kNoSlot;  // how its bytes came, once some did

  Outcome outcome() const {
    if (answered != 0) return ended != 0 ? Outcome::kClosed : Outcome::kOpen;
    return ended != 0 ? Outcome::kRefused : Outcome::kUnanswered;
  }
};

// A proxy that takes longer to open its own connection is not believed.
inline constexpr std::int64_t kReaction = 1'000'000'000;  // ns
inline constexpr int kNever = -100;

// Bits of two moments `gap` apart that could be anywhere within kReaction, or so long.
float closeness(std::int64_t gap, std::int64_t error, std::int64_t within = kReaction);

// Bits for what became of both; kNever if the proxy's cannot have come from the client's.
// `error`: of the two clocks, ns.
int outcome_bits(const Course& client, const Course& proxy, std::int64_t error);

}  // namespace natlens::correlate
