// nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c, Linux 6.18.
#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

const std::string kOut = "10.0.0.2 > 192.0.2.9";
const std::string kBack = "192.0.2.9 > 10.0.0.2";
const std::string kOut6 = "2001:db8::1 > 2001:db8::2";
const std::string kBack6 = "2001:db8::2 > 2001:db8::1";
constexpr std::uint32_t kId7 = 0x00070001;

Bytes quote_of(const Bytes& packet, std::size_t bytes) {
  return Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(bytes));
}

}  // namespace

TEST_CASE("icmp: request and reply of one id are a connection", "[conntrack][icmp]") {
  Trace trace;
  trace.icmp(kOut, 8, 0, kId7);
  CHECK(trace.seen() == "NEW");
  trace.icmp(kBack, 0, 0, kId7);
  CHECK(trace.seen() == "ESTABLISHED reply");
  trace.icmp(kOut, 8, 0, kId7 + 1);
  CHECK(trace.seen() == "ESTABLISHED");
  CHECK_FALSE(trace.assured());
  CHECK(trace.timeout() == 30);
  trace.icmp(kBack, 0, 3, kId7);  // the code is part of the tuple
  CHECK(trace.packet_class() == "INVALID");
  CHECK(trace.reason() == "not_first");
}

TEST_CASE("icmp: only requests start anything", "[conntrack][icmp]") {
  for (const std::uint8_t type : Bytes{8, 13, 15, 17}) {
    Trace trace;
    trace.icmp(kOut, type, 0, kId7);
    CHECK(trace.seen() == "NEW");
  }
  for (const std::uint8_t type : Bytes{0, 14, 16, 18}) {
    Trace trace;
    trace.icmp(kOut, type, 0, kId7);
    CHECK(trace.reason() == "not_first");
  }
  for (const std::uint8_t type : Bytes{1, 2, 6, 7, 9, 10, 19, 42, 255}) {
    Trace trace;
    trace.icmp(kOut, type, 0, kId7);
    CHECK(trace.reason() == "no_inverse");
  }
}

TEST_CASE("icmp: errors are RELATED to what they quote and change nothing",
          "[conntrack][icmp]") {
  Trace trace;
  trace.at(0s).udp("10.0.0.2:5000 > 192.0.2.9:53");
  const Bytes sent = trace.bytes();
  trace.at(10s).icmp("198.51.100.1 > 10.0.0.2", 3, 3, 0, quote_of(sent, 28));
  CHECK(trace.seen() == "RELATED reply");
  CHECK(trace.connection().connection == 1);
  CHECK_FALSE(trace.replied());
  CHECK(trace.expires_at() == 30);
  CHECK(trace.events().empty());
  trace.icmp("198.51.100.1 > 10.0.0.77", 3, 3, 0, quote_of(sent, 28));
  CHECK(trace.reason() == "error_unrelated");
  CHECK(trace.verdict().connection == 1);
  trace.icmp("198.51.100.1 > 10.0.0.2", 3, 3, 0, quote_of(sent, 24));
  CHECK(trace.packet_class() == "RELATED");
  trace.icmp("198.51.100.1 > 10.0.0.2", 3, 3, 0, quote_of(sent, 20));
  CHECK(trace.reason() == "error_unreadable");
}

TEST_CASE("icmp: an error about a reply belongs to the original direction",
          "[conntrack][icmp]") {
  Trace trace;
  trace.udp("10.0.0.2:5000 > 192.0.2.9:53").udp("192.0.2.9:53 > 10.0.0.2:5000");
  trace.icmp(kOut, 3, 3, 0, quote_of(trace.bytes(), 28));
  CHECK(trace.seen() == "RELATED");
}

TEST_CASE("icmp: errors about errors, fragments and strangers are INVALID",
          "[conntrack][icmp]") {
  Trace trace;
  trace.udp("10.0.0.2:5000 > 192.0.2.9:53");
  const Bytes sent = trace.bytes();
  trace.icmp("198.51.100.1 > 10.0.0.2", 3, 3, 0, quote_of(sent, 28));
  trace.icmp(kBack, 3, 3, 0, quote_of(trace.bytes(), 36));
  CHECK(trace.reason() == "error_unreadable");
  Bytes fragment = quote_of(sent, 28);
  fragment[7] = 1;
  trace.icmp("198.51.100.1 > 10.0.0.2", 11, 0, 0, fragment);
  CHECK(trace.reason() == "error_unreadable");
  Bytes stranger = quote_of(sent, 28);
  stranger[23] ^= 1;
  trace.icmp("198.51.100.1 > 10.0.0.2", 11, 0, 0, stranger);
  CHECK(trace.reason() == "error_unrelated");
}

TEST_CASE("icmpv6: echo, errors, and what is not tracked", "[conntrack][icmp]") {
  Trace trace;
  trace.icmp(kOut6, 128, 0, kId7);
  CHECK(trace.seen() == "NEW");
  const Bytes sent = trace.bytes();
  trace.icmp(kBack6, 129, 0, kId7);
  CHECK(trace.seen() == "ESTABLISHED reply");
  trace.icmp("2001:db8::9 > 2001:db8::1", 1, 0, 0, quote_of(sent, 48));
  CHECK(trace.seen() == "RELATED reply");
  for (const std::uint8_t type : Bytes{130, 131, 132, 133, 134, 135, 136, 143}) {
    trace.icmp(kOut6, type, 0, 0);
    CHECK(trace.packet_class() == "UNTRACKED");
  }
  trace.icmp(kOut6, 141, 0, 0);
  CHECK(trace.reason() == "no_inverse");
}

TEST_CASE("icmpv6: a redirect counts with the redirected header as its first option",
          "[conntrack][icmp]") {
  Trace trace;
  trace.udp("[2001:db8::1]:5000 > [2001:db8::2]:53");
  const Bytes sent = quote_of(trace.bytes(), 48);
  const auto redirect = [&](std::uint8_t code, std::uint8_t option, const std::string& from,
                            std::uint8_t hops) {
    const Bytes body = Bytes(32, 0) + Bytes{option, 7, 0, 0, 0, 0, 0, 0} + sent;
    Ipv6Header header;
    header.src = from;
    header.dst = "2001:db8::1";
    header.next = 58;
    header.hop_limit = hops;
    trace.packet(with_l4_checksum(ipv6(header, icmp(137, code, 0, body))));
    return trace.packet_class();
  };
  CHECK(redirect(0, 4, "fe80::1", 255) == "RELATED");
  CHECK(redirect(1, 4, "fe80::1", 255) == "INVALID");
  CHECK(redirect(0, 1, "fe80::1", 255) == "INVALID");
  CHECK(redirect(0, 4, "2001:db8::3", 255) == "INVALID");
  CHECK(redirect(0, 4, "fe80::1", 64) == "INVALID");
}

TEST_CASE("icmp: every cut of an error is judged without harm", "[conntrack][icmp]") {
  Trace trace;
  trace.udp("10.0.0.2:5000 > 192.0.2.9:53");
  trace.icmp("198.51.100.1 > 10.0.0.2", 3, 3, 0, quote_of(trace.bytes(), 28));
  const Bytes whole = trace.bytes();
  for (std::size_t captured = 20; captured < whole.size(); ++captured) {
    trace.packet(whole, captured);
    INFO(captured << " bytes captured");
    // The ports of the quote end at byte 52: with them the error is understood, before not.
    CHECK(trace.packet_class() == (captured < 52 ? "NONE" : "RELATED"));
  }
}

}  // namespace natlens::test
