#include <algorithm>
#include <random>

#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using decode::DecodeStop;
using decode::TransportKind;

namespace {

// A tap with a clock: frames are raw IP.
struct Tap {
  explicit Tap(const decode::DecoderOptions& options = {}) : decoder(options) {}

  const decode::DecodedFrame& see(Bytes packet, double seconds = 0) {
    bytes = std::move(packet);
    auto frame = frame_of(bytes, 101, captured);
    frame.time = Timestamp::from_ns(static_cast<std::int64_t>(seconds * 1e9));
    decoder.decode(frame, out);
    return out;
  }
  bool whole() const { return out.layer_count != 0 && out.layer_storage[0].reassembled; }

  decode::Decoder decoder;
  decode::DecodedFrame out;
  Bytes bytes;
  std::size_t captured = SIZE_MAX;
};

// Bytes [from, to) of `payload` as an IPv4 fragment; the last one where `to` is the end.
Bytes piece(const Bytes& payload,
            std::size_t from,
            std::size_t to,
            std::uint16_t id = 7,
            std::uint8_t number = 17) {
  const Bytes data(payload.begin() + static_cast<std::ptrdiff_t>(from),
                   payload.begin() + static_cast<std::ptrdiff_t>(to));
  const auto field =
      static_cast<std::uint16_t>(from / 8 | (to < payload.size() ? 0x2000U : 0U));
  return ipv4({.protocol = number, .id = id, .fragment = field}, data);
}

Bytes piece6(const Bytes& payload, std::size_t from, std::size_t to, std::uint32_t id = 7) {
  const Bytes data(payload.begin() + static_cast<std::ptrdiff_t>(from),
                   payload.begin() + static_cast<std::ptrdiff_t>(to));
  return ipv6(
      {.next = 44},
      fragment_header(17, static_cast<std::uint16_t>(from), to < payload.size(), id) + data);
}

const Bytes kDatagram = udp(1000, 53, filler(92));  // 100 bytes

}  // namespace

TEST_CASE("reassembly: the fragment that arrives last carries the whole",
          "[decode][fragment]") {
  Tap tap;
  tap.see(piece(kDatagram, 0, 48));
  CHECK(tap.out.waits_for_fragments);
  CHECK(tap.out.stop == DecodeStop::kFragment);
  CHECK(tap.out.layer_storage[0].transport == TransportKind::kNone);
  tap.see(piece(kDatagram, 48, 100));
  REQUIRE(tap.whole());
  const auto& layer = tap.out.layer_storage[0];
  CHECK_FALSE(tap.out.waits_for_fragments);
  CHECK_FALSE(layer.fragment);
  CHECK(layer.src_port == 1000);
  CHECK(layer.dst_port == 53);
  CHECK(layer.total_bytes == 120);
  CHECK(layer.payload_wire_bytes == 92);
  CHECK(Bytes(layer.payload.begin(), layer.payload.end()) == filler(92));
  CHECK(tap.out.stop == DecodeStop::kNone);
}

TEST_CASE("reassembly: any order, and copies, give the same datagram", "[decode][fragment]") {
  std::vector<Bytes> pieces = {piece(kDatagram, 0, 24), piece(kDatagram, 24, 48),
                               piece(kDatagram, 48, 72), piece(kDatagram, 72, 100)};
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    Tap tap;
    for (std::size_t i = 0; i < 3; ++i) {
      tap.see(pieces[order[i]]);
      CHECK_FALSE(tap.whole());
      tap.see(pieces[order[i]]);  // a copy is ignored
      CHECK_FALSE(tap.whole());
    }
    tap.see(pieces[order[3]]);
    REQUIRE(tap.whole());
    CHECK(Bytes(tap.out.layer_storage[0].payload.begin(),
                tap.out.layer_storage[0].payload.end()) == filler(92));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("reassembly: a partial overlap discards the datagram, as Linux does",
          "[decode][fragment]") {
  for (const bool v6 : {false, true}) {
    CAPTURE(v6);
    Tap tap;
    const auto part = [&](std::size_t a, std::size_t b) {
      return v6 ? piece6(kDatagram, a, b) : piece(kDatagram, a, b);
    };
    tap.see(part(0, 48));
    tap.see(part(40, 72));
    tap.see(part(72, 100));
    CHECK_FALSE(tap.whole());
    tap.see(part(0, 48));  // a new one starts with what came after the overlap
    tap.see(part(48, 72));
    CHECK(tap.whole());
  }
}

TEST_CASE("reassembly: a second end that contradicts the first discards the datagram",
          "[decode][fragment]") {
  Tap tap;
  const Bytes longer = udp(1000, 53, filler(120));
  tap.see(piece(kDatagram, 48, 100));
  tap.see(piece(longer, 64, 128));
  tap.see(piece(kDatagram, 0, 48));
  CHECK_FALSE(tap.whole());
}

TEST_CASE("reassembly: 30 seconds for IPv4, 60 for IPv6, from the first fragment",
          "[decode][fragment]") {
  struct Row {
    bool v6;
    double later;
    bool whole;
  };
  for (const Row& row : {Row{false, 29.9, true}, Row{false, 30.1, false}, Row{true, 59.9, true},
                         Row{true, 60.1, false}}) {
    CAPTURE(row.v6, row.later);
    Tap tap;
    tap.see(row.v6 ? piece6(kDatagram, 0, 48) : piece(kDatagram, 0, 48), 100);
    tap.see(row.v6 ? piece6(kDatagram, 48, 100) : piece(kDatagram, 48, 100), 100 + row.later);
    CHECK(tap.whole() == row.whole);
    CHECK(tap.decoder.stats().fragments_expired == (row.whole ? 0 : 1));
  }
}

TEST_CASE("reassembly: id, protocol, addresses and zone keep datagrams apart",
          "[decode][fragment][zone]") {
  Tap tap;
  tap.see(piece(kDatagram, 0, 48));
  tap.see(piece(kDatagram, 48, 100, 8));
  CHECK_FALSE(tap.whole());
  tap.see(piece(kDatagram, 48, 100, 7, 6));
  CHECK_FALSE(tap.whole());
  // The same fragments in two VLANs: one half of each is not a datagram.
  decode::Decoder decoder;
  decode::DecodedFrame out;
  const Bytes first = eth(0x8100, vlan_tag(1, 0x0800, piece(kDatagram, 0, 48)));
  const Bytes second = eth(0x8100, vlan_tag(2, 0x0800, piece(kDatagram, 48, 100)));
  decoder.decode(frame_of(first), out);
  decoder.decode(frame_of(second), out);
  CHECK(out.waits_for_fragments);
}

TEST_CASE("reassembly: a tunnel whose outer packet came in pieces", "[decode][fragment]") {
  const Bytes datagram = udp(50000, 4789, hex("08000000 00002a00") + eth(0x0800, inner_ipv4()));
  Tap tap;
  tap.see(piece(datagram, 0, 24));
  tap.see(piece(datagram, 24, datagram.size()));
  REQUIRE(tap.out.layer_count == 2);
  CHECK(tap.out.layer_storage[1].dst_port == 9999);
  CHECK(tap.out.layer_storage[1].offset ==
        8 + 8 + 14);  // from the start of the datagram's payload
}

TEST_CASE("reassembly: fragments inside a tunnel that came in fragments",
          "[decode][fragment]") {
  const Bytes inner[2] = {piece(kDatagram, 0, 48, 1), piece(kDatagram, 48, 100, 1)};
  Tap tap;
  for (std::uint16_t i = 0; i < 2; ++i) {
    const std::uint16_t id = static_cast<std::uint16_t>(100 + i);
    tap.see(piece(inner[i], 0, 24, id, 4));
    tap.see(piece(inner[i], 24, inner[i].size(), id, 4));
  }
  REQUIRE(tap.out.layer_count == 2);
  CHECK(tap.out.layer_storage[0].reassembled);
  CHECK(tap.out.layer_storage[1].reassembled);
  CHECK(tap.out.layer_storage[1].payload.size() == 92);
}

TEST_CASE("reassembly: IPv6 goes on with what the first fragment names",
          "[decode][fragment][ipv6]") {
  const Bytes chain = hex("11 00 01 04 00000000") + kDatagram;
  Tap tap;
  tap.see(ipv6({.next = 44},
               fragment_header(60, 0, true, 9) + Bytes(chain.begin(), chain.begin() + 56)));
  tap.see(ipv6({.next = 44},
               fragment_header(17, 56, false, 9) + Bytes(chain.begin() + 56, chain.end())));
  REQUIRE(tap.whole());
  CHECK(tap.out.layer_storage[0].protocol == 17);
  CHECK(tap.out.layer_storage[0].dst_port == 53);
}

TEST_CASE("reassembly: what the capture cut stays cut", "[decode][fragment]") {
  Tap tap;
  tap.captured = 20 + 30;  // of each frame
  tap.see(piece(kDatagram, 0, 48));
  tap.see(piece(kDatagram, 48, 100));
  REQUIRE(tap.whole());
  const auto& layer = tap.out.layer_storage[0];
  CHECK(layer.dst_port == 53);
  CHECK(layer.payload_wire_bytes == 92);
  CHECK(layer.payload.size() == 22);
  CHECK(verify_l4_checksum(layer) == decode::ChecksumState::kUnknown);
}

TEST_CASE("reassembly: off, a first fragment is read as far as it goes", "[decode][fragment]") {
  Tap tap({.reassemble = false});
  tap.see(piece(kDatagram, 0, 48));
  CHECK(tap.out.layer_storage[0].dst_port == 53);
  CHECK(tap.out.stop == DecodeStop::kFragment);
  CHECK_FALSE(tap.out.waits_for_fragments);
  tap.see(piece(kDatagram, 48, 100));
  CHECK(tap.out.layer_storage[0].transport == TransportKind::kNone);
}

TEST_CASE("reassembly: lengths that cannot be are refused", "[decode][fragment][hostile]") {
  Tap tap;
  tap.see(ipv4({.fragment = 0x2000}, {}));  // empty
  CHECK_FALSE(tap.out.waits_for_fragments);
  tap.see(ipv4({.fragment = 0x1fff}, filler(100)));  // ends beyond 65535 (ping of death)
  CHECK_FALSE(tap.out.waits_for_fragments);
  tap.see(ipv6({.next = 44}, fragment_header(17, 0, true, 5) + filler(13)));  // not whole units
  CHECK_FALSE(tap.out.waits_for_fragments);
}

TEST_CASE("reassembly: memory is bounded; the oldest are given up",
          "[decode][fragment][hostile]") {
  Tap tap({.fragment_bytes = 256 * 1024});
  for (std::uint16_t id = 0; id < 5000; ++id) tap.see(piece(kDatagram, 0, 48, id));
  const auto given_up = tap.decoder.stats().fragments_expired;
  CHECK(given_up >= 4000);
  tap.see(piece(kDatagram, 48, 100, 4999));  // the newest is still there
  CHECK(tap.whole());
  tap.see(piece(kDatagram, 48, 100, 0));  // the first is not
  CHECK_FALSE(tap.whole());
}

TEST_CASE("reassembly: random pieces of random datagrams against a map of bytes",
          "[decode][fragment]") {
  const unsigned seed = 20260301;
  std::mt19937 random(seed);
  CAPTURE(seed);
  for (int round = 0; round < 200; ++round) {
    const Bytes payload = udp(1, 2, filler(8 + random() % 6000));
    std::vector<std::size_t> cuts = {0};
    while (cuts.back() < payload.size())
      cuts.push_back(std::min(payload.size(), cuts.back() + 8 + random() % 200 * 8));
    std::vector<std::size_t> order(cuts.size() - 1);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    Tap tap;
    for (std::size_t i = 0; i < order.size(); ++i) {
      tap.see(piece(payload, cuts[order[i]], cuts[order[i] + 1]));
      if (order.size() > 1) REQUIRE(tap.whole() == (i + 1 == order.size()));
    }
    const auto l4 = tap.out.layer_storage[0].l4;
    CHECK(Bytes(l4.begin(), l4.end()) == payload);
  }
}
