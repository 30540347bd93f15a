// Rewriting: checksums follow, and what was rewritten can be rewritten back.
#include "rewrite.h"

#include <random>

#include "fragments.h"
#include "support/catch.h"

namespace natlens::ruleset {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint16_t pseudo(ByteView ip, std::uint8_t protocol) {
  const std::uint32_t length = static_cast<std::uint32_t>(ip.size() - 20);
  const Bytes tail{0, protocol, static_cast<std::uint8_t>(length >> 8),
                   static_cast<std::uint8_t>(length)};
  return checksum_add(tail, checksum_add(ip.subspan(12, 8)));
}

void put16(Bytes& out, std::size_t at, std::uint32_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

// A packet with random content and right checksums.
Bytes packet(std::mt19937& random, std::uint8_t protocol) {
  Bytes ip(20 + 20 + random() % 40);
  for (auto& byte : ip) byte = static_cast<std::uint8_t>(random());
  ip[0] = 0x45;
  put16(ip, 2, static_cast<std::uint32_t>(ip.size()));
  put16(ip, 6, 0);
  ip[9] = protocol;
  if (protocol == protocol::kTcp) ip[32] = 5 << 4;
  put16(ip, 10, 0);
  put16(ip, 10, checksum(ByteView(ip).first(20)));
  const std::size_t at = protocol == protocol::kTcp ? 36 : 26;
  put16(ip, at, 0);
  const std::uint16_t sum = checksum(ByteView(ip).subspan(20), pseudo(ip, protocol));
  put16(ip, at, sum == 0 ? 0xffff : sum);
  return ip;
}

Tuple tuple_of(const Bytes& ip) {
  const ByteView view(ip);
  Tuple tuple;
  tuple.src = Address::v4(view.subspan(12).first<4>());
  tuple.dst = Address::v4(view.subspan(16).first<4>());
  tuple.protocol = ip[9];
  tuple.src_port = load_be16(view, 20);
  tuple.dst_port = load_be16(view, 22);
  return tuple;
}

}  // namespace

TEST_CASE("rewrite: right checksums stay right, there and back", "[ruleset]") {
  const unsigned seed = 7;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 2000; ++i) {
    const std::uint8_t protocol = i % 2 == 0 ? protocol::kTcp : protocol::kUdp;
    const Bytes before = packet(random, protocol);
    Bytes ip = before;
    Tuple to = tuple_of(ip);
    to.src = Address::v4(static_cast<std::uint32_t>(random()));
    to.src_port = static_cast<std::uint16_t>(random());
    Rewriter(ip, 20, protocol).translate(tuple_of(before), to);
    CHECK(tuple_of(ip) == to);
    CHECK(checksum(ByteView(ip).first(20)) == 0);
    CHECK(checksum(ByteView(ip).subspan(20), pseudo(ip, protocol)) == 0);
    Rewriter(ip, 20, protocol).translate(to, tuple_of(before));
    CHECK(ip == before);
  }
}

TEST_CASE("rewrite: a checksum that was left to the network card stays the pseudo header's sum",
          "[ruleset]") {
  std::mt19937 random(3);
  Bytes ip = packet(random, protocol::kTcp);
  put16(ip, 36, pseudo(ip, protocol::kTcp));
  Tuple to = tuple_of(ip);
  to.src = *Address::parse("198.51.100.1");
  to.src_port = 40000;
  Rewriter(ip, 20, protocol::kTcp).translate(tuple_of(ip), to);
  CHECK(load_be16(ip, 36) == pseudo(ip, protocol::kTcp));
}

TEST_CASE("rewrite: UDP without a checksum stays without", "[ruleset]") {
  std::mt19937 random(4);
  Bytes ip = packet(random, protocol::kUdp);
  put16(ip, 26, 0);
  Tuple to = tuple_of(ip);
  to.src_port = 1;
  Rewriter(ip, 20, protocol::kUdp).translate(tuple_of(ip), to);
  CHECK(load_be16(ip, 26) == 0);
}

TEST_CASE("rewrite: payload that grew keeps lengths and checksums right", "[ruleset]") {
  std::mt19937 random(5);
  for (const std::uint8_t protocol : {protocol::kTcp, protocol::kUdp}) {
    Bytes ip = packet(random, protocol);
    if (protocol == protocol::kUdp) put16(ip, 24, static_cast<std::uint32_t>(ip.size() - 20));
    const std::size_t size = ip.size();
    const std::vector<conntrack::PayloadEdit> edits{{0, 0, "abcde"}};
    Rewriter(ip, 20, protocol).edit(edits);
    CHECK(ip.size() == size + 5);
    CHECK(load_be16(ip, 2) == ip.size());
    CHECK(checksum(ByteView(ip).first(20)) == 0);
    CHECK(checksum(ByteView(ip).subspan(20), pseudo(ip, protocol)) == 0);
  }
}

TEST_CASE("rewrite: any prefix of a packet can be rewritten without reading beyond it",
          "[ruleset]") {
  std::mt19937 random(6);
  const Bytes whole = packet(random, protocol::kTcp);
  Tuple to = tuple_of(whole);
  to.src = *Address::parse("198.51.100.1");
  to.dst_port = 1;
  for (std::size_t n = 20; n <= whole.size(); ++n) {
    for (const std::uint8_t protocol :
         {protocol::kTcp, protocol::kUdp, protocol::kIcmp, protocol::kSctp, protocol::kGre}) {
      Bytes ip(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
      Rewriter rewriter(ip, 20, protocol);
      rewriter.translate(tuple_of(whole), to);
      rewriter.translate_quote(tuple_of(whole), to);
      rewriter.shift_sequence({1, 0, 4}, {1, 0, 4});
      CHECK(rewriter.decrement_ttl() == (ip[8] >= 1));
    }
  }
}

TEST_CASE("fragments: a datagram leaves in the pieces it came in", "[ruleset]") {
  std::mt19937 random(8);
  const Bytes ip = packet(random, protocol::kUdp);
  const auto pieces = cut(ip, 20, {0, 8, 16}, 0);
  REQUIRE(pieces.size() == 3);
  Bytes payload;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    CHECK(checksum(ByteView(pieces[i]).first(20)) == 0);
    CHECK(load_be16(pieces[i], 6) == ((i < 2 ? 0x2000 : 0) | i));
    payload.insert(payload.end(), pieces[i].begin() + 20, pieces[i].end());
  }
  CHECK(payload == Bytes(ip.begin() + 20, ip.end()));
  CHECK(cut(ip, 20, {0, 4000}, 0).empty());
}

}  // namespace natlens::ruleset
