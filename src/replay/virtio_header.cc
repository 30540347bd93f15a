#include "virtio_header.h"

#include <algorithm>

namespace natlens::replay {

VirtioHeader header_of_left(const VirtioHeader& entered,
                            ByteView out,
                            int grown,
                            std::uint32_t mtu) {
  VirtioHeader header = entered;
  // Whether a checksum was good is not known of what was changed since.
  header.flags = entered.flags & VirtioHeader::kNeedsChecksum;
  const auto moved = [grown](std::uint16_t at) {
    return static_cast<std::uint16_t>(std::max(0, at + grown));
  };
  if (header.needs_checksum()) header.checksum_start = moved(header.checksum_start);
  if (!header.cut_later()) return header;
  header.header_bytes = moved(header.header_bytes);
  if (grown != 0) {
    const bool v6 = (out[0] >> 4) == 6;
    header.gso_type =
        static_cast<std::uint8_t>((entered.gso_type & VirtioHeader::kGsoEcn) |
                                  (v6 ? VirtioHeader::kGsoTcpV6 : VirtioHeader::kGsoTcpV4));
  }
  const std::uint32_t room = mtu > header.header_bytes ? mtu - header.header_bytes : 0;
  if (room != 0 && header.segment_bytes > room) {
    header.segment_bytes = static_cast<std::uint16_t>(room);
  }
  if (out.size() <= std::size_t{header.header_bytes} + header.segment_bytes) {
    header.gso_type = VirtioHeader::kGsoNone;
    header.segment_bytes = header.header_bytes = 0;
  }
  return header;
}

}  // namespace natlens::replay
