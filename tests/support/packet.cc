#include "support/packet.h"

#include <algorithm>
#include <cctype>

#include "natlens/net/bytes.h"

namespace natlens::test {
namespace {

void put16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

Bytes address(std::string_view text) {
  const Address parsed = Address::parse(text).value();
  return {parsed.bytes().begin(), parsed.bytes().end()};
}

std::size_t checksum_at(std::uint8_t number) {
  switch (number) {
    case protocol::kTcp:
      return 16;
    case protocol::kIcmp:
    case protocol::kIcmpv6:
      return 2;
    default:
      return 6;
  }
}

}  // namespace

Bytes hex(std::string_view text) {
  Bytes out;
  std::string digits;
  for (const char c : text) {
    if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits.push_back(c);
  }
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return out;
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes be16(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
Bytes be32(std::size_t value) {
  return be16(value >> 16) + be16(value & 0xffff);
}

Bytes filler(std::size_t count) {
  Bytes out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}

Bytes eth(std::uint16_t type, const Bytes& payload) {
  return hex("02 00 00 00 00 02  02 00 00 00 00 01") + be16(type) + payload;
}

Bytes vlan_tag(std::uint16_t id, std::uint16_t type, const Bytes& payload) {
  return be16(id) + be16(type) + payload;
}

Bytes ipv4(const Ipv4Header& h, const Bytes& payload) {
  const std::size_t header_bytes = 20 + h.options.size();
  Bytes out{static_cast<std::uint8_t>(0x40 | header_bytes / 4), h.tos};
  out = out +
        be16(h.total.value_or(static_cast<std::uint16_t>(header_bytes + payload.size()))) +
        be16(h.id) + be16(h.fragment) + Bytes{h.ttl, h.protocol, 0, 0} + address(h.src) +
        address(h.dst) + h.options;
  put16(out, 10, checksum(out));
  return out + payload;
}

Bytes ipv6(const Ipv6Header& h, const Bytes& payload) {
  return be32(0x60000000U | h.flow) +
         be16(h.payload_length.value_or(static_cast<std::uint16_t>(payload.size()))) +
         Bytes{h.next, h.hop_limit} + address(h.src) + address(h.dst) + payload;
}

Bytes fragment_header(std::uint8_t next, std::uint16_t offset, bool more, std::uint32_t id) {
  return Bytes{next, 0} + be16(offset | (more ? 1U : 0U)) + be32(id);
}

Bytes tcp(const TcpHeader& h, const Bytes& payload) {
  const std::size_t words = 5 + h.options.size() / 4;
  return be16(h.src) + be16(h.dst) + be32(h.seq) + be32(h.ack) + be16(words << 12 | h.flags) +
         be16(h.window) + be32(0) + h.options + payload;
}

Bytes udp(std::uint16_t src, std::uint16_t dst, const Bytes& payload) {
  return be16(src) + be16(dst) + be16(8 + payload.size()) + be16(0) + payload;
}

Bytes icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& body) {
  return Bytes{type, code, 0, 0} + be32(rest) + body;
}

Bytes with_l4_checksum(Bytes packet) {
  const bool v4 = packet[0] >> 4 == 4;
  const std::size_t l4 = v4 ? (packet[0] & 0xfU) * 4U : 40U;
  const std::uint8_t number = v4 ? packet[9] : packet[6];
  const std::size_t length = packet.size() - l4;
  std::uint16_t sum = 0;
  if (number != protocol::kIcmp) {
    const ByteView addresses =
        v4 ? ByteView(packet).subspan(12, 8) : ByteView(packet).subspan(8, 32);
    sum = checksum_add(be32(length) + be32(number), checksum_add(addresses));
  }
  const std::size_t field = l4 + checksum_at(number);
  put16(packet, field, 0);
  const std::uint16_t value = checksum(ByteView(packet).subspan(l4), sum);
  put16(packet, field, value == 0 && number == protocol::kUdp ? 0xffff : value);
  return packet;
}

capture::Frame frame_of(const Bytes& bytes, capture::LinkType link_type, std::size_t captured) {
  capture::Frame frame;
  frame.bytes = ByteView(bytes).first(std::min(captured, bytes.size()));
  frame.wire_bytes = static_cast<std::uint32_t>(bytes.size());
  frame.number = frame.ordinal = 1;
  frame.time = Timestamp::from_ns(1'000'000'000);
  frame.link_type = link_type;
  return frame;
}

}  // namespace natlens::test
