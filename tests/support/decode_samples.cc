#include "support/decode_samples.h"

namespace natlens::test {
namespace {

Bytes outer(std::uint8_t number, const Bytes& payload) {
  return eth(0x0800,
             ipv4({.src = "198.51.100.1", .dst = "203.0.113.1", .protocol = number}, payload));
}

Bytes zeros(std::size_t count) {
  return Bytes(count, 0);
}

// Payload length and call id in the key, sequence and acknowledgement.
Bytes pptp(const Bytes& payload) {
  return hex("30 81 88 0b") + be16(payload.size()) + be16(0x0102) + be32(7) + be32(3) + payload;
}

Bytes nflog(const Bytes& packet) {
  const auto record = [](std::size_t length, std::uint8_t type, const Bytes& value) {
    return Bytes{static_cast<std::uint8_t>(length + 4),
                 static_cast<std::uint8_t>((length + 4) >> 8), type, 0} +
           value;
  };
  return hex("02 00 00 00") + record(4, 1, hex("08 00 03 00")) + record(4, 5, be32(9)) +
         record(3, 10, hex("61 62 00 00")) + record(packet.size(), 9, packet);
}

Bytes pktap(const Bytes& frame) {
  return hex("6c 00 00 00  01 00 00 00  01 00 00 00") + hex("75 74 75 6e 33") + zeros(19) +
         hex("02 00 00 00") + zeros(68) + frame;
}

Bytes ike(std::size_t length) {
  return hex("1122334455667788 8877665544332211 21 20 22 08 00000001") + be32(length) +
         zeros(length - 28);
}

void add_links(std::vector<Sample>& list) {
  const Bytes ip = inner_ipv4();
  const Bytes snap = hex("aa aa 03 00 00 00 08 00");
  list.push_back({"ethernet", 1, eth(0x0800, ip), 1, "eth", "", 0});
  list.push_back({"ethernet ipv6", 1, eth(0x86dd, inner_ipv6()), 1, "eth", "", 0});
  list.push_back({"vlan", 1, eth(0x8100, vlan_tag(0x6007, 0x0800, ip)), 1, "eth vlan", "", 7});
  list.push_back({"qinq", 1, eth(0x88a8, vlan_tag(100, 0x8100, vlan_tag(200, 0x0800, ip))), 1,
                  "eth ieee8021ad vlan", "", 200});
  list.push_back({"llc snap", 1, eth(static_cast<std::uint16_t>(8 + ip.size()), snap + ip), 1,
                  "eth llc", "", 0});
  list.push_back({"llc ip", 1,
                  eth(static_cast<std::uint16_t>(3 + ip.size()), hex("06 06 03") + ip), 1,
                  "eth llc", "", 0});
  list.push_back(
      {"arp", 1,
       eth(0x0806, hex("0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202")), 0,
       "", "eth arp", 0xc0000201});
  list.push_back(
      {"sll", 113, hex("0004 0001 0006 020000000001 0000 0800") + ip, 1, "sll", "", 0});
  list.push_back({"sll2", 276, hex("0800 0000 00000005 0001 04 06 020000000001 0000") + ip, 1,
                  "sll", "", 5});
  list.push_back({"raw", 101, ip, 1, "raw", "", 0});
  list.push_back({"null little endian", 0, hex("02000000") + ip, 1, "null", "", 2});
  list.push_back({"null ipv6 of darwin", 0, hex("1e000000") + inner_ipv6(), 1, "null", "", 30});
  list.push_back({"loop", 108, hex("00000002") + ip, 1, "null", "", 2});
  list.push_back({"ppp", 9, hex("ff03 0021") + ip, 1, "ppp", "", 0});
  list.push_back({"ppp short protocol", 9, hex("21") + ip, 1, "ppp", "", 0});
  list.push_back({"ppp hdlc, cisco", 50, hex("0f00 0800") + ip, 1, "", "", 0});
  list.push_back({"cisco hdlc", 104, hex("0f00 0800") + ip, 1, "", "", 0});
  list.push_back({"frame relay", 107, hex("1841 03 cc") + ip, 1, "", "", 0});
  list.push_back({"nflog", 239, nflog(ip), 1, "nflog", "", 3});
  list.push_back({"pktap", 258, pktap(eth(0x0800, ip)), 1, "pktap eth", "", 0});
  list.push_back({"enc", 109, hex("02000000 00001000 00000000") + ip, 1, "", "", 0});
  list.push_back({"802.11 data", 105, hex("0801 0000") + zeros(18) + hex("0000") + snap + ip, 1,
                  "wlan llc", "", 0});
  list.push_back({"radiotap, qos, fcs", 127,
                  hex("00 00 0900 02000000 10") + hex("8801 0000") + zeros(18) +
                      hex("0000 0000") + snap + ip + be32(0xdeadbeef),
                  1, "wlan llc", "", 0});
}

void add_layer_2(std::vector<Sample>& list) {
  const Bytes ip = inner_ipv4();
  list.push_back({"mpls", 1, eth(0x8847, be32(100 << 12) + be32(200 << 12 | 0x140) + ip), 1,
                  "eth mpls mpls", "", 200});
  list.push_back({"mpls pseudowire", 1, eth(0x8847, be32(100 << 12 | 0x140) + eth(0x0800, ip)),
                  1, "eth mpls eth", "", 0});
  list.push_back({"mpls control word", 1,
                  eth(0x8847, be32(100 << 12 | 0x140) + be32(0) + eth(0x0800, ip)), 1,
                  "eth mpls eth", "", 0});
  list.push_back(
      {"pppoe", 1,
       eth(0x8864, hex("11 00 1234") + be16(ip.size() + 2) + hex("0021") + ip + zeros(6)), 1,
       "eth pppoes ppp", "", 0});
  list.push_back({"802.1ah", 1, eth(0x88e7, hex("00 123456") + eth(0x0800, ip)), 1,
                  "eth ieee8021ah", "", 0x123456});
  list.push_back({"macsec in clear", 1,
                  eth(0x88e5, hex("20 00 00000009 0200000000010001 0800") + ip + zeros(16)), 1,
                  "eth macsec", "", 0x0200000000010001});
  list.push_back({"macsec closed", 1,
                  eth(0x88e5, hex("2c 00 00000009 0200000000010001") + zeros(64)), 0, "",
                  "eth macsec", 0x0200000000010001});
  list.push_back(
      {"nsh", 1, eth(0x894f, hex("0fc2 02 01 000123 fe") + ip), 1, "eth nsh", "", 0x123});
}

void add_ip_tunnels(std::vector<Sample>& list) {
  const Bytes ip = inner_ipv4();
  const Bytes frame = eth(0x0800, ip);
  list.push_back({"ipip", 1, outer(4, ip), 2, "ipip", "", 0});
  list.push_back({"6in4", 1, outer(41, inner_ipv6()), 2, "ipip", "", 0});
  list.push_back({"4in6 behind a destination option", 1,
                  eth(0x86dd, ipv6({.next = 60}, hex("04 00 04 01 04 01 01 00") + ip)), 2,
                  "ipip", "", 0});
  list.push_back({"etherip", 1, outer(97, hex("3000") + frame), 2, "etherip eth", "", 0});
  list.push_back({"gre", 1, outer(47, hex("0000 0800") + ip), 2, "gre", "", 0});
  list.push_back({"gre checksum, key, sequence", 1,
                  outer(47, hex("b000 0800 00000000 00000007 00000001") + ip), 2, "gre", "",
                  7});
  list.push_back(
      {"gre ethernet", 1, outer(47, hex("2000 6558 00001234") + frame), 2, "gre eth", "", 0});
  list.push_back({"pptp", 1, outer(47, pptp(hex("ff03 0021") + ip)), 2, "gre ppp", "", 0});
  list.push_back({"eoip", 1,
                  outer(47, hex("2001 6400") + be16(frame.size()) + hex("1900") + frame), 2,
                  "gre eth", "", 0});
  list.push_back(
      {"erspan I", 1, outer(47, hex("0000 88be") + frame), 2, "gre erspan eth", "", 0});
  list.push_back({"erspan II", 1,
                  outer(47, hex("1000 88be 00000001 1001 0065 00000000") + frame), 2,
                  "gre erspan eth", "", 0});
  list.push_back(
      {"erspan III with a platform header", 1,
       outer(47, hex("1000 22eb 00000001 2001 0065 00000000 0000 0001") + zeros(8) + frame), 2,
       "gre erspan eth", "", 0});
  list.push_back({"mpls in gre", 1, outer(47, hex("0000 8847") + be32(100 << 12 | 0x140) + ip),
                  2, "gre mpls", "", 100});
  list.push_back(
      {"mpls in ip", 1, outer(137, be32(100 << 12 | 0x140) + ip), 2, "mpls", "", 100});
  list.push_back({"ah", 1, outer(51, hex("04 04 0000 00001000 00000005") + zeros(12) + ip), 2,
                  "ah ipip", "", 0});
  list.push_back({"ah ipv6 transport", 1,
                  eth(0x86dd, ipv6({.next = 51}, hex("11 04 0000 00001000 00000005") +
                                                     zeros(12) + udp(1, 2, filler(4)))),
                  1, "eth", "ah", 0x1000});
  list.push_back(
      {"esp", 1, outer(50, hex("00001000 00000005") + zeros(40)), 1, "eth", "esp", 0x1000});
  list.push_back(
      {"l2tpv3 control in ip", 1, outer(115, be32(0) + zeros(12)), 1, "eth", "l2tp", 0});
}

void add_udp_tunnels(std::vector<Sample>& list) {
  const Bytes ip = inner_ipv4();
  const Bytes frame = eth(0x0800, ip);
  const auto add = [&](std::string_view name, std::uint16_t port, const Bytes& payload,
                       std::size_t layers, std::string_view via, std::string_view tail,
                       std::uint64_t key) {
    list.push_back({name, 1, outer_udp(50000, port, payload), layers, via, tail, key});
  };
  add("vxlan", 4789, hex("08000000 00002a00") + frame, 2, "vxlan eth", "", 0);
  add("vxlan-gpe", 4790, hex("0c000001 00002a00") + ip, 2, "vxlan", "", 42);
  add("nsh in vxlan-gpe", 4790, hex("0c000004 00002a00 0fc2 02 01 000123 fe") + ip, 2,
      "vxlan nsh", "", 0x123);
  add("geneve", 6081, hex("02000800 00002a00 0102030400000000") + ip, 2, "geneve", "", 42);
  add("gtp-u", 2152, hex("30ff") + be16(ip.size()) + be32(0x11223344) + ip, 2, "gtp", "",
      0x11223344);
  add("gtp-u with an extension", 2152,
      hex("36ff") + be16(ip.size() + 8) + be32(0x11223344) + hex("1235 00 85 01 10 05 00") + ip,
      2, "gtp", "", 0x11223344);
  add("gtp-u echo", 2152, hex("3201 0004 00000000 12340000"), 1, "eth", "gtp", 0);
  add("teredo with origin", 3544,
      hex("0000 f12a b9c82815") + ipv6({.src = "2001:0:4137:9e76::1"}, udp(1, 2, filler(4))), 2,
      "teredo", "", 0x4637d7ea);
  add("lisp", 4341, hex("c8123456 00000700") + ip, 2, "lisp-data", "", 7);
  add("lisp control", 4342, hex("80000000") + ip, 2, "lisp-data", "", 0);
  add("ayiya", 5072, hex("41 52 11 29 00000000") + zeros(16 + 20) + inner_ipv6(), 2, "ayiya",
      "", 0);
  add("gue", 6080, hex("00040000") + ip, 2, "gue ipip", "", 0);
  add("gue variant 1", 6080, ip, 2, "fou", "", 0);
  add("mpls in udp", 6635, be32(100 << 12 | 0x140) + ip, 2, "mpls", "", 100);
  add("gre in udp", 4754, hex("00000800") + ip, 2, "gre", "", 0);
  add("l2tpv2", 1701, hex("4002") + be16(12 + ip.size()) + hex("0007 0008 ff03 0021") + ip, 2,
      "l2tp ppp", "", 0);
  add("l2tpv2 control", 1701, hex("c802 000c 0007 0000 0000 0000"), 1, "eth", "l2tp", 0);
  add("ike", 500, ike(64), 1, "eth", "isakmp", 0x1122334455667788);
  add("ike behind the marker", 4500, be32(0) + ike(64), 1, "eth", "udpencap isakmp",
      0x1122334455667788);
  add("esp in udp", 4500, hex("00001000 00000005") + zeros(40), 1, "eth", "udpencap esp",
      0x1000);
  add("nat-t keepalive", 4500, hex("ff"), 1, "eth", "udpencap", 0);
  add("wireguard initiation", 51820, hex("01000000 78563412") + zeros(140), 1, "eth", "wg", 0);
  add("wireguard data", 51820, hex("04000000 78563412 0500000000000000") + zeros(32), 1, "eth",
      "wg", 0x12345678);
  add("openvpn reset", 1194, hex("38 1122334455667788 00 00000000"), 1, "eth", "openvpn",
      0x1122334455667788);
  add("openvpn tls-auth ack", 1194,
      hex("28 1122334455667788") + Bytes(20, 0xee) +
          hex("00000002 5f000000 01 00000000 8877665544332211"),
      1, "eth", "openvpn", 0x1122334455667788);
  add("openvpn data v2", 1194, hex("48 000005 00000009") + zeros(40), 1, "eth", "openvpn", 5);
}

}  // namespace

Bytes inner_ipv4() {
  return ipv4({.src = "10.1.0.1", .dst = "10.1.0.2"}, udp(40000, 9999, filler(12)));
}
Bytes inner_ipv6() {
  return ipv6({}, udp(40000, 9999, filler(12)));
}
Bytes outer_udp(std::uint16_t src_port, std::uint16_t dst_port, const Bytes& payload) {
  return outer(17, udp(src_port, dst_port, payload));
}

const std::vector<Sample>& samples() {
  static const std::vector<Sample> list = [] {
    std::vector<Sample> all;
    add_links(all);
    add_layer_2(all);
    add_ip_tunnels(all);
    add_udp_tunnels(all);
    all.push_back({"icmp error", 1,
                   eth(0x0800, ipv4({.protocol = 1}, icmp(3, 4, 1400, inner_ipv4()))), 2,
                   "icmp", "", 0});
    all.push_back({"icmpv6 error", 1,
                   eth(0x86dd, ipv6({.next = 58}, icmp(2, 0, 1280, inner_ipv6()))), 2, "icmpv6",
                   "", 0});
    return all;
  }();
  return list;
}

}  // namespace natlens::test
