#include "natlens/net/bytes.h"

#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using decode::ChecksumState;

namespace {

ChecksumState state_of(const Bytes& packet, std::size_t captured = SIZE_MAX) {
  return verify_l4_checksum(Decoded(packet, 101, captured).layer(0));
}

// The sum of the pseudo header in the checksum field, as a sender leaves it to its network
// card.
Bytes with_partial(Bytes packet, std::size_t field, std::size_t length) {
  const std::uint16_t sum = checksum_add(be32(length) + be32(packet[9]),
                                         checksum_add(ByteView(packet).subspan(12, 8)));
  packet[20 + field] = static_cast<std::uint8_t>(sum >> 8);
  packet[20 + field + 1] = static_cast<std::uint8_t>(sum);
  return packet;
}

}  // namespace

TEST_CASE("checksum: good, bad and unknown for each transport", "[decode][checksum]") {
  const Bytes packets[] = {
      with_l4_checksum(ipv4({.protocol = 6}, tcp({}, filler(101)))),
      with_l4_checksum(ipv4({.protocol = 17}, udp(1, 2, filler(100)))),
      with_l4_checksum(ipv4({.protocol = 1}, icmp(8, 0, 7, filler(99)))),
      with_l4_checksum(ipv6({.next = 6}, tcp({}, filler(101)))),
      with_l4_checksum(ipv6({.next = 17}, udp(1, 2, filler(100)))),
      with_l4_checksum(ipv6({.next = 58}, icmp(128, 0, 7, filler(99)))),
      with_l4_checksum(ipv4({.protocol = 136}, hex("0001 0002 0000 0000") + filler(33))),
  };
  for (Bytes packet : packets) {
    CAPTURE(packet.size());
    CHECK(state_of(packet) == ChecksumState::kGood);
    CHECK(state_of(packet, packet.size() - 1) == ChecksumState::kUnknown);
    packet.back() ^= 0x40;
    CHECK(state_of(packet) == ChecksumState::kBad);
  }
}

TEST_CASE("checksum: the pseudo header's sum alone is offload", "[decode][checksum]") {
  const Bytes packet = ipv4({.protocol = 6}, tcp({}, filler(100)));
  CHECK(state_of(with_partial(packet, 16, 120)) == ChecksumState::kPartial);
  CHECK(state_of(with_partial(packet, 16, 0)) ==
        ChecksumState::kPartial);  // segments still to be cut
  CHECK(state_of(with_partial(packet, 16, 121)) == ChecksumState::kBad);
}

TEST_CASE("checksum: UDP without one, and with bytes behind its length", "[decode][checksum]") {
  CHECK(state_of(ipv4({}, udp(1, 2, filler(8)))) == ChecksumState::kAbsent);
  const Bytes summed = with_l4_checksum(ipv4({}, udp(1, 2, filler(8))));
  const Bytes datagram(summed.begin() + 20, summed.end());
  CHECK(state_of(ipv4({}, datagram + filler(6))) == ChecksumState::kGood);
}

TEST_CASE("checksum: illegal coverage of UDP-Lite is bad", "[decode][checksum]") {
  for (const char* coverage : {"0001", "0007", "0100"}) {
    CHECK(state_of(ipv4({.protocol = 136}, hex("0001 0002") + hex(coverage) + hex("1234") +
                                               filler(8))) == ChecksumState::kBad);
  }
}

TEST_CASE("checksum: SCTP is CRC-32C, little endian", "[decode][checksum]") {
  // A heartbeat; the CRC was computed bit by bit (RFC 9260, appendix A).
  Bytes packet = hex("0bb8 0fa0 00000001 00000000 04 00 0008 0001 0004");
  std::uint32_t crc = 0xffffffffU;
  for (const std::uint8_t byte : packet) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  crc = ~crc;
  CHECK(state_of(ipv4({.protocol = 132}, packet)) ==
        ChecksumState::kPartial);  // 0: left to the card
  for (std::size_t i = 0; i < 4; ++i) packet[8 + i] = static_cast<std::uint8_t>(crc >> (8 * i));
  CHECK(state_of(ipv4({.protocol = 132}, packet)) == ChecksumState::kGood);
  packet[13] ^= 1;
  CHECK(state_of(ipv4({.protocol = 132}, packet)) == ChecksumState::kBad);
}

TEST_CASE("checksum: an IPv6 routing header's last address is what the sender summed",
          "[decode][checksum]") {
  const Bytes final_address = hex("20010db8000200000000000000000077");
  const Bytes plain =
      with_l4_checksum(ipv6({.dst = "2001:db8:2::77", .next = 6}, tcp({}, filler(20))));
  const Bytes segment(plain.begin() + 40, plain.end());
  const Bytes routing = hex("06 02 00 01 00000000") + final_address;
  CHECK(state_of(ipv6({.dst = "2001:db8:9::1", .next = 43}, routing + segment)) ==
        ChecksumState::kGood);
}

TEST_CASE("checksum: quotes and fragments cannot be judged", "[decode][checksum]") {
  const Bytes original = with_l4_checksum(ipv4({}, udp(1, 2, filler(8))));
  const Decoded d(ipv4({.protocol = 1}, icmp(3, 3, 0, original)), 101);
  CHECK(verify_l4_checksum(d.layer(1)) == ChecksumState::kUnknown);
  CHECK(state_of(ipv4({.fragment = 0x2000}, udp(1, 2, filler(8)))) == ChecksumState::kUnknown);
}
