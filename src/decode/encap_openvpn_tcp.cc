// OpenVPN over TCP: packets behind their length, two bytes. A segment may hold several records,
// or the middle of one, so the sequence number at which the next record begins is kept for each
// direction. Via: as over UDP, but its offset is that of the length; extra = the record's
// length.
//
// A stream is OpenVPN by its port, or where both directions began with a hard reset. Where a
// segment was missed the next one is tried at its start. A record whose length or opcode is in
// the next segment has its Via there, with an offset as if all of it were.
#include "flow_memory.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kOpenvpn;
constexpr std::size_t kLengthBytes = 2;
// A record is at most 64 KiB, and segments that come again are at most a window behind.
constexpr std::uint32_t kMostAhead = 1U << 20;
constexpr unsigned kResetClientV2 = 7;
constexpr unsigned kResetServerV2 = 8;
constexpr unsigned kResetClientV3 = 10;
// Of a flow (both directions): hard resets seen. Of a direction: where its records begin.
constexpr FlowMemory::Reading kFlow{kName, 1};
constexpr FlowMemory::Reading kDirection{kName, 2};

// What `misfits` says of a direction.
constexpr std::uint8_t kInStep = 0;
constexpr std::uint8_t kLost = 1;
constexpr std::uint8_t kLengthSplit = 2;  // one byte of the length has passed: `count`
// The length has passed, and no more: its low byte is `count`, the high one in the bits below.
constexpr std::uint8_t kOpcodeSplit = 0x40;
constexpr std::size_t kLongest = 0x3fff;  // of such a record: more than any device sends

std::uint64_t direction_key(std::uint64_t flow, const Layer& layer) {
  return mix(flow, content_hash(layer.src.bytes(), layer.src_port) ^ 1U);
}

// A segment that is one hard reset: what either end sends first.
bool is_reset(const Cursor& at) {
  if (at.captured < kLengthBytes + 14 || at.be16(0) + kLengthBytes != at.wire) return false;
  const unsigned opcode = at.u8(2) >> 3U;
  return (at.u8(2) & 7U) == 0 && at.wire <= kLongestOpenvpnReset && at.be64(3) != 0 &&
         (opcode == kResetClientV2 || opcode == kResetServerV2 || opcode == kResetClientV3);
}

// May the segment begin with a record? The first two letters of a text would be a length of 16
// KiB and more, which no device sends.
bool may_begin(const Cursor& at) {
  return at.captured > kLengthBytes && at.be16(0) < 0x4000 &&
         openvpn_record_fits(at.u8(2), at.be16(0));
}

// `packet` is behind the length.
void add_record(Context& c, Cursor packet, std::size_t length) {
  // An offload frame may hold more records than a frame can tell.
  if (c.out.via_count == kMaxVia || packet.captured == 0) return;
  Via* via = c.add_via(kName);
  via->offset = static_cast<std::uint32_t>(packet.offset - kLengthBytes);
  packet.wire = static_cast<std::uint32_t>(length);
  packet.captured = std::min(packet.captured, packet.wire);
  if (!describe_openvpn(packet, *via)) c.note(DecodeStop::kEncrypted, kName);
  if (via->next != 0) via->next = static_cast<std::uint16_t>(via->next + kLengthBytes);
  via->extra = length;
}

void hold_length(FlowMemory::Entry& direction, std::size_t length) {
  direction.misfits =
      length > kLongest ? kLost : static_cast<std::uint8_t>(kOpcodeSplit | length >> 8U);
  direction.count = static_cast<std::uint8_t>(length);
}

// The records from the cursor on, which is at a length; notes where the next one begins.
void read_records(Context& c, std::uint32_t seq, FlowMemory::Entry& direction) {
  direction.misfits = kInStep;
  while (c.at.wire > 0) {
    if (c.at.wire == 1) {
      direction.misfits = c.at.captured == 1 ? kLengthSplit : kLost;
      direction.count = c.at.captured == 1 ? c.at.u8(0) : 0;
      seq += 1;
      break;
    }
    if (c.at.captured < kLengthBytes) {  // cut: what follows is anyone's guess
      direction.misfits = kLost;
      break;
    }
    const std::size_t length = c.at.be16(0);
    if (c.at.captured > kLengthBytes && !openvpn_record_fits(c.at.u8(2), length)) {
      direction.misfits = kLost;
      break;
    }
    if (c.at.wire == kLengthBytes) {
      hold_length(direction, length);
      seq += kLengthBytes;
      break;
    }
    Cursor packet = c.at;
    packet.skip(kLengthBytes);
    add_record(c, packet, length);
    seq += static_cast<std::uint32_t>(kLengthBytes + length);
    c.at.skip(std::min<std::size_t>(c.at.wire, kLengthBytes + length));
  }
  direction.next = seq;
}

// The rest of the record whose length, or half of it, ended the segment before: the cursor is
// behind what has passed, and is moved to the next record. False: that is not in this segment.
bool finish_record(Context& c, std::uint32_t& seq, FlowMemory::Entry& direction) {
  std::size_t length = std::size_t{direction.misfits & ~unsigned{kOpcodeSplit}} << 8U |
                       std::size_t{direction.count};
  if (direction.misfits == kLengthSplit) {
    length = std::size_t{direction.count} << 8U | c.at.u8(0);
    c.at.skip(1);
    direction.next = seq += 1;
    if (c.at.wire == 0) {
      hold_length(direction, length);
      return false;
    }
  }
  direction.misfits = kInStep;
  if (c.at.captured > 0 && !openvpn_record_fits(c.at.u8(0), length)) {
    direction.misfits = kLost;
    return false;
  }
  add_record(c, c.at, length);
  direction.next = seq + static_cast<std::uint32_t>(length);
  if (length >= c.at.wire) return false;
  c.at.skip(length);
  seq = direction.next;
  return true;
}

// Moves the cursor to the first record that begins in this segment. False: none does.
bool find_record(Context& c, std::uint32_t& seq, FlowMemory::Entry& direction) {
  if (direction.misfits == kLost) return may_begin(c.at);
  const std::uint32_t ahead = direction.next - seq;
  if (ahead > kMostAhead) {  // a gap, or another connection between the same ports
    direction.misfits = kLost;
    return find_record(c, seq, direction);
  }
  if (ahead >= c.at.wire) return false;
  const bool whole = direction.misfits == kInStep;
  if (!whole && ahead >= c.at.captured) return false;
  c.at.skip(ahead);
  seq += ahead;
  return whole || finish_record(c, seq, direction);
}

Step openvpn_stream(Context& c, std::uint64_t flow) {
  const Layer& layer = c.layer();
  const std::uint64_t key = direction_key(flow, layer);
  FlowMemory::Entry* direction = c.flows.find(key);
  if (direction == nullptr) {
    if (!may_begin(c.at)) return kFinished;
    direction = &c.flows.seen_again(key, kDirection);
    direction->misfits = kLost;
  }
  std::uint32_t seq = layer.tcp.seq;
  if (find_record(c, seq, *direction)) read_records(c, seq, *direction);
  return kFinished;
}

}  // namespace

Step tcp_payload(Context& c) {
  if (c.partial) return kFinished;
  const Layer& layer = c.layer();
  if (layer.src_port == kOpenvpnPort || layer.dst_port == kOpenvpnPort) {
    return openvpn_stream(c, flow_key(c, layer));
  }
  const bool reset = is_reset(c.at);
  if (!reset && !c.flows.streams) [[likely]]
    return kFinished;
  const std::uint64_t flow = flow_key(c, layer);
  if (reset) {
    FlowMemory::Entry* known = c.flows.find(flow);
    const auto opcode = static_cast<std::uint8_t>(c.at.u8(2) >> 3U);
    // `misfits` keeps which opcode was first: the other end answers with another.
    if (known == nullptr || known->reading != kFlow) {
      c.flows.seen_again(flow, kFlow).misfits = opcode;
    } else if (known->misfits != opcode && known->count == 1) {
      known->count = 2;
      c.flows.streams = true;
    }
  }
  const FlowMemory::Entry* known = c.flows.find(flow);
  if (known == nullptr || known->reading != kFlow || known->count < 2) return kFinished;
  return openvpn_stream(c, flow);
}

}  // namespace natlens::decode
