// NAT64 and prefix translation: whole packets in, whole packets out.
#include <memory>
#include <string>
#include <vector>

#include "natlens/decode/decoder.h"
#include "natlens/ruleset/router.h"

#include "rule_lines.h"
#include "support/packet.h"

namespace natlens::ruleset {
namespace {

using namespace test;

struct Silent : conntrack::Sink {
  void opened(const conntrack::Opened&) override {}
  void event(const conntrack::Event&) override {}
  void closed(const conntrack::Closed&) override {}
};

constexpr capture::LinkType kRawIp = 101;
constexpr unsigned kInside = 0;
constexpr unsigned kOutside = 1;

constexpr const char* kNat64 = "nat64 {\n  prefix 64:ff9b::/96\n  pool 192.0.2.1\n}\n";
constexpr const char* kNpt = "npt { inside fd01:203:405::/48; outside 2001:db8:1::/48 }\n";

// A router with fd01:203:405::/48 inside and everything else outside.
class Box {
 public:
  explicit Box(const std::string& text) : rules_(rules_of(text)) {
    RouterSetup setup;
    setup.interfaces = {{"lan0", {*parse_prefix("fd01:203:405::/48")}, {}},
                        {"wan0",
                         {*parse_prefix("0.0.0.0/0"), *parse_prefix("::/0")},
                         {*Address::parse("198.51.100.1"), *Address::parse("2001:db8:f::1")}}};
    router_ = std::make_unique<Router>(rules_, setup, conntrack::Options(), sink_);
  }
  // The packets that leave for this one.
  std::vector<Bytes> send(unsigned side, const Bytes& ip) {
    seconds_ += 1;
    decoder_.decode(frame_of(ip, kRawIp), decoded_);
    const auto layers = decoded_.layers();
    REQUIRE(!layers.empty());
    conntrack::Packet packet;
    packet.layer = &layers[0];
    packet.quoted = layers.size() > 1 && layers[1].quoted ? &layers[1] : nullptr;
    packet.time = Timestamp::from_ns(std::int64_t{seconds_} * 1'000'000'000);
    router_->pass(packet, side, passed);
    std::vector<Bytes> out;
    for (const Emitted& emitted : passed.out) out.push_back(emitted.ip);
    return out;
  }
  Bytes one(unsigned side, const Bytes& ip) {
    const auto out = send(side, ip);
    INFO(to_string(passed.fate));
    REQUIRE(out.size() == 1);
    return out.front();
  }
  void wait(unsigned seconds) { seconds_ += seconds; }
  Passed passed;

 private:
  Ruleset rules_;
  Silent sink_;
  std::unique_ptr<Router> router_;
  decode::Decoder decoder_;
  decode::DecodedFrame decoded_;
  unsigned seconds_ = 0;
};

Bytes v6(std::string_view src,
         std::string_view dst,
         std::uint8_t next,
         const Bytes& body,
         std::uint8_t hops = 64) {
  return with_l4_checksum(
      ipv6({.src = src, .dst = dst, .next = next, .hop_limit = hops}, body));
}
// As a translator makes it: small packets may be fragmented.
Bytes v4(std::string_view src,
         std::string_view dst,
         std::uint8_t protocol,
         const Bytes& body,
         std::uint8_t ttl = 64,
         std::uint16_t id = 7) {
  return with_l4_checksum(
      ipv4({.src = src, .dst = dst, .protocol = protocol, .ttl = ttl, .id = id}, body));
}

std::string ends_of(const Bytes& ipv6) {
  const ByteView view(ipv6);
  return to_string(Address::v6(view.subspan(8).first<16>())) + " > " +
         to_string(Address::v6(view.subspan(24).first<16>()));
}

constexpr const char* kHost = "fd01:203:405:1::1234";
constexpr const char* kServer = "64:ff9b::203.0.113.9";
constexpr std::uint16_t kSyn = 2;
constexpr std::uint16_t kSynAck = 18;

}  // namespace

TEST_CASE("nat64: a connection there and back, every byte", "[ruleset]") {
  Box box(kNat64);
  CHECK(box.one(kInside, v6(kHost, kServer, 6, tcp({40001, 443, 1, 0, kSyn}, {}))) ==
        v4("192.0.2.1", "203.0.113.9", 6, tcp({40001, 443, 1, 0, kSyn}, {}), 63, 1));
  CHECK(box.passed.fate == Fate::kForwarded);
  CHECK(to_string(box.passed.after) == "tcp 192.0.2.1:40001 > 203.0.113.9:443");
  CHECK(box.one(kOutside,
                v4("203.0.113.9", "192.0.2.1", 6, tcp({443, 40001, 9, 2, kSynAck}, {}))) ==
        v6(kServer, kHost, 6, tcp({443, 40001, 9, 2, kSynAck}, {}), 63));
}

TEST_CASE("nat64: an end keeps its port, else gets one of the same parity", "[ruleset]") {
  Box box(kNat64);
  const auto port_of = [&](const char* host) {
    const Bytes out = box.one(kInside, v6(host, kServer, 17, udp(5001, 53, filler(4))));
    return load_be16(out, 20);
  };
  CHECK(port_of(kHost) == 5001);
  CHECK(port_of("fd01:203:405:1::5") == 5003);
  CHECK(port_of(kHost) == 5001);
  box.wait(400);  // RFC 6146 4: 5 minutes
  CHECK(port_of("fd01:203:405:1::5") == 5001);
}

TEST_CASE("nat64: nobody is let in who was not asked, anybody who was", "[ruleset]") {
  Box box(kNat64);
  const Bytes stranger = v4("203.0.113.77", "192.0.2.1", 17, udp(9, 5001, filler(4)));
  CHECK(box.send(kOutside, stranger).empty());
  CHECK(box.passed.fate == Fate::kUntranslatable);
  box.one(kInside, v6(kHost, kServer, 17, udp(5001, 53, filler(4))));
  CHECK(box.one(kOutside, stranger) ==
        v6("64:ff9b::203.0.113.77", kHost, 17, udp(9, 5001, filler(4)), 63));
}

TEST_CASE("nat64: a datagram without a checksum gets one", "[ruleset]") {
  Box box(kNat64);
  box.one(kInside, v6(kHost, kServer, 17, udp(5001, 53, filler(4))));
  const Bytes bare = ipv4({.src = "203.0.113.9", .dst = "192.0.2.1"}, udp(53, 5001, filler(5)));
  CHECK(box.one(kOutside, bare) == v6(kServer, kHost, 17, udp(53, 5001, filler(5)), 63));
}

TEST_CASE("nat64: echoes, and errors with what they quote", "[ruleset]") {
  Box box(kNat64);
  CHECK(box.one(kInside, v6(kHost, kServer, 58, icmp(128, 0, 0x00070001, filler(8)))) ==
        v4("192.0.2.1", "203.0.113.9", 1, icmp(8, 0, 0x00070001, filler(8)), 63, 1));
  CHECK(
      box.one(kOutside, v4("203.0.113.9", "192.0.2.1", 1, icmp(0, 0, 0x00070001, filler(8)))) ==
      v6(kServer, kHost, 58, icmp(129, 0, 0x00070001, filler(8)), 63));

  const Bytes sent = v6(kHost, kServer, 17, udp(5001, 53, filler(40)));
  const Bytes went = box.one(kInside, sent);
  const Bytes error = with_l4_checksum(ipv4(
      {.src = "203.0.113.254", .dst = "192.0.2.1", .protocol = 1}, icmp(3, 4, 1400, went)));
  const Bytes told = box.one(kOutside, error);
  // RFC 7915 4.2: the MTU grows by the headers' difference; the quote is the packet as it was
  // sent, one hop later.
  CHECK(told == v6("64:ff9b::203.0.113.254", kHost, 58,
                   icmp(2, 0, 1420, v6(kHost, kServer, 17, udp(5001, 53, filler(40)), 63)),
                   63));
  CHECK(box.passed.verdict.packet_class == conntrack::PacketClass::kRelated);

  const Bytes answer = v4("203.0.113.9", "192.0.2.1", 17, udp(53, 5001, filler(40)));
  const Bytes came = box.one(kOutside, answer);
  const Bytes refused = box.one(kInside, v6(kHost, kServer, 58, icmp(1, 4, 0, came)));
  CHECK(refused[9] == protocol::kIcmp);
  CHECK(refused[20] == 3);
  CHECK(refused[21] == 3);
  CHECK(Bytes(refused.begin() + 40, refused.begin() + 48) ==
        Bytes({203, 0, 113, 9, 192, 0, 2, 1}));
  CHECK(load_be16(refused, 50) == 5001);
}

TEST_CASE("nat64: large packets are cut for IPv6, and pieces stay pieces", "[ruleset]") {
  Box box(kNat64);
  box.one(kInside, v6(kHost, kServer, 17, udp(5001, 53, filler(4))));
  const auto pieces =
      box.send(kOutside, v4("203.0.113.9", "192.0.2.1", 17, udp(53, 5001, filler(1400))));
  REQUIRE(pieces.size() == 2);  // RFC 7915 4: no more than 1280 bytes
  CHECK(pieces[0].size() == 1280);
  CHECK(pieces[0][6] == 44);
  CHECK(pieces[1].size() == 40 + 8 + 1408 - 1232);

  const Bytes whole = udp(5001, 53, filler(2000));
  const Bytes summed = v6(kHost, kServer, 17, whole);
  const Bytes body(summed.begin() + 40, summed.end());
  const Bytes first(body.begin(), body.begin() + 1000);
  const Bytes rest(body.begin() + 1000, body.end());
  const auto header = [](const Bytes& payload) {
    return ipv6({.src = kHost, .dst = kServer, .next = 44}, payload);
  };
  CHECK(box.send(kInside, header(fragment_header(17, 0, true, 0x12345) + first)).empty());
  const auto out = box.send(kInside, header(fragment_header(17, 1000, false, 0x12345) + rest));
  REQUIRE(out.size() == 2);
  CHECK(load_be16(out[0], 4) == 0x2345);  // RFC 7915 5.1.1
  CHECK(load_be16(out[0], 6) == 0x2000);
  CHECK(load_be16(out[1], 6) == 1000 / 8);
}

TEST_CASE("nat64: the IPv4 side may be masqueraded, and hosts reach each other", "[ruleset]") {
  Box box(std::string(kNat64) +
          "table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat;\n"
          "  iifname \"nat64\" oifname \"wan0\" masquerade\n }\n}\n");
  const Bytes out = box.one(kInside, v6(kHost, kServer, 17, udp(5001, 53, filler(4))));
  CHECK(out == v4("198.51.100.1", "203.0.113.9", 17, udp(5001, 53, filler(4)), 63, 1));
  CHECK(box.one(kOutside, v4("203.0.113.9", "198.51.100.1", 17, udp(53, 5001, filler(4)))) ==
        v6(kServer, kHost, 17, udp(53, 5001, filler(4)), 63));
  // By the IPv4 name of the first host (RFC 6146 3.8).
  const Bytes back = box.one(
      kInside, v6("fd01:203:405:1::5", "64:ff9b::192.0.2.1", 17, udp(6000, 5001, filler(4))));
  CHECK(ends_of(back) == "64:ff9b::c000:201 > fd01:203:405:1::1234");
}

TEST_CASE("npt: the prefix changes, checksums stay", "[ruleset]") {
  Box box(kNpt);
  // RFC 6296 3.1.
  const Bytes out =
      box.one(kInside, v6(kHost, "2001:db8:ffff::9", 6, tcp({40001, 443, 1, 0, kSyn}, {})));
  CHECK(out == v6("2001:db8:1:d550::1234", "2001:db8:ffff::9", 6,
                  tcp({40001, 443, 1, 0, kSyn}, {}), 63));
  CHECK(box.one(kOutside, v6("2001:db8:ffff::9", "2001:db8:1:d550::1234", 6,
                             tcp({443, 40001, 9, 2, kSynAck}, {}))) ==
        v6("2001:db8:ffff::9", kHost, 6, tcp({443, 40001, 9, 2, kSynAck}, {}), 63));
  CHECK(box.passed.verdict.packet_class == conntrack::PacketClass::kEstablished);
  CHECK(to_string(box.passed.before.dst) == "2001:db8:1:d550::1234");
  // 3.5: 0xffff has no counterpart.
  CHECK(box.send(kInside,
                 v6("fd01:203:405:ffff::1", "2001:db8:ffff::9", 17, udp(5, 53, filler(4))))
            .empty());
  CHECK(box.passed.fate == Fate::kUntranslatable);
}

TEST_CASE("npt: what an error quotes, and a host that calls by an outer name", "[ruleset]") {
  Box box(kNpt);
  const Bytes went =
      box.one(kInside, v6(kHost, "2001:db8:ffff::9", 17, udp(5001, 53, filler(40))));
  const Bytes error = v6("2001:db8:f00::1", "2001:db8:1:d550::1234", 58, icmp(3, 0, 0, went));
  CHECK(box.one(kOutside, error) ==
        v6("2001:db8:f00::1", kHost, 58,
           icmp(3, 0, 0, v6(kHost, "2001:db8:ffff::9", 17, udp(5001, 53, filler(40)), 63)),
           63));
  const Bytes hairpin = box.one(
      kInside, v6("fd01:203:405:2::7", "2001:db8:1:d550::1234", 17, udp(7, 5001, filler(4))));
  CHECK(ends_of(hairpin) == "2001:db8:1:d551::7 > fd01:203:405:1::1234");
}

TEST_CASE("own text: what is wrong is named with its place", "[ruleset]") {
  struct Case {
    std::string text, message;
  };
  for (const Case& c :
       {Case{"nat64 { pol 192.0.2.1 }", "t:1:9: nat64 has no 'pol'; did you mean 'pool'?"},
        Case{"nat64 { prefix 64:ff9b::/96 }", "t:1:1: nat64 needs 'pool'"},
        Case{"nat64 { prefix 64:ff9b::/90; pool 192.0.2.1 }", "t:1:16: a prefix for IPv4"},
        Case{"nat64 { pool 2001:db8::1 }", "t:1:14: '2001:db8::1' is no IPv4 address"},
        Case{"\nnpt { inside fd00::/48 }", "t:2:1: npt needs 'inside' and 'outside'"},
        Case{"npt { inside fd00::/48; outside 2001:db8::/56 }", "t:1:1: npt needs"},
        Case{"npt { inside fd00::/48", "npt is not closed"},
        Case{"npt inside", "t:1:5: 'inside' where npt should open"}}) {
    INFO(c.text);
    const auto rules = parse(c.text, "t");
    REQUIRE(!rules);
    INFO(rules.error().message);
    CHECK(rules.error().message.find(c.message) != std::string::npos);
  }
}

}  // namespace natlens::ruleset
