// What one simulated connection does: which packet comes next, and when.
#pragma once

#include <array>
#include <cstdint>

#include "nat_box.h"
#include "random.h"

namespace natlens::bench {

// Index of everything that exists once per direction. Up: from the inside client.
enum class Direction : std::uint8_t { kUp = 0, kDown = 1 };
constexpr std::size_t index(Direction d) {
  return static_cast<std::size_t>(d);
}
constexpr Direction other(Direction d) {
  return d == Direction::kUp ? Direction::kDown : Direction::kUp;
}

enum class Outcome : std::uint8_t { kNormal, kRefused, kHalfOpen, kReset, kDns };
enum class Stage : std::uint8_t {
  kOpen,
  kAnswer,
  kEstablish,
  kTransfer,
  kCloseAnswer,
  kCloseEnd,
  kDone
};

// One packet to come, before the box and the taps see it.
struct Step {
  Direction direction = Direction::kUp;
  std::uint8_t tcp_flags = 0;
  std::uint8_t segments = 1;  // more than one: a frame of segmentation offload at the inside
  std::uint32_t payload_bytes = 0;  // of each segment
  std::uint64_t payload_seed = 0;
};

// What truth.jsonl says of one life of a mapping; indexes: inside tap, outside tap.
struct Life {
  std::uint64_t start_ns = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::array<std::uint32_t, 2> packets{};
  bool common = false;  // a packet of it stands in both captures
};

struct Connection {
  Wire inside;
  Wire outside;
  Step step;  // the next packet
  Life life;
  Outcome outcome = Outcome::kNormal;
  Stage stage = Stage::kOpen;
  bool forgetful = false;       // the box will forget its mapping half way
  bool ack_owed = false;        // by the receiver of the last data
  std::uint32_t left = 0;       // packets of kTransfer to come; retries when half open
  std::uint32_t forget_at = 0;  // with that many left
  std::uint16_t icmp_seq = 0;
  std::uint8_t hops = 0;                 // between the box and the server
  std::array<std::uint32_t, 2> seq{};    // next number that each side sends
  std::array<std::uint32_t, 2> shift{};  // what the box adds to it
  std::array<std::uint16_t, 2> ip_id{};
  std::array<std::uint32_t, 2> ts_base{};
  std::array<std::uint32_t, 2> ts_last{};      // what the other side echoes
  std::array<std::uint64_t, 2> last_out_ns{};  // the box keeps the order of each direction
  std::uint64_t arrived_ns = 0;                // the latest arrival of any packet so far
  double rtt_seconds = 0;
  double think_seconds = 0;
};

struct ScriptOptions {
  bool worst = false;  // short packets, few of them; else a mix as on a home line
  double packets_mean = 50;
  double life_seconds = 20;
  std::uint32_t payload_values = 0;  // 0: every payload its own
  bool segmentation_offload = false;
};

class Script {
 public:
  explicit Script(const ScriptOptions& options) : options_(options) {}

  // Protocol, outcome, length and first step of a new connection; addresses are the caller's.
  void begin(Connection& connection, Random& random) const;
  // After `step` was sent: the next one, and the seconds until then. At the end stage is kDone.
  double advance(Connection& connection, Random& random) const;

 private:
  double advance_tcp(Connection& connection, Random& random) const;
  double transfer(Connection& connection, Random& random) const;
  double close(Connection& connection, Random& random) const;
  double advance_datagrams(Connection& connection, Random& random) const;
  void set_payload(Connection& connection, Random& random) const;
  std::uint32_t payload_bytes(const Connection& connection, Random& random) const;
  std::uint32_t length(Outcome outcome, std::uint8_t protocol, Random& random) const;

  ScriptOptions options_;
};

}  // namespace natlens::bench
