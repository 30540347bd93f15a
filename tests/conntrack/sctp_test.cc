// nf_conntrack_proto_sctp.c, Linux 6.18.
#include "checksum.h"
#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

const std::string kOut = "10.0.0.2 > 192.0.2.9";
const std::string kBack = "192.0.2.9 > 10.0.0.2";

Bytes chunk(std::uint8_t type, const Bytes& body = {}, std::uint8_t flags = 0) {
  return Bytes{type, flags} + be16(4 + body.size()) + body;
}
Bytes init(std::uint8_t type, std::uint32_t tag) {
  return chunk(type, be32(tag) + be32(65536) + be16(1) + be16(1) + be32(1));
}

// Common header and chunks, with the right CRC.
Bytes sctp(bool reply, std::uint32_t tag, const Bytes& chunks) {
  Bytes bytes = (reply ? be16(4000) + be16(3000) : be16(3000) + be16(4000)) + be32(tag) +
                be32(0) + chunks;
  const Bytes crc = be32(conntrack::sctp_crc(bytes));
  std::copy(crc.begin(), crc.end(), bytes.begin() + 8);
  return bytes;
}

struct Dialogue {
  Trace trace;
  Trace& out(std::uint32_t tag, const Bytes& chunks) {
    return trace.transport(kOut, 132, sctp(false, tag, chunks));
  }
  Trace& back(std::uint32_t tag, const Bytes& chunks) {
    return trace.transport(kBack, 132, sctp(true, tag, chunks));
  }
  void establish() {
    out(0, init(1, 100));
    CHECK(trace.state() == "CLOSED");
    back(100, init(2, 200));
    CHECK(trace.state() == "COOKIE_WAIT");
    out(200, chunk(10));
    CHECK(trace.state() == "COOKIE_ECHOED");
    back(100, chunk(11));
    CHECK(trace.state() == "ESTABLISHED");
  }
};

}  // namespace

TEST_CASE("sctp: crc32c of a known message", "[conntrack][sctp]") {
  // RFC 3720 B.4: 32 bytes of zero have CRC32c 0x8a9136aa (here in the order it is sent).
  CHECK(conntrack::sctp_crc(Bytes(32, 0)) == 0xaa36918aU);
}

TEST_CASE("sctp: an association opens and shuts down", "[conntrack][sctp]") {
  Dialogue d;
  d.establish();
  CHECK(d.trace.assured());
  CHECK(d.trace.connection().vtag == std::array<std::uint32_t, 2>{200, 100});
  CHECK(d.trace.timeout() == 210);
  d.out(200, chunk(0, filler(12)));
  CHECK(d.trace.seen() == "ESTABLISHED");
  d.out(200, chunk(7, be32(0)));
  CHECK(d.trace.state() == "SHUTDOWN_SENT");
  d.back(100, chunk(8));
  CHECK(d.trace.state() == "SHUTDOWN_ACK_SENT");
  d.out(200, chunk(14));
  CHECK(d.trace.state() == "CLOSED");
  CHECK(d.trace.timeout() == 10);
}

TEST_CASE("sctp: a wrong tag is INVALID", "[conntrack][sctp]") {
  Dialogue d;
  d.establish();
  d.out(201, chunk(0, filler(12)));
  CHECK(d.trace.reason() == "bad_tag");
  d.out(201, chunk(6));
  CHECK(d.trace.reason() == "bad_tag");
  d.out(100, chunk(6, {}, 1));  // T flag: the peer's tag
  CHECK(d.trace.state() == "CLOSED");
}

TEST_CASE("sctp: what cannot start an association", "[conntrack][sctp]") {
  for (const Bytes& chunks : {chunk(6), chunk(14), chunk(11), chunk(0, filler(12)), chunk(3)}) {
    Dialogue d;
    d.out(0, chunks);
    CHECK(d.trace.reason() == "not_first");
  }
  Dialogue tagged;
  tagged.out(5, init(1, 100));  // INIT has tag 0
  CHECK(tagged.trace.reason() == "not_first");
}

TEST_CASE("sctp: chunks out of order are INVALID", "[conntrack][sctp]") {
  const Bytes data = chunk(0, filler(12));
  for (const Bytes& chunks : {Bytes(), init(1, 9) + data, data + init(1, 9), data + chunk(11),
                              data + chunk(10), Bytes{0, 0, 0, 0}}) {
    Dialogue d;
    d.out(0, chunks);
    CHECK(d.trace.reason() == "bad_chunks");
  }
}

TEST_CASE("sctp: a heartbeat on a new path is let through until it is answered",
          "[conntrack][sctp]") {
  Dialogue d;
  d.out(300, chunk(4, filler(4)));
  CHECK(d.trace.state() == "HEARTBEAT_SENT");
  d.back(400, chunk(5, filler(4)));
  CHECK(d.trace.state() == "ESTABLISHED");
  d.trace.at(100s);
  d.out(301, chunk(4, filler(4)));  // another tag: accepted, not refreshed
  CHECK(d.trace.seen() == "ESTABLISHED");
  CHECK(d.trace.expires_at() == 210);
  d.back(400, chunk(5, filler(4)));
  CHECK(d.trace.seen() == "ESTABLISHED reply");
}

TEST_CASE("sctp: INIT from both ends holds tags together since the stable releases",
          "[conntrack][sctp]") {
  for (const auto& [version, reason] :
       std::map<std::string, std::string>{{"6.18", "bad_tag"}, {"5.10", ""}}) {
    auto options = Trace::kernel_options();
    REQUIRE(options.set_kernel(version));
    Dialogue d{Trace(options)};
    d.establish();
    d.back(100, init(2, 999));  // an INIT-ACK nobody asked for, with another tag
    INFO(version);
    CHECK(d.trace.reason() == reason);
  }
}

TEST_CASE("sctp: every cut of a good packet is judged without harm", "[conntrack][sctp]") {
  const Bytes whole = sctp(false, 0, init(1, 100));
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    Trace trace(conntrack::Options{});
    trace.transport(kOut, 132, Bytes(whole.begin(), whole.begin() + static_cast<long>(n)));
    CHECK((trace.packet_class() == "NEW") == (n == whole.size()));
  }
}

}  // namespace natlens::test
