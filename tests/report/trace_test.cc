#include "natlens/report/trace.h"

#include <chrono>
#include <string>

#include "support/catch.h"

using namespace natlens;
using namespace natlens::report;
using namespace std::chrono_literals;

namespace {

constexpr auto kStart = Timestamp::from_ns(1'795'257'709'858'823'000);

TraceConnection connection(std::string tap, std::string original, std::int64_t id) {
  TraceConnection connection;
  connection.id = id;
  connection.first_frame = tap + ".pcap:12";
  connection.last_frame = tap + ".pcap:40";
  connection.tap = std::move(tap);
  connection.protocol = "tcp";
  connection.original = std::move(original);
  connection.state = "TIME_WAIT";
  connection.status = "ASSURED";
  connection.ended = "end";
  connection.original_packets = 6;
  connection.original_bytes = 412;
  connection.reply_packets = 5;
  connection.reply_bytes = 1'300;
  connection.start = kStart;
  connection.last = kStart + 1'200ms;
  return connection;
}

Trace masqueraded() {
  Trace trace;
  trace.connections = {
      connection("lan", "192.168.1.11:40000 > 203.0.113.10:7002", 10'000'000'005),
      connection("wan", "198.51.100.2:1024 > 203.0.113.10:7002", 20'000'000'004)};
  TraceHop hop;
  hop.second = 1;
  hop.kind = "snat";
  hop.confidence = "certain";
  hop.bits = 96.3;
  hop.margin_bits = 61;
  hop.changes = {"source 192.168.1.11:40000 became 198.51.100.2:1024"};
  hop.accounts = {{6, 0, 0, true, 31us, 41us, 80us, 95us, -1},
                  {4, 0, 1, false, {}, {}, {}, {}, {}}};
  hop.evidence = {{"tcp_handshake", 64, "ISN 0x0123abcd in 2 handshake segments"},
                  {"far_endpoint", 12.3, "the other end is the same"}};
  trace.hops = {hop};
  trace.ladder = {{"lan", "wan"},
                  {{kStart, 0, "NEW SYN_SENT"}, {kStart + 41us, 1, "NEW SYN_SENT"}}};
  return trace;
}

}  // namespace

TEST_CASE("trace: the page of a connection through a NAT", "[report][trace]") {
  CHECK(
      trace_text(masqueraded()) ==
      "tcp 192.168.1.11:40000 > 203.0.113.10:7002  snat\n"
      "from 2026-11-21 10:41:49.858 UTC, for 1.20 s\n"
      "\n"
      "  tap  connection                              packets  bytes       state              "
      "ended  frames             id\n"
      "  lan  192.168.1.11:40000 > 203.0.113.10:7002  6 + 5    412 + 1300  TIME_WAIT ASSURED  "
      "end    lan.pcap:12 .. 40  10000000005\n"
      "  wan  198.51.100.2:1024 > 203.0.113.10:7002   6 + 5    412 + 1300  TIME_WAIT ASSURED  "
      "end    wan.pcap:12 .. 40  20000000004\n"
      "\n"
      "lan -> wan: snat, certain (96.3 bits, 61.0 more than the next candidate)\n"
      "  source 192.168.1.11:40000 became 198.51.100.2:1024\n"
      "  packets     at both  only lan  only wan  latency min  median   p99      max      TTL\n"
      "  lan -> wan        6         0         0  31.0 us      41.0 us  80.0 us  95.0 us  -1\n"
      "  wan -> lan        4         0         1  -            -        -        -        -\n"
      "  evidence       bits  because\n"
      "  tcp_handshake  64.0  ISN 0x0123abcd in 2 handshake segments\n"
      "  far_endpoint   12.3  the other end is the same\n"
      "\n"
      "events, in the clock of the first tap\n"
      "   seconds  lan                wan\n"
      "  0.000000  NEW SYN_SENT  -->  NEW SYN_SENT +41.0 us\n");
}

TEST_CASE("trace: a connection without a partner says why, and what it could be",
          "[report][trace]") {
  Trace trace;
  trace.connections = {
      connection("lan", "192.168.1.10:5353 > 203.0.113.10:53", 10'000'000'001)};
  TraceConnection& only = trace.connections.front();
  only.protocol = "udp";
  only.state = "";
  only.status = "UNREPLIED";
  only.last = only.start;
  only.last_frame = only.first_frame;
  only.unpaired = "ambiguous";
  only.candidates = {"wan 198.51.100.2:5353 > 203.0.113.10:53, 31.0 bits"};
  only.beginning_seen = false;
  only.invalid_packets = 1;
  CHECK(trace_text(trace) ==
        "udp 192.168.1.10:5353 > 203.0.113.10:53  no partner\n"
        "from 2026-11-21 10:41:49.858 UTC, one moment\n"
        "\n"
        "  tap  connection                           packets  bytes       state      ended  "
        "frames  "
        "     id\n"
        "  lan  192.168.1.10:5353 > 203.0.113.10:53  6 + 5    412 + 1300  UNREPLIED  end    "
        "lan.pcap:12  10000000001\n"
        "  at lan its beginning was not captured\n"
        "  at lan connection tracking refused 1 packet as INVALID\n"
        "  no partner at another tap: several partners fit equally well\n"
        "    could be wan 198.51.100.2:5353 > 203.0.113.10:53, 31.0 bits\n");
}

TEST_CASE("trace: a hop that changed nothing, with no rival, says both", "[report][trace]") {
  Trace trace = masqueraded();
  trace.hops[0].kind = "routed";
  trace.hops[0].changes.clear();
  trace.hops[0].margin_bits.reset();
  const std::string text = trace_text(trace);
  CHECK(text.find("lan -> wan: routed, certain (96.3 bits, no other candidate)\n"
                  "  addresses and ports stayed as they were\n") != std::string::npos);
}

TEST_CASE("trace: latencies are said to be as loose as the clocks", "[report][trace]") {
  Trace trace = masqueraded();
  trace.hops[0].clock_error = 15us;
  trace.hops[0].accounts[0].ttl_delta = 0;
  const std::string text = trace_text(trace);
  CHECK(text.find("  (latencies are as good as the clocks: within 15.0 us)\n") !=
        std::string::npos);
  CHECK(text.find("95.0 us  same\n") != std::string::npos);
}

TEST_CASE("trace: targets", "[report][trace]") {
  CHECK(parse_trace_target("192.0.2.1:5000")->port == 5000);
  CHECK(to_string(parse_trace_target("192.0.2.1:5000")->address) == "192.0.2.1");
  CHECK_FALSE(parse_trace_target("192.0.2.1")->port.has_value());
  CHECK(parse_trace_target("[2001:db8::1]:443")->port == 443);
  CHECK_FALSE(parse_trace_target("2001:db8::1")->port.has_value());
  CHECK_FALSE(parse_trace_target("[2001:db8::1]")->port.has_value());
  CHECK(parse_trace_target("192.0.2.1:0")->port == 0);
  CHECK(parse_trace_target("10000000042")->id == 10'000'000'042);
  for (const char* wrong : {"", "lan", "42", "192.0.2.1:70000", "192.0.2:80", "10000000042x"}) {
    const auto target = parse_trace_target(wrong);
    REQUIRE_FALSE(target);
    CHECK(
        target.error().message ==
        "'" + std::string(wrong) +
            "' is no endpoint; write ADDRESS:PORT, [IPV6]:PORT, ADDRESS, or a connection's id");
  }
}
