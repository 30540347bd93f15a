#include "natlens/stream/blocks.h"

#include <algorithm>
#include <cstring>

#include "digest.h"

namespace natlens::stream {
namespace {

// Early ones, so that short streams have some; later ones ever further apart, so that a long
// stream that was lost sight of is found again.
struct Block {
  std::uint32_t offset;
  std::uint32_t bytes;
};
constexpr auto kBlocks = std::to_array<Block>({{0, 16},
                                               {16, 48},
                                               {64, 64},
                                               {256, 64},
                                               {1024, 64},
                                               {4096, 64},
                                               {16384, 64},
                                               {65536, 64},
                                               {262144, 64},
                                               {1048576, 64}});

constexpr std::uint32_t kCutShort =
    0x80000000U;  // in the key: the stream ended within the block

}  // namespace

// One packet's bytes in the stream.
struct BlockReader::Segment {
  ByteView captured;
  std::uint32_t offset = 0;  // of its first byte
  std::uint32_t bytes = 0;   // on the wire
  Sighting sighting;         // all but what the block adds

  std::uint32_t end() const { return offset + bytes; }
  void append(const Block& block,
              ByteView content,
              std::uint32_t mark,
              std::vector<Sighting>& out) const {
    const auto length = static_cast<std::uint32_t>(content.size());
    Sighting found = sighting;
    found.seq = block.offset;
    found.payload_bytes = length;
    found.payload_digest = digest_of(content, block.offset);
    found.fingerprint = key_of(Salt::kBlock, found.payload_digest, length | mark);
    out.push_back(found);
  }
};

void BlockReader::read(const decode::Layer& layer,
                       const conntrack::Verdict& verdict,
                       Timestamp time,
                       std::uint32_t frame,
                       std::vector<Sighting>& out) {
  if (layer.transport != decode::TransportKind::kTcp || verdict.connection == 0) return;
  if (verdict.packet_class == conntrack::PacketClass::kInvalid) return;
  const bool syn = (layer.tcp.flags & decode::tcp_flag::kSyn) != 0;
  const bool fin = (layer.tcp.flags & decode::tcp_flag::kFin) != 0;
  if (!syn && !fin && layer.payload_wire_bytes == 0) return;
  const auto direction = static_cast<std::size_t>(verdict.direction);
  std::uint32_t slot = index_.find(0, verdict.connection);
  if (slot == kNoSlot) {
    if (!syn) return;
    slot = flows_.take();
    index_.insert(0, verdict.connection, slot);
  }
  Side& side = flows_[slot].side[direction];
  if (syn && side.next == Side::kNoBase) {
    side.base = layer.tcp.seq + 1;
    side.next = 0;
  }
  if (side.next >= kBlocks.size()) return;
  Segment segment;
  segment.captured = layer.payload;
  segment.offset = layer.tcp.seq + (syn ? 1 : 0) - side.base;
  segment.bytes = layer.payload_wire_bytes;
  if (segment.offset >= kCutShort) return;  // before the first byte: a keepalive
  segment.sighting.time = time;
  segment.sighting.connection = verdict.connection;
  segment.sighting.frame = frame;
  segment.sighting.direction = verdict.direction;
  segment.sighting.kind = SightingKind::kTcpBlock;
  segment.sighting.ttl = layer.ttl;
  segment.sighting.continued = true;  // the packet itself is counted already
  while (side.next < kBlocks.size() && fill(side, segment, out)) {
  }
  if (fin && side.have != 0) cut_short(side, segment, out);
}

bool BlockReader::fill(Side& side, const Segment& segment, std::vector<Sighting>& out) {
  const Block& block = kBlocks[side.next];
  const std::uint32_t wanted = block.offset + side.have;
  if (segment.end() <= wanted) return false;
  if (segment.offset > wanted) {  // a hole: this block is lost
    next_block(side);
    return true;
  }
  const std::uint32_t skip = wanted - segment.offset;
  const std::uint32_t missing = block.bytes - side.have;
  const std::uint32_t here = std::min(missing, segment.end() - wanted);
  if (segment.captured.size() < skip + here) {  // cut by the snap length
    next_block(side);
    return true;
  }
  const ByteView bytes = segment.captured.subspan(skip, here);
  if (here == block.bytes) {
    segment.append(block, bytes, 0, out);
    next_block(side);
    return true;
  }
  if (side.pending == kNoSlot) side.pending = bytes_.take();
  std::memcpy(bytes_[side.pending].data() + side.have, bytes.data(), here);
  side.have = static_cast<std::uint8_t>(side.have + here);
  if (side.have != block.bytes) return false;
  segment.append(block, ByteView(bytes_[side.pending]).first(side.have), 0, out);
  next_block(side);
  return true;
}

void BlockReader::cut_short(Side& side, const Segment& segment, std::vector<Sighting>& out) {
  const Block& block = kBlocks[side.next];
  if (segment.end() != block.offset + side.have) return;
  segment.append(block, ByteView(bytes_[side.pending]).first(side.have), kCutShort, out);
  next_block(side);
}

void BlockReader::next_block(Side& side) {
  if (side.pending != kNoSlot) bytes_.give(side.pending);
  side.pending = kNoSlot;
  side.have = 0;
  ++side.next;
}

void BlockReader::forget(std::uint32_t connection) {
  const std::uint32_t slot = index_.find(0, connection);
  if (slot == kNoSlot) return;
  for (const Side& side : flows_[slot].side) {
    if (side.pending != kNoSlot) bytes_.give(side.pending);
  }
  flows_.give(slot);
  index_.erase(0, connection);
}

}  // namespace natlens::stream
