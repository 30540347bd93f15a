// The check of checksums, and what mode `auto` makes of offload.
#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

const std::string kOut = "10.0.0.2:5000 > 192.0.2.9:53";

// The UDP packet of `port` with `field` in its checksum.
Bytes with_field(std::uint16_t port, std::uint16_t field) {
  Trace trace;
  Bytes packet = trace.udp("10.0.0.2:" + std::to_string(port) + " > 192.0.2.9:53").bytes();
  packet[26] = static_cast<std::uint8_t>(field >> 8);
  packet[27] = static_cast<std::uint8_t>(field);
  return packet;
}

std::uint16_t field_of(const Bytes& packet) {
  return load_be16(packet, 26);
}

std::uint16_t right_field(std::uint16_t port) {
  Trace trace;
  return field_of(trace.udp("10.0.0.2:" + std::to_string(port) + " > 192.0.2.9:53").bytes());
}

std::string judge(Trace& trace, const Bytes& packet) {
  return trace.packet(packet).packet_class() == "INVALID" ? trace.reason() : "fine";
}

// What a network card finds to complete: the pseudo-header sum.
std::uint16_t partial(std::uint16_t length) {
  return checksum_add(hex("0a000002 c0000209 0011") + be16(length));
}

}  // namespace

TEST_CASE("checksum: mode 1 lets nothing wrong pass, mode 0 everything",
          "[conntrack][checksum]") {
  Trace strict;
  CHECK(judge(strict, with_field(1, partial(9))) == "bad_checksum");
  CHECK(judge(strict, with_field(1, 0x1234)) == "bad_checksum");
  conntrack::Options options;
  REQUIRE(options.set_sysctl("nf_conntrack_checksum", "0"));
  Trace blind(options);
  CHECK(judge(blind, with_field(1, 0x1234)) == "fine");
}

TEST_CASE("checksum: auto takes the pseudo-header sum for offload, always",
          "[conntrack][checksum]") {
  Trace trace{conntrack::Options()};
  CHECK(judge(trace, with_field(1, right_field(1))) == "fine");
  CHECK(judge(trace, with_field(2, partial(9))) == "fine");
}

TEST_CASE("checksum: auto takes one constant error for offload until a right one is seen",
          "[conntrack][checksum]") {
  Trace trace{conntrack::Options()};
  const auto off_by = [](std::uint16_t port, std::uint16_t d) {
    return with_field(port, checksum_add(be16(right_field(port)) + be16(d)));
  };
  CHECK(judge(trace, off_by(1, 0x0101)) == "fine");
  CHECK(judge(trace, off_by(2, 0x0101)) == "fine");
  CHECK(judge(trace, off_by(3, 0x0777)) == "bad_checksum");
  CHECK(judge(trace, with_field(4, right_field(4))) == "fine");
  CHECK(judge(trace, off_by(5, 0x0101)) == "bad_checksum");
}

TEST_CASE("checksum: what the capture cut cannot be wrong", "[conntrack][checksum]") {
  Trace trace;
  const Bytes packet = with_field(1, 0x1234);
  CHECK(trace.packet(packet, packet.size() - 1).packet_class() == "NEW");
}

TEST_CASE("checksum: a broken IPv4 header never reaches tracking", "[conntrack][checksum]") {
  Trace trace;
  Bytes packet = trace.udp(kOut).bytes();
  packet[8] ^= 1;
  CHECK(trace.packet(packet).packet_class() == "NONE");
  CHECK(trace.connection().connection == 1);
  packet[10] = packet[11] = 0;  // left to the network card
  CHECK(trace.packet(packet).packet_class() == "NONE");
  Trace tolerant{conntrack::Options()};
  CHECK(tolerant.packet(packet).packet_class() == "NEW");
}

}  // namespace natlens::test
