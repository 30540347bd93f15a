#include "strays.h"

#include "support/catch.h"

namespace natlens::pipeline {
namespace {

using conntrack::Direction;
using conntrack::InvalidReason;

Timestamp at(std::int64_t ms) {
  return Timestamp::from_ns(1'700'000'000'000'000'000 + ms * 1'000'000);
}

decode::Layer tcp_layer(const char* src, const char* dst) {
  decode::Layer layer;
  layer.version = 4;
  layer.src = *Address::parse(src);
  layer.dst = *Address::parse(dst);
  layer.protocol = protocol::kTcp;
  layer.transport = decode::TransportKind::kTcp;
  layer.src_port = layer.src == *Address::parse("192.0.2.9") ? 443 : 4000;
  layer.dst_port = layer.src_port == 443 ? 4000 : 443;
  layer.total_bytes = 40;
  return layer;
}

// One tap's flows, with packets refused one after the other.
struct Tap {
  StrayFlows flows;
  conntrack::Opened entry;
  std::vector<conntrack::Closed> ended;

  conntrack::Verdict refuse(const decode::Layer& layer,
                            std::int64_t ms,
                            InvalidReason reason = InvalidReason::kNotFirst,
                            const decode::Layer* quoted = nullptr) {
    conntrack::Packet packet;
    packet.layer = &layer;
    packet.quoted = quoted;
    packet.time = at(ms);
    packet.frame = static_cast<std::uint32_t>(ms);
    conntrack::Verdict verdict;
    verdict.packet_class = conntrack::PacketClass::kInvalid;
    verdict.invalid.reason = reason;
    flows.claim(packet, verdict, entry);
    return verdict;
  }
};

}  // namespace

TEST_CASE("strays: refused packets of one tuple are one flow", "[pipeline][strays]") {
  Tap tap;
  const auto answer = tcp_layer("192.0.2.9", "198.51.100.1");
  const auto request = tcp_layer("198.51.100.1", "192.0.2.9");
  const auto first = tap.refuse(answer, 1);
  CHECK(first.opened);
  CHECK(first.connection == stream::kFirstStray);
  CHECK(first.direction == Direction::kOriginal);
  CHECK(!tap.entry.beginning_seen);
  CHECK(tap.entry.original.src == answer.src);
  CHECK(tap.entry.reply.src == request.src);
  const auto second = tap.refuse(request, 2);
  CHECK(!second.opened);
  CHECK(second.connection == stream::kFirstStray);
  CHECK(second.direction == Direction::kReply);
  tap.flows.expire(at(10'000), tap.ended);
  CHECK(tap.ended.empty());
  tap.flows.expire(at(10'001), tap.ended);
  REQUIRE(tap.ended.size() == 1);
  CHECK(tap.ended[0].reason == conntrack::CloseReason::kUntracked);
  CHECK(tap.ended[0].counters[1].packets == 1);
  CHECK(tap.ended[0].invalid_packets == 2);
  CHECK(tap.ended[0].first_frame == 1);
  CHECK(tap.ended[0].last_packet == at(2));
  CHECK(tap.refuse(request, 10'002).connection == stream::kFirstStray + 1);
}

TEST_CASE("strays: an ICMP error stands for the packet that it quotes", "[pipeline][strays]") {
  Tap tap;
  const auto quoted = tcp_layer("198.51.100.1", "192.0.2.9");
  decode::Layer error;
  error.protocol = protocol::kIcmp;
  error.transport = decode::TransportKind::kIcmp;
  const auto verdict = tap.refuse(error, 1, InvalidReason::kErrorUnrelated, &quoted);
  CHECK(verdict.opened);
  CHECK(verdict.direction == Direction::kReply);
  CHECK(tap.entry.original.src == quoted.src);
  CHECK(tap.refuse(quoted, 2).direction == Direction::kOriginal);
}

TEST_CASE("strays: packets refused for what they are stay alone, and floods are bounded",
          "[pipeline][strays]") {
  Tap tap;
  const auto layer = tcp_layer("192.0.2.9", "198.51.100.1");
  CHECK(tap.refuse(layer, 1, InvalidReason::kBadChecksum).connection == 0);
  for (std::uint32_t n = 0; n < 2 * StrayFlows::kMostFlows; ++n) {
    auto scan = layer;
    scan.src = Address::v4(0x0a000000U + n);
    const bool kept = tap.refuse(scan, 2).connection != 0;
    REQUIRE(kept == (n < StrayFlows::kMostFlows));
  }
  tap.flows.finish(at(3), tap.ended);
  CHECK(tap.ended.size() == StrayFlows::kMostFlows);
}

}  // namespace natlens::pipeline
