#include "segments.h"

#include <algorithm>
#include <array>

#include "natlens/net/address.h"

namespace natlens::replay {
namespace {

constexpr std::uint8_t kFin = 1;
constexpr std::uint8_t kPsh = 8;
constexpr std::uint8_t kCwr = 128;

bool is_v6(ByteView ip) {
  return (ip[0] >> 4) == 6;
}

std::size_t header_bytes(ByteView ip) {
  return is_v6(ip) ? 40 : (ip[0] & 15U) * 4U;
}

std::uint16_t pseudo_sum(ByteView ip, std::size_t header, std::uint8_t protocol) {
  const std::size_t length = ip.size() - header;
  const std::array<std::uint8_t, 4> tail{0, protocol, static_cast<std::uint8_t>(length >> 8),
                                         static_cast<std::uint8_t>(length)};
  return checksum_add(tail, checksum_add(is_v6(ip) ? ip.subspan(8, 32) : ip.subspan(12, 8)));
}

void set_checksum(std::vector<std::uint8_t>& ip,
                  std::size_t header,
                  std::size_t at,
                  std::uint8_t protocol) {
  store_be16(ip, at, 0);
  store_be16(ip, at, checksum(ByteView(ip).subspan(header), pseudo_sum(ip, header, protocol)));
}

}  // namespace

bool find_tcp(ByteView ip, TcpPlace& place) {
  if (ip.size() < 40 || ip[is_v6(ip) ? 6 : 9] != protocol::kTcp) {
    return false;
  }
  place.ip_header = header_bytes(ip);
  if (ip.size() < place.ip_header + 20 || (!is_v6(ip) && (load_be16(ip, 6) & 0x3fffU) != 0)) {
    return false;
  }
  place.data = place.ip_header + (ip[place.ip_header + 12] >> 4) * 4U;
  return place.data >= place.ip_header + 20 && place.data <= ip.size();
}

std::vector<std::vector<std::uint8_t>> segments_of(ByteView ip, std::size_t most) {
  std::vector<std::vector<std::uint8_t>> out;
  TcpPlace place;
  if (!find_tcp(ip, place)) {
    return out;
  }
  const std::size_t data = ip.size() - place.data;
  const std::uint32_t seq = load_be32(ip, place.ip_header + 4);
  for (std::size_t begin = 0; begin < data; begin += most) {
    const std::size_t bytes = std::min(most, data - begin);
    const ByteView head = ip.first(place.data);
    const ByteView part = ip.subspan(place.data + begin, bytes);
    std::vector<std::uint8_t> segment(head.begin(), head.end());
    segment.insert(segment.end(), part.begin(), part.end());
    const std::size_t tcp = place.ip_header;
    if (is_v6(ip)) {
      store_be16(segment, 4, static_cast<std::uint32_t>(segment.size() - 40));
    } else {
      store_be16(segment, 2, static_cast<std::uint32_t>(segment.size()));
      store_be16(segment, 4, load_be16(ip, 4) + static_cast<std::uint32_t>(out.size()));
      store_be16(segment, 10, 0);
      store_be16(segment, 10, checksum(ByteView(segment).first(tcp)));
    }
    const std::uint32_t number = seq + static_cast<std::uint32_t>(begin);
    store_be16(segment, tcp + 4, number >> 16);
    store_be16(segment, tcp + 6, number);
    const bool last = begin + bytes == data;
    const auto cleared =
        static_cast<std::uint8_t>((last ? 0 : kFin | kPsh) | (begin > 0 ? kCwr : 0));
    segment[tcp + 13] = static_cast<std::uint8_t>(segment[tcp + 13] & ~cleared);
    set_checksum(segment, tcp, tcp + 16, protocol::kTcp);
    out.push_back(std::move(segment));
  }
  return out;
}

void complete_checksum(std::vector<std::uint8_t>& ip) {
  if (ip.size() < 28) {
    return;
  }
  const std::size_t header = header_bytes(ip);
  const std::uint8_t protocol = ip[is_v6(ip) ? 6 : 9];
  const bool fragment = !is_v6(ip) && (load_be16(ip, 6) & 0x3fffU) != 0;
  const std::size_t offset = protocol == protocol::kTcp ? 16 : 6;
  const bool known = protocol == protocol::kTcp || protocol == protocol::kUdp;
  if (!known || fragment || header < 20 || ip.size() < header + offset + 2) {
    return;
  }
  if (load_be16(ip, header + offset) == pseudo_sum(ip, header, protocol)) {
    set_checksum(ip, header, header + offset, protocol);
  }
}

}  // namespace natlens::replay
