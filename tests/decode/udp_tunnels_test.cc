// Tunnels on ports of their own: what one frame cannot prove, the next ones confirm.
#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using decode::Encapsulation;

namespace {

struct Tap {
  std::string see(std::uint16_t src, std::uint16_t dst, const Bytes& payload) {
    // The lower port is at the first address, so swapped ports are the other direction.
    const std::string_view ends[2] = {"198.51.100.1", "203.0.113.1"};
    bytes = eth(0x0800, ipv4({.src = ends[src > dst], .dst = ends[src <= dst]},
                             udp(src, dst, payload)));
    decoder.decode(frame_of(bytes), out);
    const auto list =
        out.layer_count > 1 ? out.via(out.layer_storage[out.layer_count - 1U]) : out.tail();
    return names(list);
  }
  decode::Decoder decoder;
  decode::DecodedFrame out;
  Bytes bytes;
};

Bytes wireguard_data(std::uint8_t counter) {
  return hex("04000000 78563412") + Bytes{counter} + Bytes(7, 0) + Bytes(32, 0xaa);
}
Bytes ike_message() {
  return be32(0) + hex("1122334455667788 0000000000000000 21 20 22 08 00000000 0000001c");
}

}  // namespace

TEST_CASE("udp tunnels: either port may be the known one", "[decode][udp]") {
  Tap tap;
  const Bytes vxlan = hex("08000000 00002a00") + eth(0x0800, inner_ipv4());
  CHECK(tap.see(50000, 4789, vxlan) == "vxlan eth");
  CHECK(tap.see(4789, 50000, vxlan) == "vxlan eth");
}

TEST_CASE("udp tunnels: a known port without the structure is plain UDP", "[decode][udp]") {
  Tap tap;
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{
           4789, 4790, 6081, 2152, 3544, 500, 1701, 4341, 5072, 51820}) {
    CAPTURE(port);
    CHECK(tap.see(50000, port, Bytes(40, 0xff)).empty());
    CHECK(tap.out.layer_count == 1);
    CHECK(tap.out.stop == decode::DecodeStop::kNone);
  }
  CHECK(tap.see(50000, 4500, be32(255) + filler(40)).empty());  // no SPI, no IKE
}

TEST_CASE("udp tunnels: WireGuard on any port from its third packet on",
          "[decode][udp][wireguard]") {
  Tap tap;
  CHECK(tap.see(40001, 40002, wireguard_data(1)).empty());
  CHECK(tap.see(40002, 40001, wireguard_data(2)).empty());  // both directions are one flow
  CHECK(tap.see(40001, 40002, wireguard_data(3)) == "wg");
  CHECK(tap.out.tail().front().key == 0x12345678);
  CHECK(tap.out.tail().front().aux == 3);
  // Another flow with that session is the same tunnel, from another port or beyond a NAT.
  CHECK(tap.see(40001, 40003, wireguard_data(4)) == "wg");
  Bytes other = wireguard_data(5);
  other[4] ^= 1;
  CHECK(tap.see(40001, 40004, other).empty());  // another session
}

TEST_CASE("udp tunnels: ESP in UDP follows IKE on the same ports", "[decode][udp][esp]") {
  Tap tap;
  const Bytes esp = hex("00001000 00000005") + Bytes(40, 0xaa);
  CHECK(tap.see(6000, 6001, esp).empty());
  CHECK(tap.see(6000, 6001, ike_message()).empty());
  CHECK(tap.see(6001, 6000, ike_message()) == "udpencap isakmp");
  CHECK(tap.see(6000, 6001, esp) == "udpencap esp");
  CHECK(tap.see(6000, 6001, hex("ff")) == "udpencap");
}

TEST_CASE("udp tunnels: inner packets by shape need a second packet", "[decode][udp]") {
  struct Row {
    std::string_view name;
    Bytes payload;
  };
  const Bytes ip = inner_ipv4();
  const std::vector<Row> rows = {
      {"vxlan eth", hex("08000000 00002a00") + eth(0x0800, ip)},
      {"geneve", hex("00000800 00002a00") + ip},
      {"gtp", hex("30ff") + be16(ip.size()) + be32(5) + ip},
      {"teredo", ipv6({.src = "2001:0:4137:9e76::1"}, udp(1, 2, filler(4)))},
      {"fou", ip},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Tap tap;
    CHECK(tap.see(6000, 6001, row.payload).empty());
    CHECK(tap.out.layer_count == 1);
    CHECK(tap.see(6000, 6001, row.payload) == row.name);
    CHECK(tap.out.layer_count == 2);
  }
}

TEST_CASE("udp tunnels: an inner packet that nobody could send refutes a shape",
          "[decode][udp]") {
  Tap tap;
  const Bytes zero = ipv4({.src = "0.0.0.0"}, udp(1, 2, filler(4)));
  const Bytes reserved = ipv4({.src = "240.0.0.1"}, udp(1, 2, filler(4)));
  for (int i = 0; i < 4; ++i) {
    CHECK(tap.see(6000, 6001, zero).empty());
    CHECK(tap.see(6000, 6001, reserved).empty());
  }
}

TEST_CASE("udp tunnels: three packets that do not fit end it", "[decode][udp]") {
  Tap tap;
  const Bytes esp = hex("00001000 00000005") + Bytes(40, 0xaa);
  tap.see(6000, 6001, ike_message());
  tap.see(6000, 6001, ike_message());
  CHECK(tap.see(6000, 6001, esp) == "udpencap esp");
  for (int i = 0; i < 3; ++i) tap.see(6000, 6001, filler(9));
  CHECK(tap.see(6000, 6001, esp).empty());
}

TEST_CASE("udp tunnels: many flows do not grow the memory", "[decode][udp][hostile]") {
  Tap tap;
  for (std::uint32_t i = 0; i < 50000; ++i) {
    tap.see(static_cast<std::uint16_t>(10000 + i % 40000),
            static_cast<std::uint16_t>(50000 + i / 40000), wireguard_data(1));
  }
  tap.see(6000, 6001, wireguard_data(1));
  tap.see(6000, 6001, wireguard_data(2));
  CHECK(tap.see(6000, 6001, wireguard_data(3)) == "wg");
}

TEST_CASE("l2tpv3: the place of the frame is believed from the third packet on",
          "[decode][l2tp]") {
  const Bytes cookie = hex("0102030405060708");
  const Bytes packet = be32(77) + cookie + eth(0x0800, inner_ipv4());
  decode::Decoder decoder;
  decode::DecodedFrame out;
  const Bytes bytes = ipv4({.protocol = 115}, packet);
  for (int i = 1; i <= 3; ++i) {
    decoder.decode(frame_of(bytes, 101), out);
    CHECK(out.layer_count == (i < 3 ? 1 : 2));
  }
  CHECK(names(out.via(out.layer_storage[1])) == "l2tp eth");
}

TEST_CASE("esp: the NULL cipher is opened on request, from the third packet on",
          "[decode][esp]") {
  // Inner packet, padding 1 2, pad length, next header 4, integrity value of 12 bytes.
  const Bytes body = inner_ipv4() + hex("01 02 02 04") + Bytes(12, 0xcc);
  for (const bool open : {false, true}) {
    decode::Decoder decoder({.open_esp_null = open});
    decode::DecodedFrame out;
    for (std::uint32_t i = 1; i <= 3; ++i) {
      const Bytes bytes = ipv4({.protocol = 50}, be32(0x1000) + be32(i) + body);
      decoder.decode(frame_of(bytes, 101), out);
      CHECK(out.layer_count == (open && i == 3 ? 2 : 1));
    }
  }
}

TEST_CASE("esp: a NULL cipher in transport mode shows the transport of its own packet",
          "[decode][esp]") {
  const Bytes inside = with_l4_checksum(ipv4({}, udp(7, 8, filler(20))));
  const Bytes body =
      Bytes(inside.begin() + 20, inside.end()) + hex("01 02 02 11") + Bytes(12, 0xcc);
  decode::Decoder decoder({.open_esp_null = true});
  decode::DecodedFrame out;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    const Bytes bytes = ipv4({.protocol = 50}, be32(0x1000) + be32(i) + body);
    decoder.decode(frame_of(bytes, 101), out);
    if (i < 3) continue;
    CHECK(out.layer_storage[0].dst_port == 8);
    CHECK(out.layer_storage[0].protocol == 50);  // to conntrack it stays ESP
    CHECK(tuple_of(out.layer_storage[0]).dst_port == 0);
    CHECK(verify_l4_checksum(out.layer_storage[0]) == decode::ChecksumState::kGood);
  }
}
