#include "natlens/stream/blocks.h"

#include <algorithm>
#include <array>

#include "natlens/net/serial_index.h"
#include "natlens/net/slab.h"

#include "digest.h"
#include "preamble.h"

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

struct Side {
  RunningDigest digest;    // of the block under way
  std::uint32_t base = 0;  // sequence number of offset 0
  Preamble preamble;
  std::uint8_t have = 0;        // how many bytes of the block are there
  std::uint8_t next = kNoBase;  // number of the next block
  static constexpr std::uint8_t kNoBase = 255;
};
struct Flow {
  std::array<Side, 2> side;  // by Direction
};
static_assert(sizeof(Flow) == 48);

// One packet's bytes in the stream.
struct Segment {
  ByteView captured;
  std::uint32_t offset = 0;  // of its first byte
  std::uint32_t bytes = 0;   // on the wire
  Sighting sighting;         // all but what the block adds

  std::uint32_t end() const { return offset + bytes; }
  // The side's block, as far as it is there.
  void append(const Side& side, std::uint32_t mark, std::vector<Sighting>& out) const {
    const std::uint32_t offset_of_block = kBlocks[side.next].offset;
    Sighting found = sighting;
    found.seq = offset_of_block;
    found.payload_bytes = side.have;
    found.payload_digest = side.digest.get(offset_of_block);
    found.fingerprint = key_of(Salt::kBlock, found.payload_digest, side.have | mark);
    out.push_back(found);
  }
};

// The bytes of the segment that are still missing of what is said to the proxy, or by it. True
// if it ends here.
bool read_preamble(Flow& flow, std::size_t direction, const Segment& segment) {
  Preamble& preamble = flow.side[direction].preamble;
  const Preamble::Kind asked =
      direction == 0 ? Preamble::Kind::kNone : flow.side[0].preamble.kind();
  std::uint32_t at = preamble.bytes();
  if (segment.end() <= at) return false;
  if (segment.offset > at || segment.captured.size() != segment.bytes) {
    preamble.give_up();
    return false;
  }
  for (; at != segment.end() && preamble.undecided(); ++at) {
    if (preamble.feed(segment.captured[at - segment.offset], asked)) return true;
  }
  return false;
}

}  // namespace

struct BlockReader::Impl {
  static void fill_all(Side& side, const Segment& segment, std::vector<Sighting>& out);
  // True if the block is complete or lost, and the next one's turn has come.
  static bool fill(Side& side, const Segment& segment, std::vector<Sighting>& out);
  static void cut_short(Side& side, const Segment& segment, std::vector<Sighting>& out);
  static void next_block(Side& side);
  static void begin_behind(Side& side, Segment& segment, std::vector<Sighting>& out);

  SerialIndex index;  // to flows; all under tap 0
  Slab<Flow> flows;
};

BlockReader::BlockReader() : impl_(std::make_unique<Impl>()) {}
BlockReader::~BlockReader() = default;
BlockReader::BlockReader(BlockReader&&) noexcept = default;

void BlockReader::prefetch_index(std::uint32_t connection) const {
  impl_->index.prefetch(0, connection);
}
void BlockReader::prefetch(std::uint32_t connection) const {
  const std::uint32_t slot = impl_->index.find(0, connection);
  if (slot != kNoSlot) prefetch_line(&impl_->flows[slot]);
}

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
  Impl& impl = *impl_;
  std::uint32_t slot = impl.index.find(0, verdict.connection);
  if (slot == kNoSlot) {
    if (!syn) return;
    slot = impl.flows.take();
    impl.index.insert(0, verdict.connection, slot);
  }
  Side& side = impl.flows[slot].side[direction];
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
  impl.fill_all(side, segment, out);
  if (side.preamble.undecided() && segment.bytes != 0 &&
      read_preamble(impl.flows[slot], direction, segment)) {
    impl.begin_behind(side, segment, out);
  }
  if (fin && side.have != 0) impl.cut_short(side, segment, out);
}

// What was said to the proxy ends within this segment: the stream begins behind it.
void BlockReader::Impl::begin_behind(Side& side, Segment& segment, std::vector<Sighting>& out) {
  const std::uint32_t said = side.preamble.bytes();
  const std::uint32_t here = said - segment.offset;
  side.digest = {};
  side.have = 0;
  side.next = 0;
  side.base += said;
  Sighting start = segment.sighting;
  start.kind = SightingKind::kRelayStart;
  start.seq = side.base;
  out.push_back(start);
  segment.captured = segment.captured.subspan(here);
  segment.offset = 0;
  segment.bytes -= here;
  fill_all(side, segment, out);
}

void BlockReader::Impl::fill_all(Side& side,
                                 const Segment& segment,
                                 std::vector<Sighting>& out) {
  while (side.next < kBlocks.size() && fill(side, segment, out)) {
  }
}

bool BlockReader::Impl::fill(Side& side, const Segment& segment, std::vector<Sighting>& out) {
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
  side.digest.add(segment.captured.subspan(skip, here));
  side.have = static_cast<std::uint8_t>(side.have + here);
  if (side.have != block.bytes) return false;
  segment.append(side, 0, out);
  next_block(side);
  return true;
}

void BlockReader::Impl::cut_short(Side& side,
                                  const Segment& segment,
                                  std::vector<Sighting>& out) {
  if (segment.end() != kBlocks[side.next].offset + side.have) return;
  segment.append(side, kCutShort, out);
  next_block(side);
}

void BlockReader::Impl::next_block(Side& side) {
  side.digest = {};
  side.have = 0;
  ++side.next;
}

void BlockReader::forget(std::uint32_t connection) {
  Impl& impl = *impl_;
  const std::uint32_t slot = impl.index.find(0, connection);
  if (slot == kNoSlot) return;
  impl.flows.give(slot);
  impl.index.erase(0, connection);
}

}  // namespace natlens::stream
