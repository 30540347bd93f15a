#include "virtio_header.h"

#include <array>

#include "support/catch.h"
#include "support/packet.h"

namespace natlens::replay {
namespace {

using namespace test;

constexpr std::uint32_t kMtu = 1500;

// 3000 bytes of TCP that the card was to cut into segments of 1448.
VirtioHeader large_tcp() {
  VirtioHeader header;
  header.flags = VirtioHeader::kNeedsChecksum;
  header.gso_type = VirtioHeader::kGsoTcpV4 | VirtioHeader::kGsoEcn;
  header.header_bytes = 52;
  header.segment_bytes = 1448;
  header.checksum_start = 20;
  header.checksum_offset = 16;
  return header;
}

Bytes packet_v4(std::size_t payload) {
  return ipv4({.protocol = 6}, tcp({}, filler(payload)));
}

TEST_CASE("virtio: what is written is what was read", "[replay][virtio]") {
  const VirtioHeader header = large_tcp();
  std::array<std::uint8_t, VirtioHeader::kBytes> bytes{};
  header.store(bytes);
  CHECK(bytes[0] == 1);
  CHECK(bytes[1] == 0x81);
  const VirtioHeader again = VirtioHeader::load(bytes);
  CHECK(again.segment_bytes == 1448);
  CHECK(again.checksum_offset == 16);
}

TEST_CASE("virtio: a packet that stays in its family keeps its header", "[replay][virtio]") {
  VirtioHeader entered = large_tcp();
  entered.flags |= 2;  // the checksum was good, of what came in
  const VirtioHeader left = header_of_left(entered, packet_v4(3000), 0, kMtu);
  CHECK(left.flags == VirtioHeader::kNeedsChecksum);
  CHECK(left.gso_type == entered.gso_type);
  CHECK(left.segment_bytes == 1448);
  CHECK(left.checksum_start == 20);
}

TEST_CASE("virtio: in the other family the segments have room for its header",
          "[replay][virtio]") {
  const Bytes out = ipv6({.next = 6}, tcp({}, filler(3000)));
  const VirtioHeader left = header_of_left(large_tcp(), out, 20, kMtu);
  CHECK(left.gso_type == (VirtioHeader::kGsoTcpV6 | VirtioHeader::kGsoEcn));
  CHECK(left.header_bytes == 72);
  CHECK(left.segment_bytes == kMtu - 72);
  CHECK(left.checksum_start == 40);
}

TEST_CASE("virtio: what fits into one segment is not to be cut", "[replay][virtio]") {
  const VirtioHeader left = header_of_left(large_tcp(), packet_v4(900), 0, kMtu);
  CHECK_FALSE(left.cut_later());
  CHECK(left.needs_checksum());
  CHECK(left.segment_bytes == 0);
}

}  // namespace
}  // namespace natlens::replay
