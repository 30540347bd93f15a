// nf_conntrack_proto_udp.c, Linux 6.18.
#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

const std::string kOut = "10.0.0.2:5000 > 192.0.2.9:53";
const std::string kBack = "192.0.2.9:53 > 10.0.0.2:5000";

// UDP-Lite header and data; the checksum as with `protocol` in the pseudo header.
Bytes udplite(std::uint16_t coverage, std::uint8_t protocol) {
  Bytes bytes = be16(5000) + be16(53) + be16(coverage) + be16(0) + filler(6);
  const Bytes pseudo = hex("0a000002 c0000209") + be16(protocol) + be16(bytes.size());
  const std::size_t covered = coverage == 0 ? bytes.size() : coverage;
  const std::uint16_t sum =
      checksum(ByteView(bytes).first(std::min(covered, bytes.size())), checksum_add(pseudo));
  bytes[6] = static_cast<std::uint8_t>(sum >> 8);
  bytes[7] = static_cast<std::uint8_t>(sum);
  return bytes;
}

}  // namespace

TEST_CASE("udp: a reply within two seconds keeps the short timeout", "[conntrack][udp]") {
  Trace trace;
  trace.at(0.0s).udp(kOut);
  CHECK(trace.seen() == "NEW");
  trace.at(0.5s).udp(kBack);
  CHECK(trace.seen() == "ESTABLISHED reply");
  CHECK(trace.expires_at() == 30.5);
  CHECK(trace.events() == std::vector<std::string>{"UPDATE 1 t=30"});
}

TEST_CASE("udp: a replied flow is a stream after more than two seconds", "[conntrack][udp]") {
  Trace trace;
  trace.at(0s).udp(kOut);
  trace.at(1s).udp(kBack);
  trace.at(2s).udp(kOut);
  CHECK_FALSE(trace.assured());
  trace.at(2.001s).udp(kOut);
  CHECK(trace.assured());
  CHECK(trace.timeout() == 120);
}

TEST_CASE("udp: the reply itself never makes a stream, however late", "[conntrack][udp]") {
  Trace trace;
  trace.at(0s).udp(kOut);
  trace.at(20s).udp(kBack);
  CHECK_FALSE(trace.assured());
  CHECK(trace.timeout() == 30);
}

TEST_CASE("udp: one way is NEW for ever, and expiry is exact", "[conntrack][udp]") {
  Trace trace;
  trace.at(0s).udp(kOut);
  trace.at(29.999s).udp(kOut);
  CHECK(trace.seen() == "NEW");
  CHECK(trace.connection().connection == 1);
  trace.at(59.999s).udp(kOut);
  CHECK(trace.connection().connection == 2);
  CHECK(trace.closed_record(1).reason == conntrack::CloseReason::kExpired);
  CHECK((trace.closed_record(1).time - trace.openings()[0].time) ==
        Nanoseconds(59'999'000'000));
}

TEST_CASE("udp: lengths and checksums", "[conntrack][udp]") {
  const Bytes good = [] {
    Trace trace;
    return trace.udp(kOut, "abcd").bytes();
  }();
  const auto judge = [](const Bytes& packet) {
    Trace trace;
    trace.packet(packet);
    return trace.packet_class() == "INVALID" ? trace.reason() : trace.packet_class();
  };
  CHECK(judge(good) == "NEW");
  Bytes packet = good;
  packet[26] ^= 1;
  CHECK(judge(packet) == "bad_checksum");
  packet[26] = packet[27] = 0;  // none
  CHECK(judge(packet) == "NEW");
  packet[25] = 13;  // one byte more than there is
  CHECK(judge(packet) == "bad_header");
  packet[25] = 7;
  CHECK(judge(packet) == "bad_header");
  packet[25] = 9;  // smaller is fine
  CHECK(judge(packet) == "NEW");
}

TEST_CASE("udplite: the kernel sums with the wrong number, auto takes the right one too",
          "[conntrack][udp]") {
  const auto judge = [](const conntrack::Options& options, const Bytes& bytes) {
    Trace trace(options);
    trace.transport(kOut, 136, bytes);
    return trace.packet_class() == "INVALID" ? trace.reason() : trace.packet_class();
  };
  const auto kernel = Trace::kernel_options();
  CHECK(judge(kernel, udplite(8, 136)) == "bad_checksum");
  CHECK(judge(kernel, udplite(8, 17)) == "NEW");
  CHECK(judge(kernel, udplite(0, 17)) == "NEW");
  CHECK(judge(kernel, udplite(7, 17)) == "bad_header");
  CHECK(judge(kernel, udplite(15, 17)) == "bad_header");
  CHECK(judge(conntrack::Options(), udplite(8, 136)) == "NEW");
  Bytes none = udplite(8, 17);
  none[6] = none[7] = 0;
  CHECK(judge(kernel, none) == "bad_checksum");
}

TEST_CASE("udplite: a stream as soon as a reply was seen", "[conntrack][udp]") {
  auto options = Trace::kernel_options();
  REQUIRE(options.set_sysctl("nf_conntrack_checksum", "0"));
  Trace trace(options);
  const Bytes bytes = udplite(0, 17);
  Bytes back = bytes;
  std::swap(back[0], back[2]);
  std::swap(back[1], back[3]);
  trace.transport(kOut, 136, bytes).transport(kBack, 136, back);
  CHECK(trace.seen() == "ESTABLISHED reply");
  CHECK(trace.timeout() == 30);
  trace.transport(kOut, 136, bytes);
  CHECK(trace.assured());
  CHECK(trace.timeout() == 120);
}

}  // namespace natlens::test
