#include "natlens/replay/inline.h"

#include "natlens/net/bytes.h"

#include "inline_box.h"
#include "support/allocation_count.h"

namespace natlens::replay {
namespace {

using namespace test;
using ruleset::Fate;

constexpr const char* kInner = "10.0.0.2";
constexpr const char* kFar = "192.0.2.9";
constexpr const char* kOwn = "198.51.100.1";

Bytes datagram(const char* src, const char* dst, std::uint16_t sport, std::uint16_t dport) {
  return with_l4_checksum(ipv4({.src = src, .dst = dst}, udp(sport, dport, filler(20))));
}
Bytes out_of_house(std::uint16_t sport = 5000) {
  return datagram(kInner, kFar, sport, 53);
}
Address source(const Bytes& ip) {
  return Address::v4(ByteView(ip).subspan(12).first<4>());
}
Address target(const Bytes& ip) {
  return Address::v4(ByteView(ip).subspan(16).first<4>());
}
bool checksums_hold(const Bytes& ip) {
  Bytes again = ip;
  return checksum(ByteView(ip).first(20)) == 0 && with_l4_checksum(again) == ip;
}

TEST_CASE("inline: a datagram goes out translated, and its answer comes back",
          "[replay][inline]") {
  InlineBox box;
  const Bytes out = box.one(out_of_house());
  CHECK(source(out) == *Address::parse(kOwn));
  CHECK(out[8] == 63);
  CHECK(checksums_hold(out));
  const Bytes back = box.one(datagram(kFar, kOwn, 53, 5000));
  CHECK(target(back) == *Address::parse(kInner));
  CHECK(checksums_hold(back));
  CHECK(box.nat().counters().packets_out == 2);
  CHECK(box.seen.connections == 1);
}

TEST_CASE("inline: a connection ends by the clock, without any packet", "[replay][inline]") {
  InlineBox box;  // nf_conntrack_udp_timeout: 30 s
  box.at(0);
  box.one(out_of_house());
  box.at(29.9);
  box.tick();
  CHECK(box.seen.closed_connections == 0);
  box.at(30.1);
  box.tick();
  CHECK(box.seen.closed_connections == 1);
  CHECK(box.nat().tracking().live == 0);
  const Bytes answer = box.one(datagram(kFar, kOwn, 53, 5000));  // to whom nobody listens
  CHECK(answer[20] == 3);
  CHECK(answer[21] == 3);
}

TEST_CASE("inline: a hop that traceroute sees", "[replay][inline]") {
  InlineBox box;
  const Bytes probe =
      with_l4_checksum(ipv4({.src = kInner, .ttl = 1}, udp(5000, 33434, filler(40))));
  const Bytes told = box.one(probe);
  CHECK(source(told) == *Address::parse("10.0.0.1"));
  CHECK(target(told) == *Address::parse(kInner));
  CHECK(told[20] == 11);
  CHECK(told[21] == 0);
  CHECK(Bytes(told.begin() + 28, told.end()) == probe);
  CHECK(checksums_hold(told));
  CHECK(box.fates(Fate::kTtl) == 1);
  CHECK(box.nat().counters().own == 1);
}

TEST_CASE("inline: a sender is told at most as often as Linux would", "[replay][inline]") {
  InlineBox box;
  const Bytes probe =
      with_l4_checksum(ipv4({.src = kInner, .ttl = 1}, udp(5000, 33434, filler(4))));
  std::size_t told = 0;
  for (int i = 0; i < 20; ++i) told += box.send(probe).size();
  CHECK(told == 6);
  box.at(3);
  for (int i = 0; i < 20; ++i) told += box.send(probe).size();
  CHECK(told == 9);
}

TEST_CASE("inline: nobody is told of errors, broadcasts, or by name of nobody",
          "[replay][inline]") {
  InlineBox box;
  const auto quiet = [&](const Bytes& ip) { return box.send(with_l4_checksum(ip)).empty(); };
  const Bytes quote = ipv4({.src = kFar, .dst = kInner}, udp(1, 2, filler(8)));
  CHECK(quiet(ipv4({.src = kInner, .protocol = 1, .ttl = 1}, icmp(3, 1, 0, quote))));
  CHECK(quiet(ipv4({.src = "0.0.0.0", .ttl = 1}, udp(68, 67, filler(8)))));
  CHECK(quiet(ipv4({.src = kInner, .dst = "224.0.0.1", .ttl = 1}, udp(5, 6, filler(8)))));
  CHECK(quiet(ipv4({.src = "127.0.0.1", .ttl = 1}, udp(5, 6, filler(8)))));
}

TEST_CASE("inline: too large for the link: told if it may not be cut, cut if it may",
          "[replay][inline]") {
  InlineBox::Setup setup;
  setup.mtu = 600;
  InlineBox box(setup);
  const Bytes payload = udp(5000, 53, filler(1000));
  const Bytes told =
      box.one(with_l4_checksum(ipv4({.src = kInner, .fragment = 0x4000}, payload)));
  CHECK(told[20] == 3);
  CHECK(told[21] == 4);
  CHECK(load_be16(told, 26) == 600);
  CHECK(told.size() == 576);
  CHECK(box.fates(Fate::kTooLarge) == 1);
  const auto pieces = box.send(with_l4_checksum(ipv4({.src = kInner}, payload)));
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].size() == 596);  // the largest multiple of eight
  CHECK(load_be16(pieces[0], 6) == 0x2000);
  CHECK(load_be16(pieces[1], 6) == 576 / 8);
  CHECK(pieces[0].size() + pieces[1].size() == 20 + 20 + payload.size());
  for (const Bytes& piece : pieces) CHECK(checksum(ByteView(piece).first(20)) == 0);
}

TEST_CASE("inline: IPv6 is never cut, and told the link's MTU", "[replay][inline]") {
  InlineBox::Setup setup;
  setup.mtu = 1300;
  InlineBox box(setup);
  const Bytes large =
      ipv6({.src = "fd00::2", .dst = "2001:db8::9"}, udp(5000, 53, filler(1400)));
  const Bytes told = box.one(with_l4_checksum(large));
  CHECK(told.size() == 1280);
  CHECK(told[40] == 2);
  CHECK(load_be32(told, 44) == 1300);
  CHECK(with_l4_checksum(told) == told);
}

TEST_CASE("inline: behind a NAT64 the sender is told what is left for IPv4",
          "[replay][inline]") {
  InlineBox::Setup setup;
  setup.rules = "nat64 {\n  prefix 64:ff9b::/96\n  pool 198.51.100.1\n}\n";
  setup.mtu = 1400;
  InlineBox box(setup);
  box.one(with_l4_checksum(
      ipv6({.src = "fd00::2", .dst = "64:ff9b::192.0.2.9"}, udp(5000, 53, filler(20)))));
  const Bytes large =
      ipv4({.src = kFar, .dst = kOwn, .fragment = 0x4000}, udp(53, 5000, filler(1365)));
  REQUIRE(large.size() == 1393);
  const Bytes told = box.one(with_l4_checksum(large));
  CHECK(told[20] == 3);
  CHECK(told[21] == 4);
  CHECK(load_be16(told, 26) == 1380);
}

TEST_CASE("inline: ping to its own address is answered", "[replay][inline]") {
  InlineBox box;
  const Bytes answer = box.one(with_l4_checksum(
      ipv4({.src = kFar, .dst = kOwn, .protocol = 1}, icmp(8, 0, 0x00010001, filler(8)))));
  CHECK(answer[20] == 0);
  CHECK(source(answer) == *Address::parse(kOwn));
  CHECK(checksums_hold(answer));
}

TEST_CASE("inline: what a rule rejects is told so", "[replay][inline]") {
  InlineBox::Setup setup;
  setup.rules =
      "table ip f {\n chain fwd {\n  type filter hook forward priority 0;\n"
      "  udp dport 53 reject\n  udp dport 54 drop\n }\n}\n";
  InlineBox box(setup);
  const Bytes told = box.one(out_of_house());
  CHECK(told[20] == 3);
  CHECK(told[21] == 3);
  CHECK(box.send(datagram(kInner, kFar, 5000, 54)).empty());
}

TEST_CASE("inline: with offload the header goes along", "[replay][inline]") {
  InlineBox::Setup setup;
  setup.offload = true;
  InlineBox box(setup);
  // A checksum that only has the pseudo-header's sum keeps being that.
  Bytes large = ipv4({.src = kInner, .protocol = 6}, tcp({}, filler(3000)));
  Bytes pseudo(large.begin() + 12, large.begin() + 20);
  pseudo = pseudo + be16(6) + be16(large.size() - 20);
  store_be16(large, 36, checksum_add(pseudo));
  const Bytes header = {1, 1, 40, 0, 0xa8, 5, 20, 0, 16, 0};  // segments of 1448 bytes
  const Bytes out = box.one(header + large);
  REQUIRE(out.size() == header.size() + large.size());
  CHECK(Bytes(out.begin(), out.begin() + 10) == header);
  const Bytes ip(out.begin() + 10, out.end());
  CHECK(source(ip) == *Address::parse(kOwn));
  Bytes after(ip.begin() + 12, ip.begin() + 20);
  after = after + be16(6) + be16(ip.size() - 20);
  CHECK(load_be16(ip, 36) == checksum_add(after));
  // Too large for the link, but it is cut on the way: nobody is told.
  CHECK(box.fates(Fate::kForwarded) == 1);
  // The router's own packets are complete.
  const Bytes probe = with_l4_checksum(ipv4({.src = kInner, .ttl = 1}, udp(1, 2, filler(8))));
  const Bytes told = box.one(Bytes(10) + probe);
  CHECK(Bytes(told.begin(), told.begin() + 10) == Bytes(10));
}

TEST_CASE("inline: what cannot be, does not go through", "[replay][inline]") {
  InlineBox box;
  CHECK(box.send(filler(19)).empty());
  CHECK(box.send(Bytes(40, 0xff)).empty());
  CHECK(box.nat().counters().unreadable == 2);
  CHECK(box.send(datagram(kOwn, kFar, 1, 2)).empty());
  CHECK(box.nat().counters().martian == 1);
  // Nobody has it: routed in here, it would come out and come in again.
  CHECK(box.send(datagram(kFar, "203.0.113.5", 1, 2)).empty());
  CHECK(box.nat().counters().sent_back == 1);
}

TEST_CASE("inline: fragments wait for each other and leave in the same pieces",
          "[replay][inline]") {
  InlineBox box;
  const Bytes payload = udp(5000, 53, filler(1000));
  const Bytes whole = with_l4_checksum(ipv4({.src = kInner}, payload));
  const Bytes l4(whole.begin() + 20, whole.end());
  const auto piece = [&](std::size_t begin, std::size_t end, bool more) {
    return ipv4({.src = kInner,
                 .fragment = static_cast<std::uint16_t>((more ? 0x2000U : 0U) | begin / 8)},
                Bytes(l4.begin() + static_cast<std::ptrdiff_t>(begin),
                      l4.begin() + static_cast<std::ptrdiff_t>(end)));
  };
  CHECK(box.send(piece(600, l4.size(), false)).empty());
  const auto out = box.send(piece(0, 600, true));
  REQUIRE(out.size() == 2);
  CHECK(out[0].size() == 620);
  CHECK(source(out[1]) == *Address::parse(kOwn));
}

TEST_CASE("inline: other rules, and the connections go on", "[replay][inline]") {
  InlineBox box;
  box.one(out_of_house(5000));
  box.nat().reload(InlineBox::read(
      "table ip nat {\n chain post {\n  type nat hook postrouting priority srcnat;\n"
      "  oifname \"wan0\" snat to 198.51.100.77\n }\n}\n"));
  CHECK(source(box.one(out_of_house(5000))) == *Address::parse(kOwn));
  CHECK(source(box.one(out_of_house(5001))) == *Address::parse("198.51.100.77"));
  CHECK(target(box.one(datagram(kFar, kOwn, 53, 5000))) == *Address::parse(kInner));
}

TEST_CASE("inline: a NAT64 keeps its bindings when the rules are read again",
          "[replay][inline]") {
  const std::string rules = "nat64 {\n  prefix 64:ff9b::/96\n  pool 198.51.100.1\n}\n";
  InlineBox::Setup setup;
  setup.rules = rules;
  InlineBox box(setup);
  box.one(with_l4_checksum(
      ipv6({.src = "fd00::2", .dst = "64:ff9b::192.0.2.9"}, udp(5000, 53, filler(20)))));
  box.nat().reload(InlineBox::read(rules));
  const Bytes back = box.one(datagram(kFar, kOwn, 53, 5000));
  CHECK(back[0] >> 4 == 6);
}

TEST_CASE("inline: a flood does not grow the table", "[replay][inline]") {
  InlineBox::Setup setup;
  setup.most_connections = 100;
  InlineBox box(setup);
  for (std::uint16_t port = 1; port <= 1000; ++port) box.send(out_of_house(port));
  const auto tracking = box.nat().tracking();
  CHECK(tracking.live == 100);
  CHECK(tracking.early_dropped + tracking.table_full == 900);
}

TEST_CASE("inline: no packet allocates once all is warm", "[replay][inline]") {
  InlineBox box;
  const Bytes out = out_of_house();
  const Bytes back = datagram(kFar, kOwn, 53, 5000);
  const auto round = [&] {
    box.put(out);
    box.put(back);
    box.serve();
    return static_cast<int>(box.drop()) + static_cast<int>(box.drop());
  };
  for (int i = 0; i < 100; ++i) round();
  const std::size_t before = allocation_count();
  int left = 0;
  for (int i = 0; i < 1000; ++i) left += round();
  const std::size_t allocations = allocation_count() - before;
  CHECK(left == 2000);
  CHECK(allocations == 0);
}

}  // namespace
}  // namespace natlens::replay
