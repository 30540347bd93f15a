#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using decode::ChecksumState;
using decode::DecodeStop;
using decode::TransportKind;

TEST_CASE("ipv4: header fields", "[decode][ipv4]") {
  const Decoded d(eth(
      0x0800, ipv4({.protocol = 17, .ttl = 9, .tos = 0xb8, .id = 0x1234, .fragment = 0x4000},
                   udp(1, 2, filler(4)))));
  const auto& layer = d.layer(0);
  CHECK(layer.version == 4);
  CHECK(layer.ttl == 9);
  CHECK(layer.tos == 0xb8);
  CHECK(layer.ip_id == 0x1234);
  CHECK(layer.dont_fragment);
  CHECK_FALSE(layer.fragment);
  CHECK(layer.total_bytes == 32);
  CHECK(layer.offset == 14);
  CHECK(layer.l4_offset == 34);
  CHECK(layer.ip_checksum == ChecksumState::kGood);
}

TEST_CASE("ipv4: header checksum good, bad, left to the card", "[decode][ipv4]") {
  Bytes packet = inner_ipv4();
  packet[10] ^= 1;
  CHECK(Decoded(packet, 101).layer(0).ip_checksum == ChecksumState::kBad);
  packet[10] = packet[11] = 0;
  CHECK(Decoded(packet, 101).layer(0).ip_checksum == ChecksumState::kAbsent);
}

TEST_CASE("ipv4: options are passed over", "[decode][ipv4]") {
  const Decoded d(ipv4({.options = hex("94 04 00 00  01 01 01 00")}, udp(5, 6, filler(2))),
                  101);
  CHECK(d.layer(0).src_port == 5);
  CHECK(d.layer(0).ip_checksum == ChecksumState::kGood);
}

TEST_CASE("ipv4: total length 0 is a segment left to the card to cut", "[decode][ipv4]") {
  const Decoded d(ipv4({.protocol = 6, .total = 0}, tcp({}, filler(3000))), 101);
  CHECK(d.out.stop == DecodeStop::kNone);
  CHECK(d.layer(0).total_bytes == 3040);
  CHECK(d.layer(0).payload_wire_bytes == 3000);
}

TEST_CASE("ipv4: lengths that contradict the packet", "[decode][ipv4]") {
  SECTION("a total length beyond the frame is told, what is there is read") {
    const Decoded d(ipv4({.total = 200}, udp(5, 6, filler(2))), 101);
    CHECK(d.out.stop == DecodeStop::kMalformed);
    CHECK(d.layer(0).src_port == 5);
    CHECK(d.layer(0).total_bytes == 200);
  }
  SECTION("a total length inside the header ends the layer") {
    const Decoded d(ipv4({.total = 12}, udp(5, 6, filler(2))), 101);
    CHECK(d.out.stop == DecodeStop::kMalformed);
    CHECK(d.out.layer_count == 1);
    CHECK(d.layer(0).transport == TransportKind::kNone);
  }
  SECTION("a header shorter than 20 bytes, or version 5, is no layer") {
    Bytes packet = inner_ipv4();
    packet[0] = 0x44;
    CHECK(Decoded(eth(0x0800, packet)).out.layer_count == 0);
    packet[0] = 0x55;
    CHECK(Decoded(eth(0x0800, packet)).out.stop == DecodeStop::kMalformed);
  }
}

TEST_CASE("ipv4: a protocol that is not read keeps its number", "[decode][ipv4]") {
  const Decoded d(ipv4({.protocol = 89}, filler(24)), 101);
  CHECK(d.layer(0).protocol == 89);
  CHECK(d.layer(0).transport == TransportKind::kNone);
  CHECK(d.out.stop == DecodeStop::kUnsupported);
  CHECK(tuple_of(d.layer(0)).src_port == 0);
}

TEST_CASE("ipv6: header fields", "[decode][ipv6]") {
  const Decoded d(ipv6({.hop_limit = 3, .flow = 0x0ab12345}, udp(1, 2, filler(4))), 101);
  CHECK(d.layer(0).flow_label == 0x12345);
  CHECK(d.layer(0).tos == 0xab);
  CHECK(d.layer(0).ttl == 3);
  CHECK(d.layer(0).total_bytes == 52);
}

TEST_CASE("ipv6: extension headers in any order", "[decode][ipv6]") {
  const Bytes hop = hex("3c 00 01 04 00000000");          // next: destination options
  const Bytes destination = hex("2b 00 01 04 00000000");  // next: routing
  const Bytes routing = hex("11 02 00 00 00000000") + Bytes(16, 0);
  const Decoded d(ipv6({.next = 0}, hop + destination + routing + udp(7, 8, filler(4))), 101);
  CHECK(d.layer(0).protocol == 17);
  CHECK(d.layer(0).src_port == 7);
  CHECK(d.layer(0).l4_offset == 40 + 8 + 8 + 24);
  CHECK(d.out.stop == DecodeStop::kNone);
}

TEST_CASE("ipv6: too many extension headers, and one beyond the packet", "[decode][ipv6]") {
  Bytes chain = udp(7, 8, filler(4));
  std::uint8_t next = 17;
  for (int i = 0; i < 20; ++i) {
    chain = Bytes{next, 0, 1, 4, 0, 0, 0, 0} + chain;
    next = 60;
  }
  CHECK(Decoded(ipv6({.next = 60}, chain), 101).out.stop == DecodeStop::kMalformed);
  CHECK(Decoded(ipv6({.next = 60}, hex("11 10 01 04 00000000")), 101).out.stop ==
        DecodeStop::kMalformed);
}

TEST_CASE("ipv6: no next header ends the packet", "[decode][ipv6]") {
  const Decoded d(ipv6({.next = 59}, {}), 101);
  CHECK(d.layer(0).protocol == 59);
  CHECK(d.out.stop == DecodeStop::kNone);
}

TEST_CASE("ipv6: payload length 0 is a jumbogram or left to the card to cut",
          "[decode][ipv6]") {
  const Bytes hop = hex("11 00 c2 04") + be32(8 + 70000);
  const Decoded jumbo(
      ipv6({.next = 0, .payload_length = 0}, hop + udp(1, 2, filler(70000 - 8))), 101);
  CHECK(jumbo.layer(0).total_bytes == 40 + 8 + 70000);
  const Decoded offload(ipv6({.next = 6, .payload_length = 0}, tcp({}, filler(4000))), 101);
  CHECK(offload.layer(0).payload_wire_bytes == 4000);
}

TEST_CASE("ipv6: an atomic fragment is a whole packet", "[decode][ipv6][fragment]") {
  const Decoded d(
      ipv6({.next = 44}, fragment_header(17, 0, false, 0xabcd) + udp(1, 2, filler(4))), 101);
  CHECK_FALSE(d.layer(0).fragment);
  CHECK(d.layer(0).ip_id == 0xabcd);
  CHECK(d.layer(0).src_port == 1);
}

TEST_CASE("ip: nested deeper than eight layers is depth", "[decode][hostile]") {
  Bytes packet = inner_ipv4();
  for (int i = 0; i < 12; ++i) packet = ipv4({.protocol = 4}, packet);
  const Decoded d(packet, 101);
  CHECK(d.out.layer_count == decode::kMaxLayers);
  CHECK(d.out.stop == DecodeStop::kDepth);
}

TEST_CASE("ip: labels without end are depth", "[decode][hostile]") {
  Bytes labels;
  for (int i = 0; i < 200; ++i) labels = labels + be32(16 << 12);
  const Decoded d(eth(0x8847, labels));
  CHECK(d.out.via_count == decode::kMaxVia);
  CHECK(d.out.stop == DecodeStop::kDepth);
}

TEST_CASE("ip: AH in IPv4 stays AH to conntrack, in IPv6 it is an extension header",
          "[decode][ah]") {
  const Bytes header = hex("11 04 0000 00001000 00000005") + Bytes(12, 0);
  const Decoded v4(ipv4({.protocol = 51}, header + udp(1, 2, filler(4))), 101);
  CHECK(v4.layer(0).protocol == 51);
  CHECK(v4.layer(0).transport == TransportKind::kUdp);
  CHECK(tuple_of(v4.layer(0)).dst_port == 0);
  const Decoded v6(ipv6({.next = 51}, header + udp(1, 2, filler(4))), 101);
  CHECK(v6.layer(0).protocol == 17);
  CHECK(tuple_of(v6.layer(0)).dst_port == 2);
}
