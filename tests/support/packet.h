// Packets written down header by header, innermost last:
//   eth(0x0800, ipv4({.protocol = 17}, udp(1000, 53, payload)))
// Lengths and checksums are filled in unless a field says otherwise.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/capture/records.h"
#include "natlens/net/address.h"

namespace natlens::test {

using Bytes = std::vector<std::uint8_t>;

Bytes hex(std::string_view text);  // "45 00 0a", blanks ignored
Bytes operator+(Bytes left, const Bytes& right);
Bytes be16(std::size_t value);
Bytes be32(std::size_t value);
Bytes filler(std::size_t count);  // 0, 1, 2...

Bytes eth(std::uint16_t type, const Bytes& payload);
Bytes vlan_tag(std::uint16_t id, std::uint16_t type, const Bytes& payload);

struct Ipv4Header {
  std::string_view src = "10.0.0.2";
  std::string_view dst = "192.0.2.9";
  std::uint8_t protocol = 17;
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t id = 7;
  std::uint16_t fragment = 0;               // flags and offset field as on the wire
  std::optional<std::uint16_t> total = {};  // default: the real length
  Bytes options = {};                       // multiple of 4
};
Bytes ipv4(const Ipv4Header& header, const Bytes& payload);

struct Ipv6Header {
  std::string_view src = "2001:db8::2";
  std::string_view dst = "2001:db8:1::9";
  std::uint8_t next = 17;
  std::uint8_t hop_limit = 64;
  std::uint32_t flow = 0;
  std::optional<std::uint16_t> payload_length = {};
};
Bytes ipv6(const Ipv6Header& header, const Bytes& payload);
Bytes fragment_header(std::uint8_t next, std::uint16_t offset, bool more, std::uint32_t id);

struct TcpHeader {
  std::uint16_t src = 40000;
  std::uint16_t dst = 443;
  std::uint32_t seq = 1000;
  std::uint32_t ack = 2000;
  std::uint16_t flags = 0x18;
  std::uint16_t window = 512;
  Bytes options = {};  // multiple of 4
};
Bytes tcp(const TcpHeader& header, const Bytes& payload);
Bytes udp(std::uint16_t src, std::uint16_t dst, const Bytes& payload);
Bytes icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& body);

// Writes the right checksum into the transport header of an IPv4 or IPv6 packet made above
// (TCP, UDP, UDP-Lite with full coverage, ICMP, ICMPv6), pseudo header included.
Bytes with_l4_checksum(Bytes packet);

// A frame over `bytes`, which it does not own, all of it captured unless `captured` says less.
capture::Frame frame_of(const Bytes& bytes,
                        capture::LinkType link_type = 1,
                        std::size_t captured = SIZE_MAX);

}  // namespace natlens::test
