#include "promises.h"

#include "natlens/correlate/correlator.h"

#include "support/catch.h"
#include "support/correlate_trace.h"

namespace natlens::correlate {
namespace {

using stream::StatementKind;
using stream::StatementProtocol;

Endpoint end(const char* text) {
  return *parse_endpoint(text);
}

Tuple udp(const char* src, const char* dst) {
  Tuple tuple;
  tuple.protocol = protocol::kUdp;
  tuple.src = end(src).address;
  tuple.src_port = end(src).port;
  tuple.dst = end(dst).address;
  tuple.dst_port = end(dst).port;
  return tuple;
}

Connection connection(const char* src, const char* dst) {
  Connection out;
  out.original = udp(src, dst);
  return out;
}

stream::Statement answer(StatementProtocol protocol,
                         StatementKind kind,
                         const char* whose,
                         const char* named) {
  stream::Statement out;
  out.protocol = protocol;
  out.kind = kind;
  out.speaker = conntrack::Direction::kReply;
  out.whose = end(whose);
  out.named = end(named);
  return out;
}

constexpr std::int64_t kBase = 1'800'000'000'000'000'000;

// Two clients ask one server the same at once; the box draws ports. Which is which?
std::size_t recognised(bool stun) {
  test::RecordingSink sink;
  Correlator correlator({}, sink);
  for (std::uint16_t tap = 0; tap < 2; ++tap) {
    ClockEstimate clock;
    clock.tap = tap;
    clock.anchor = Timestamp::from_ns(kBase);
    clock.matches = 100;
    correlator.add_tap(clock);
  }
  constexpr const char* kEnds[2][2] = {{"10.0.0.2:5000", "10.0.0.3:5000"},
                                       {"198.51.100.1:6001", "198.51.100.1:6002"}};
  for (std::uint16_t tap = 0; tap < 2; ++tap) {
    for (std::uint32_t n = 0; n < 2; ++n) {
      stream::Opened opened;
      opened.entry.connection = n + 1;
      opened.entry.time = Timestamp::from_ns(kBase + tap * 1000);
      opened.entry.original = udp(kEnds[tap][n], "192.0.2.9:3478");
      correlator.open(tap, opened);
      stream::Sighting s;
      s.time = opened.entry.time;
      s.connection = n + 1;
      s.fingerprint = 0x1234567890abcdef;
      s.payload_digest = 77;
      s.payload_bytes = 20;
      s.ttl = tap == 0 ? 64 : 63;
      correlator.sight(tap, s);
    }
  }
  for (std::uint32_t n = 0; stun && n < 2; ++n) {
    auto said =
        answer(StatementProtocol::kStun, StatementKind::kMapped, kEnds[0][n], kEnds[1][n]);
    said.connection = n + 1;
    said.time = Timestamp::from_ns(kBase + 2000);
    correlator.say(0, said);
  }
  correlator.finish();
  std::size_t right = 0;
  for (const Translation& t : sink.translations) right += t.inside.serial == t.outside.serial;
  CHECK(right == sink.translations.size());
  return right;
}

}  // namespace

TEST_CASE("promises: a STUN answer holds towards its server, and is a hint elsewhere",
          "[correlate][promises]") {
  Promises promises;
  const auto said = answer(StatementProtocol::kStun, StatementKind::kMapped, "10.0.0.2:5000",
                           "198.51.100.1:6000");
  const auto inside = connection("10.0.0.2:5000", "192.0.2.9:3478");
  CHECK(promises.say(inside, said));
  CHECK_FALSE(promises.say(inside, said));
  const Tuple outside = udp("198.51.100.1:6000", "192.0.2.9:3478");
  CHECK(promises.bits(inside.original, outside) == kPromisedBits);
  CHECK(promises.bits(outside, inside.original) == kPromisedBits);
  CHECK(promises.bits(udp("10.0.0.2:5000", "192.0.2.8:53"),
                      udp("198.51.100.1:6000", "192.0.2.8:53")) == kHintedBits);
  CHECK(promises.bits(udp("10.0.0.3:5000", "192.0.2.9:3478"), outside) == 0);
  CHECK(promises.bits(inside.original, udp("198.51.100.1:6001", "192.0.2.9:3478")) == 0);
}

TEST_CASE("promises: the same answer outside names the receiver as it is",
          "[correlate][promises]") {
  Promises promises;
  CHECK_FALSE(promises.say(connection("198.51.100.1:6000", "192.0.2.9:3478"),
                           answer(StatementProtocol::kStun, StatementKind::kMapped,
                                  "198.51.100.1:6000", "198.51.100.1:6000")));
}

TEST_CASE("promises: a granted port holds for connections from outside, until it is deleted",
          "[correlate][promises]") {
  Promises promises;
  const auto request = connection("10.0.0.2:40000", "10.0.0.1:5351");
  auto said = answer(StatementProtocol::kPcp, StatementKind::kGranted, "10.0.0.2:8080",
                     "198.51.100.1:80");
  said.transport = protocol::kUdp;
  CHECK(promises.say(request, said));
  const Tuple inside = udp("203.0.113.5:999", "10.0.0.2:8080");
  const Tuple outside = udp("203.0.113.5:999", "198.51.100.1:80");
  CHECK(promises.bits(inside, outside) == kPromisedBits);
  Tuple tcp_inside = inside;
  Tuple tcp_outside = outside;
  tcp_inside.protocol = tcp_outside.protocol = protocol::kTcp;
  CHECK(promises.bits(tcp_inside, tcp_outside) == 0);
  said.kind = StatementKind::kDeleted;
  promises.say(request, said);
  CHECK(promises.bits(inside, outside) == 0);
}

TEST_CASE("promises: NAT-PMP tells the address and the port apart", "[correlate][promises]") {
  Promises promises;
  const auto request = connection("10.0.0.2:40000", "10.0.0.1:5351");
  auto granted = answer(StatementProtocol::kNatPmp, StatementKind::kGranted, "10.0.0.2:8080",
                        "0.0.0.0:80");
  granted.named.address = {};
  granted.transport = protocol::kUdp;
  CHECK_FALSE(promises.say(request, granted));
  auto external = answer(StatementProtocol::kNatPmp, StatementKind::kExternal, "0.0.0.0:0",
                         "198.51.100.1:0");
  external.whose = {};
  promises.say(request, external);
  CHECK(promises.say(request, granted));
  CHECK(promises.bits(udp("203.0.113.5:999", "10.0.0.2:8080"),
                      udp("203.0.113.5:999", "198.51.100.1:80")) == kPromisedBits);
}

TEST_CASE("promises: what was said decides between rivals", "[correlate][promises]") {
  CHECK(recognised(false) == 0);
  CHECK(recognised(true) == 2);
}

}  // namespace natlens::correlate
