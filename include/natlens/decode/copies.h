// Copies: the same IP packet more than once at one tap. A mirror port of a switch shows what
// enters by one port and leaves by another, an `any` capture what a bridge hands on, a router's
// link what goes back out of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "natlens/capture/records.h"
#include "natlens/decode/records.h"
#include "natlens/net/timestamp.h"

namespace natlens::decode {

// Belongs to one tap, whose frames it gets in order. Decides by the frames up to this one.
class CopyFinder {
 public:
  // Is this frame a copy of an earlier one, to be left out of tracking? Copies are equal in all
  // but MAC, VLAN, TTL and checksums, within 20 ms, the TTL the same or one lower. They are
  // taken for copies, and not for repetitions by their sender, if the tap shows them as a habit
  // (more than a tenth of its first 1000 packets), or if the frame runs in the opposite
  // direction. A tap without any among its first 1000 packets is not watched further.
  bool is_copy(const DecodedFrame& decoded, const capture::Frame& frame, Timestamp time);
  std::uint64_t copies() const { return copies_; }

 private:
  struct Seen {
    std::uint64_t key = 0;
    std::int64_t time = 0;
    std::uint32_t dst_mac = 0;  // its last four bytes
    std::uint8_t ttl = 0;
    capture::FrameDirection direction = capture::FrameDirection::kUnknown;
  };
  static constexpr std::size_t kSeen = 2048;
  static constexpr std::uint32_t kFirstPackets = 1000;
  static constexpr std::uint32_t kFewest = 8;  // before a tenth of them is a habit

  void learn(bool alike);

  std::vector<Seen> seen_;  // by key; a newer packet takes the place
  std::uint64_t copies_ = 0;
  std::uint32_t packets_ = 0;
  std::uint32_t alike_ = 0;
  bool habit_ = false;
  bool watching_ = true;
};

}  // namespace natlens::decode
