// GRE and everything without a tracker of its own, Linux 6.18.
#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

const std::string kOut = "10.0.0.2 > 192.0.2.9";
const std::string kBack = "192.0.2.9 > 10.0.0.2";

}  // namespace

TEST_CASE("gre: version 0 is one connection per pair of addresses", "[conntrack][gre]") {
  Trace trace;
  trace.transport(kOut, 47, hex("20000800 00000001"));
  trace.transport(kOut, 47, hex("20000800 00000002"));
  CHECK(trace.connection().connection == 1);
  CHECK(trace.timeout() == 30);
  trace.transport(kBack, 47, hex("00000800"));
  CHECK(trace.timeout() == 30);
  trace.transport(kOut, 47, hex("00"));  // shorter than a header: keys 0 too
  CHECK(trace.connection().connection == 1);
  CHECK(trace.assured());
  CHECK(trace.timeout() == 180);
}

TEST_CASE("gre: version 1 has the call id of one side", "[conntrack][gre]") {
  Trace trace;
  trace.transport(kOut, 47, hex("3001880b 0000004d"));
  CHECK(trace.connection().original.dst_port == 0x4d);
  trace.transport(kBack, 47, hex("3001880b 0000004e"));
  CHECK(trace.connection().connection == 2);
  trace.transport(kOut, 47, hex("30010800 0000004d"));
  CHECK(trace.packet_class() == "INVALID");
}

TEST_CASE("generic: one connection per pair of addresses and protocol, never assured",
          "[conntrack][generic]") {
  Trace trace;
  trace.transport(kOut, 50, filler(16)).transport(kBack, 50, filler(16));
  trace.transport(kOut, 50, filler(16));
  CHECK(trace.seen() == "ESTABLISHED");
  CHECK_FALSE(trace.assured());
  CHECK(trace.timeout() == 600);
  trace.transport(kOut, 51, filler(16));  // AH in IPv4 is not looked behind
  CHECK(trace.connection().connection == 2);
}

TEST_CASE("dccp: keyed by address alone, by ports before 6.17", "[conntrack][generic]") {
  const Bytes bytes = be16(5000) + be16(53) + filler(12);
  Trace now;
  now.transport(kOut, 33, bytes);
  CHECK(now.connection().original.dst_port == 0);
  auto options = Trace::kernel_options();
  REQUIRE(options.set_kernel("6.12"));
  Trace before(options);
  before.transport(kOut, 33, bytes);
  CHECK(before.connection().original.dst_port == 53);
}

TEST_CASE("a packet from an endpoint to itself finds its reply first", "[conntrack][generic]") {
  Trace trace;
  trace.udp("10.0.0.2:7 > 10.0.0.2:7");
  CHECK(trace.seen() == "NEW");
  trace.udp("10.0.0.2:7 > 10.0.0.2:7");
  CHECK(trace.seen() == "ESTABLISHED reply");
}

}  // namespace natlens::test
