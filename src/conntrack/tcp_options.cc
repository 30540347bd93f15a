#include "tcp_options.h"

#include <algorithm>
#include <cstring>

#include "tcp_segment.h"

namespace natlens::conntrack {
namespace {

constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNop = 1;
constexpr std::uint8_t kWindowScale = 3;
constexpr std::uint8_t kSackPermitted = 4;
constexpr std::uint8_t kSack = 5;
constexpr std::uint8_t kTimestamp = 8;
constexpr std::uint8_t kMaxWindowScale = 14;  // RFC 7323 2.3

// Calls visit(kind, data) for each option that is whole; a false answer ends the walk.
template <typename Visit>
void walk(ByteView options, Visit visit) {
  while (!options.empty()) {
    const std::uint8_t kind = options[0];
    if (kind == kEnd) {
      return;
    }
    if (kind == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) {
      return;
    }
    const std::size_t length = options[1];
    if (!visit(kind, options.subspan(2, length - 2))) {
      return;
    }
    options = options.subspan(length);
  }
}

// The usual options of an established connection: nothing but a timestamp.
bool only_timestamp(ByteView options) {
  constexpr std::uint8_t kAligned[4] = {kNop, kNop, kTimestamp, 10};
  return options.size() == 12 && std::memcmp(options.data(), kAligned, 4) == 0;
}

}  // namespace

SynOptions parse_syn_options(ByteView options) {
  SynOptions out;
  walk(options, [&out](std::uint8_t kind, ByteView data) {
    if (kind == kSackPermitted && data.empty()) {
      out.sack_permitted = true;
    } else if (kind == kWindowScale && data.size() == 1) {
      out.has_window_scale = true;
      out.window_scale = std::min(data[0], kMaxWindowScale);
    }
    return true;
  });
  return out;
}

std::uint32_t highest_sack(ByteView options, std::uint32_t ack) {
  std::uint32_t highest = ack;
  if (only_timestamp(options)) {
    return highest;
  }
  walk(options, [&highest](std::uint8_t kind, ByteView data) {
    if (kind != kSack || data.size() < 8 || data.size() % 8 != 0) {
      return true;
    }
    for (std::size_t i = 0; i < data.size(); i += 8) {
      const std::uint32_t right = load_be32(data, i + 4);
      if (after(right, highest)) {
        highest = right;
      }
    }
    return false;
  });
  return highest;
}

}  // namespace natlens::conntrack
