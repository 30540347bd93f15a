// What stands in front of each packet of a TUN device with offloads (struct virtio_net_hdr of
// linux/virtio_net.h, in the machine's byte order): a checksum that is still to be computed,
// and into which segments the packet is to be cut.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "natlens/net/bytes.h"

namespace natlens::replay {

struct VirtioHeader {
  static constexpr std::size_t kBytes = 10;
  static constexpr std::uint8_t kNeedsChecksum = 1;  // flags
  static constexpr std::uint8_t kGsoNone = 0;        // gso_type
  static constexpr std::uint8_t kGsoTcpV4 = 1;
  static constexpr std::uint8_t kGsoTcpV6 = 4;
  static constexpr std::uint8_t kGsoEcn = 0x80;

  std::uint8_t flags = 0;
  std::uint8_t gso_type = kGsoNone;
  std::uint16_t header_bytes = 0;   // of each segment: link, IP and transport
  std::uint16_t segment_bytes = 0;  // of payload
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;

  bool cut_later() const { return gso_type != kGsoNone; }
  bool needs_checksum() const { return (flags & kNeedsChecksum) != 0; }

  // REQUIRES: bytes.size() >= kBytes.
  static VirtioHeader load(ByteView bytes) {
    VirtioHeader header;
    header.flags = bytes[0];
    header.gso_type = bytes[1];
    std::memcpy(&header.header_bytes, bytes.data() + 2, 8);
    return header;
  }
  void store(std::span<std::uint8_t, kBytes> bytes) const {
    bytes[0] = flags;
    bytes[1] = gso_type;
    std::memcpy(bytes.data() + 2, &header_bytes, 8);
  }
};
static_assert(sizeof(VirtioHeader) == VirtioHeader::kBytes);

// The header of a packet that left for one that entered with `entered`: the same, but where the
// packet went from one family to the other, and where segments would be larger than the link
// takes. `grown`: bytes by which the IP header is longer now. REQUIRES: `out` is that packet,
// whole.
VirtioHeader header_of_left(const VirtioHeader& entered,
                            ByteView out,
                            int grown,
                            std::uint32_t mtu);

}  // namespace natlens::replay
