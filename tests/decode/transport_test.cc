#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using decode::DecodeStop;
using decode::TransportKind;

TEST_CASE("tcp: fields and options", "[decode][tcp]") {
  const Bytes options = hex("02 04 05b4  01 03 03 07  04 02 08 0a 11223344 55667788");
  const Decoded d(ipv4({.protocol = 6}, tcp({.src = 1,
                                             .dst = 2,
                                             .seq = 3,
                                             .ack = 4,
                                             .flags = 0x112,
                                             .window = 5,
                                             .options = options},
                                            filler(9))),
                  101);
  const auto& layer = d.layer(0);
  REQUIRE(layer.transport == TransportKind::kTcp);
  CHECK(layer.src_port == 1);
  CHECK(layer.dst_port == 2);
  CHECK(layer.tcp.seq == 3);
  CHECK(layer.tcp.ack == 4);
  CHECK(layer.tcp.flags == 0x112);
  CHECK(layer.tcp.window == 5);
  CHECK(layer.tcp.header_bytes == 40);
  CHECK(layer.tcp.mss == 1460);
  CHECK(layer.tcp.window_scale == 7);
  CHECK(layer.tcp.sack_permitted);
  CHECK(layer.tcp.ts_value == 0x11223344);
  CHECK(layer.tcp.ts_echo == 0x55667788);
  CHECK(layer.payload_wire_bytes == 9);
}

TEST_CASE("tcp: an option that is too long ends the options, not the segment",
          "[decode][tcp]") {
  const Decoded d(
      ipv4({.protocol = 6}, tcp({.options = hex("02 04 05b4 08 20 0000")}, filler(9))), 101);
  CHECK(d.layer(0).tcp.mss == 1460);
  CHECK_FALSE(d.layer(0).tcp.has_timestamps);
  CHECK(d.layer(0).payload_wire_bytes == 9);
  CHECK(d.out.stop == DecodeStop::kNone);
}

TEST_CASE("tcp: a data offset below 5 or beyond the segment gives ports only",
          "[decode][tcp]") {
  Bytes segment = tcp({.src = 7}, filler(4));
  for (const std::uint8_t offset : Bytes{0x40, 0xf0}) {
    segment[12] = offset;
    const Decoded d(ipv4({.protocol = 6}, segment), 101);
    CHECK(d.layer(0).src_port == 7);
    CHECK(d.layer(0).transport == TransportKind::kNone);
    CHECK(d.out.stop == DecodeStop::kMalformed);
    CHECK(tuple_of(d.layer(0)).src_port == 0);
  }
}

TEST_CASE("udp: the length field bounds the payload", "[decode][udp]") {
  Bytes datagram = udp(1, 2, filler(10));
  struct Row {
    std::uint8_t length;
    std::uint32_t payload;
    DecodeStop stop;
  };
  for (const Row& row : {Row{18, 10, DecodeStop::kNone}, Row{12, 4, DecodeStop::kNone},
                         Row{0, 10, DecodeStop::kNone}, Row{40, 10, DecodeStop::kMalformed},
                         Row{7, 10, DecodeStop::kMalformed}}) {
    CAPTURE(int{row.length});
    datagram[5] = row.length;
    const Decoded d(ipv4({}, datagram), 101);
    CHECK(d.layer(0).transport == TransportKind::kUdp);
    CHECK(d.layer(0).payload_wire_bytes == row.payload);
    CHECK(d.out.stop == row.stop);
  }
}

TEST_CASE("udp-lite: the payload runs to the end of the packet whatever the coverage",
          "[decode][udplite]") {
  const Decoded d(ipv4({.protocol = 136}, hex("0001 0002 0008 0000") + filler(20)), 101);
  CHECK(d.layer(0).transport == TransportKind::kUdpLite);
  CHECK(d.layer(0).payload_wire_bytes == 20);
}

TEST_CASE("sctp and dccp: ports, tag, header length", "[decode][sctp][dccp]") {
  const Decoded s(ipv4({.protocol = 132}, hex("0001 0002 deadbeef 00000000") + filler(4)), 101);
  CHECK(s.layer(0).transport == TransportKind::kSctp);
  CHECK(s.layer(0).sctp_vtag == 0xdeadbeef);
  const Decoded c(
      ipv4({.protocol = 33}, hex("0001 0002 04 00 0000 01 00 0000 00000001") + filler(4)), 101);
  CHECK(c.layer(0).transport == TransportKind::kDccp);
  CHECK(c.layer(0).payload_wire_bytes == 4);
  const Decoded bad(ipv4({.protocol = 33}, hex("0001 0002 02 00 0000 01 00 0000 00000001")),
                    101);
  CHECK(bad.out.stop == DecodeStop::kMalformed);
}

TEST_CASE("icmp: queries have id and sequence", "[decode][icmp]") {
  const Decoded d(ipv4({.protocol = 1}, icmp(8, 0, 0x00070001, filler(32))), 101);
  const auto& layer = d.layer(0);
  CHECK(layer.icmp.id == 7);
  CHECK(layer.icmp.sequence == 1);
  CHECK_FALSE(layer.icmp.error);
  CHECK(tuple_of(layer).src_port == 7);
  CHECK(tuple_of(layer).dst_port == 0x0800);
}

TEST_CASE("icmp: an error quotes its packet, short as it may be", "[decode][icmp]") {
  const Bytes original = ipv4({.src = "192.0.2.1", .dst = "192.0.2.2", .protocol = 6},
                              tcp({.src = 10, .dst = 20, .seq = 77}, filler(500)));
  const Bytes quote(original.begin(),
                    original.begin() + 28);  // RFC 792: header and eight bytes
  const Decoded d(ipv4({.protocol = 1}, icmp(3, 1, 0, quote)), 101);
  REQUIRE(d.out.layer_count == 2);
  CHECK(d.layer(0).icmp.error);
  const auto& quoted = d.layer(1);
  CHECK(quoted.quoted);
  CHECK(quoted.src_port == 10);
  CHECK(quoted.tcp.seq == 77);
  CHECK(quoted.total_bytes == 540);
  CHECK(d.out.stop == DecodeStop::kNone);
}

TEST_CASE("icmp: a quoted datagram keeps the length that it was sent with", "[decode][icmp]") {
  const Bytes original = ipv4({}, udp(10, 20, filler(500)));
  const Bytes quote(original.begin(), original.begin() + 60);
  const Decoded d(ipv4({.protocol = 1}, icmp(11, 0, 0, quote)), 101);
  CHECK(d.layer(1).payload_wire_bytes == 500);
  CHECK(d.layer(1).payload.size() == 32);
}

TEST_CASE("icmp: RFC 4884 says where the quote ends", "[decode][icmp]") {
  const Bytes original = ipv4({}, udp(10, 20, filler(500)));
  const Bytes quote(original.begin(), original.begin() + 128);
  const Bytes extension = hex("2000 0000 0008 0101 00065140");
  const Decoded d(ipv4({.protocol = 1}, icmp(11, 0, 0x00200000, quote + extension)), 101);
  CHECK(d.layer(1).payload.size() == 100);
  const Decoded v6(ipv6({.next = 58}, icmp(3, 0, 0x10000000, Bytes(quote) + extension)), 101);
  CHECK(v6.layer(1).payload.size() == 100);
}

TEST_CASE("icmp: a tunnel inside a quote is quoted too", "[decode][icmp]") {
  const Bytes original = ipv4({.protocol = 47}, hex("0000 0800") + inner_ipv4());
  const Decoded d(ipv4({.protocol = 1}, icmp(11, 0, 0, original)), 101);
  REQUIRE(d.out.layer_count == 3);
  CHECK(d.layer(1).quoted);
  CHECK(d.layer(2).quoted);
  CHECK(d.layer(2).dst_port == 9999);
}

TEST_CASE("gre: the call id of PPTP is the tuple's key, plain GRE has none", "[decode][gre]") {
  const Decoded v1(ipv4({.protocol = 47}, hex("3001 880b 0004 0102 00000001 ff03c021")), 101);
  CHECK(tuple_of(v1.layer(0)).dst_port == 0x0102);
  CHECK(tuple_of(v1.layer(0)).src_port == 0);
  const Decoded v0(ipv4({.protocol = 47}, hex("2000 0800 00000007") + inner_ipv4()), 101);
  CHECK(tuple_of(v0.layer(0)).dst_port == 0);
}
