#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using decode::DecodeStop;
using decode::Encapsulation;

TEST_CASE("link: an unknown link type is unsupported, not an error", "[decode][link]") {
  const Decoded d(inner_ipv4(), 9999);
  CHECK(d.out.layer_count == 0);
  CHECK(d.out.stop == DecodeStop::kUnsupported);
}

TEST_CASE("link: addresses of the link, and the ethertype where there is no IP",
          "[decode][link]") {
  const Decoded ip(eth(0x0800, inner_ipv4()));
  CHECK(ip.out.src_mac == std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 1});
  CHECK(ip.out.dst_mac == std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 2});
  const Decoded lldp(eth(0x88cc, filler(50)));
  CHECK(lldp.out.ethertype == 0x88cc);
  CHECK(lldp.out.stop == DecodeStop::kUnsupported);
  const Decoded arp(eth(0x0806, hex("0001 0800 06 04 0001") + filler(20)));
  CHECK(arp.out.ethertype == 0x0806);
  CHECK(arp.out.stop == DecodeStop::kNone);
}

TEST_CASE("link: Ethernet padding and trailers are not payload", "[decode][link]") {
  const Decoded d(eth(0x0800, ipv4({}, udp(1, 2, filler(3)))) + Bytes(30, 0xee));
  CHECK(d.layer(0).payload.size() == 3);
  CHECK(d.layer(0).ip.size() == 31);
  CHECK(d.out.stop == DecodeStop::kNone);
}

TEST_CASE("link: a length in the type field bounds LLC; 1501 to 1535 is nothing",
          "[decode][link]") {
  const Bytes ip = inner_ipv4();
  const Decoded shorter(eth(10, hex("aa aa 03 00 00 00 08 00") + ip));
  CHECK(shorter.out.stop == DecodeStop::kMalformed);
  CHECK(Decoded(eth(1501, ip)).out.stop == DecodeStop::kMalformed);
}

TEST_CASE("link: priority tags are no VLAN; nine tags are too many", "[decode][link][zone]") {
  const Decoded priority(eth(0x8100, vlan_tag(0x6000, 0x0800, inner_ipv4())));
  CHECK(priority.layer(0).zone == 0);
  Bytes stacked = inner_ipv4();
  std::uint16_t type = 0x0800;
  for (int i = 0; i < 9; ++i) {
    stacked = vlan_tag(5, type, stacked);
    type = 0x8100;
    const Decoded d(eth(0x8100, stacked));
    CHECK(d.out.layer_count == (i < 8 ? 1 : 0));
    if (i == 8) CHECK(d.out.stop == DecodeStop::kDepth);
  }
}

TEST_CASE("link: VLAN ids make zones, the same in both directions", "[decode][link][zone]") {
  const auto zone = [](std::uint16_t id) {
    return Decoded(eth(0x8100, vlan_tag(id, 0x0800, inner_ipv4()))).layer(0).zone;
  };
  CHECK(zone(7) != 0);
  CHECK(zone(7) == zone(7));
  CHECK(zone(7) != zone(8));
  const Decoded untagged(eth(0x0800, inner_ipv4()));
  CHECK(untagged.layer(0).zone == 0);
}

TEST_CASE("link: cooked headers tell packet type, interface and address", "[decode][link]") {
  const Decoded d(hex("0800 0000 00000005 0001 04 06 0a0b0c0d0e0f 0000") + inner_ipv4(), 276);
  const auto& via = d.out.via(d.layer(0)).front();
  CHECK(via.key == 5);
  CHECK(via.flags == 4);
  CHECK(d.out.src_mac == std::array<std::uint8_t, 6>{0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f});
  const Decoded tagged(
      hex("0004 0001 0006 020000000001 0000 8100") + vlan_tag(9, 0x0800, inner_ipv4()), 113);
  CHECK(names(tagged.out.via(tagged.layer(0))) == "sll vlan");
  const Decoded netlink(hex("0004 0338 0000 0000000000000000 0000") + filler(20), 113);
  CHECK(netlink.out.stop == DecodeStop::kUnsupported);
}

TEST_CASE("link: the address family of NULL in either byte order, else the first nibble",
          "[decode][link]") {
  for (const char* family : {"02000000", "00000002", "18000000", "1c000000", "63000000"}) {
    CAPTURE(family);
    const bool v6 = family[0] == '1';
    const Decoded d(hex(family) + (v6 ? inner_ipv6() : inner_ipv4()), 0);
    REQUIRE(d.out.layer_count == 1);
    CHECK(d.layer(0).version == (v6 ? 6 : 4));
  }
}

TEST_CASE("link: NFLOG records in either byte order; without a payload nothing",
          "[decode][link]") {
  const Bytes ip = inner_ipv4();
  const Bytes big = hex("02000000 0008 0001 08000300") + be16(ip.size() + 4) + hex("0009") + ip;
  const Decoded d(big, 239);
  REQUIRE(d.out.layer_count == 1);
  CHECK(d.out.via(d.layer(0)).front().key == 3);  // hook
  CHECK(Decoded(hex("02000000 0800 0100 08000300"), 239).out.stop == DecodeStop::kUnsupported);
  CHECK(Decoded(hex("02000000 0200 0100 08000300"), 239).out.stop == DecodeStop::kMalformed);
}

TEST_CASE("link: 802.11 management frames and null functions carry nothing", "[decode][link]") {
  const Decoded beacon(hex("8000 0000") + Bytes(60, 0), 105);
  CHECK(beacon.out.stop == DecodeStop::kNone);
  CHECK(beacon.out.layer_count == 0);
  const Decoded closed(hex("0841 0000") + Bytes(60, 0), 105);
  CHECK(closed.out.stop == DecodeStop::kEncrypted);
}

TEST_CASE("link: PPP that is encrypted stays closed, control protocols end", "[decode][link]") {
  CHECK(Decoded(hex("ff03 00fd") + filler(20), 9).out.stop == DecodeStop::kEncrypted);
  CHECK(Decoded(hex("ff03 c021 01 01 0004"), 9).out.stop == DecodeStop::kNone);
  CHECK(Decoded(hex("003d 80000001 21") + inner_ipv4(), 9).out.stop == DecodeStop::kFragment);
  CHECK(Decoded(hex("003d c0000001 21") + inner_ipv4(), 9).out.layer_count == 1);
}

TEST_CASE("link: MPLS believes IP only where its lengths fit", "[decode][link][mpls]") {
  // A pseudowire without control word whose destination address begins with 4 and 6.
  for (const char* mac : {"46 00 00 00 00 02", "60 00 00 00 00 02"}) {
    CAPTURE(mac);
    const Bytes frame = hex(mac) + hex("02 00 00 00 00 01 08 00") + inner_ipv4();
    const Decoded d(eth(0x8847, be32(100 << 12 | 0x140) + frame));
    REQUIRE(d.out.layer_count == 1);
    CHECK(to_string(d.layer(0).src) == "10.1.0.1");
    CHECK(names(d.out.via(d.layer(0))) == "eth mpls eth");
  }
}
