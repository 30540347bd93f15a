#include "natlens/report/summary.h"

#include <chrono>
#include <string>

#include "support/catch.h"

using namespace natlens;
using namespace natlens::report;
using namespace std::chrono_literals;

namespace {

constexpr auto kStart =
    Timestamp::from_ns(1'795'257'709'858'823'000);  // 2026-11-21 10:41:49.858

SummaryTap tap(std::string name, std::uint64_t frames, std::uint64_t connections) {
  SummaryTap tap;
  tap.name = std::move(name);
  tap.frames = frames;
  tap.connections = connections;
  tap.ip_packets = frames;
  tap.first = kStart;
  tap.last = kStart + 64s;
  tap.clock_basis = "reference";
  return tap;
}

Summary home_router() {
  Summary summary;
  summary.database = "nat.db";
  summary.translations = 39;
  summary.taps = {tap("lan", 1'702, 41), tap("wan", 12, 39)};
  summary.taps[1].clock_basis = "packets";
  summary.taps[1].offset = 3'200us;
  summary.taps[1].error = 40us;
  summary.taps[1].drift_ppm = -12.14;
  summary.taps[1].matches = 512;
  summary.between = {{"lan", "wan", "nat", 39, "38 snat, 1 dnat", "198.51.100.2"}};
  summary.mappings = {{"snat",
                       38,
                       {"tcp 192.168.1.11:40000 -> 198.51.100.2:1024",
                        "udp 192.168.1.10:5353 -> 198.51.100.2:5353 (3 connections)"}},
                      {"dnat", 1, {"tcp 192.168.1.12:80 -> 198.51.100.2:8080"}}};
  summary.unpaired = {
      {"lan", "nothing_in_common", 2, "udp 192.168.1.10:68 > 255.255.255.255:67"}};
  summary.endpoint = "192.168.1.11:40000";
  return summary;
}

}  // namespace

TEST_CASE("summary: the page of a home router", "[report][summary]") {
  CHECK(
      summary_text(home_router()) ==
      "nat.db: 1,714 frames at 2 taps, 80 connections, 39 translations\n"
      "\n"
      "taps\n"
      "  name  frames  connections  first frame (UTC)        length      clock\n"
      "  lan     1702           41  2026-11-21 10:41:49.858  1 min 04 s  reference\n"
      "  wan       12           39  2026-11-21 10:41:49.858  1 min 04 s  3.20 ms ahead, within "
      "40.0 us, drift -12.1 ppm; 512 packets agree\n"
      "\n"
      "between the taps\n"
      "  inside  outside  what  connections      external address\n"
      "  lan     wan      nat   38 snat, 1 dnat  198.51.100.2\n"
      "\n"
      "mappings\n"
      "  kind  mappings  for example\n"
      "  snat        38  tcp 192.168.1.11:40000 -> 198.51.100.2:1024\n"
      "                  udp 192.168.1.10:5353 -> 198.51.100.2:5353 (3 connections)\n"
      "  dnat         1  tcp 192.168.1.12:80 -> 198.51.100.2:8080\n"
      "\n"
      "not paired\n"
      "  tap  connections  because                                 for example\n"
      "  lan            2  no packet was recognised anywhere else  udp 192.168.1.10:68 > "
      "255.255.255.255:67\n"
      "\n"
      "next\n"
      "  natlens show nat.db mappings\n"
      "  natlens trace nat.db 192.168.1.11:40000\n"
      "  natlens query nat.db\n");
  CHECK(nothing_judged(home_router()).empty());
}

TEST_CASE("summary: what could not be read, was ambiguous or ended early is told",
          "[report][summary]") {
  Summary summary = home_router();
  summary.interrupted = true;
  summary.database = "my nat.db";
  summary.ambiguous = 4;
  summary.endpoint = "[2001:db8::1]:40000";
  summary.not_read = {"wan.pcap: offset 64024: cut off inside a record\x1b[2J"};
  const std::string text = summary_text(summary);
  CHECK(text.find("stopped by a signal: what was read up to then is in the database\n") !=
        std::string::npos);
  CHECK(text.find("not read\n  wan.pcap: offset 64024: cut off inside a record\\x1b[2J\n") !=
        std::string::npos);
  CHECK(text.find("  natlens show 'my nat.db' ambiguous\n") != std::string::npos);
  CHECK(text.find("  natlens trace 'my nat.db' '[2001:db8::1]:40000'\n") != std::string::npos);
}

TEST_CASE("summary: of a clock nothing is told that is smaller than its uncertainty",
          "[report][summary]") {
  Summary summary = home_router();
  const auto clock = [&summary] {
    const std::string text = summary_text(summary);
    const std::size_t end = text.find("\n\nbetween");
    const std::size_t begin = text.rfind("1 min 04 s", end) + 12;
    return text.substr(begin, end - begin);
  };
  summary.taps[1].offset = -39us;
  summary.taps[1].drift_ppm = 0.5;  // 32 us in 64 s
  CHECK(clock() == "same, within 40.0 us; 512 packets agree");
  summary.taps[1].offset = -41us;
  summary.taps[1].drift_ppm = 0.7;
  CHECK(clock() == "41.0 us behind, within 40.0 us, drift +0.7 ppm; 512 packets agree");
  summary.taps[1].steps = {std::chrono::milliseconds(3200), std::chrono::milliseconds(-700)};
  CHECK(clock() ==
        "41.0 us behind, within 40.0 us, drift +0.7 ppm, set forward by 3.20 s and back by 700 "
        "ms "
        "while capturing; 512 packets agree");
  summary.taps[1].steps.clear();
  summary.taps[1].clock_basis = "given";
  CHECK(clock() == "41.0 us behind, as given");
  summary.taps[1].clock_basis = "unknown";
  CHECK(clock() == "not measured, taken as the same");
  summary.taps[1].from_standard_input = true;
  CHECK(
      clock() ==
      "not measured (standard input is read once), taken as the same; --clock wan=OFFSET sets "
      "it");
}

TEST_CASE("summary: taps that share nothing stand in one line", "[report][summary]") {
  Summary summary = home_router();
  summary.between.push_back({"lan", "vm", "isolated", 0, "", ""});
  summary.between.push_back({"wan", "vm", "unrelated", 0, "", ""});
  CHECK(summary_text(summary).find(
            "\nnothing in common: lan and vm (isolated), wan and vm (unrelated)\n") !=
        std::string::npos);
}

TEST_CASE("summary: why nothing could be judged, most basic reason first",
          "[report][summary]") {
  Summary summary;
  CHECK(nothing_judged(summary) == "the captures hold no frames");
  summary.taps = {tap("lan", 5, 0), tap("wan", 0, 0)};
  summary.taps[0].ip_packets = 0;
  CHECK(nothing_judged(summary) == "the captures hold no IP packets");
  summary.taps[0].unsupported = 5;
  CHECK(nothing_judged(summary) ==
        "no IP packet could be read: 5 frames are of a link type or protocol that natlens does "
        "not "
        "read");
  summary.taps = {tap("lan", 5, 1), tap("wan", 0, 0)};
  summary.taps[1].files = "wan.pcap";
  CHECK(nothing_judged(summary) == "wan.pcap holds no frame");
  summary.taps = {tap("lan", 5, 1)};
  CHECK(
      nothing_judged(summary) ==
      "one tap alone has no other side to compare with; give a capture of the other side too");
  summary.taps = {tap("lan", 5, 1), tap("wan", 5, 1)};
  CHECK(nothing_judged(summary) ==
        "no connection of one tap was recognised at another: are these two sides of the same "
        "box?");
  summary.taps[1].first = kStart + 3'700s;
  summary.taps[1].last = kStart + 3'800s;
  CHECK(nothing_judged(summary) ==
        "the captures do not overlap in time: one ends 1 h 00 min before another begins; if a "
        "clock "
        "is wrong, give --clock TAP=OFFSET");
  summary.translations = 1;
  CHECK(nothing_judged(summary).empty());
}
