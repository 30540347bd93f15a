#include "natlens/pipeline/router_log.h"

#include <chrono>
#include <thread>

#include "natlens/conntrack/tracker.h"
#include "natlens/store/database.h"

#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::pipeline {
namespace {

using store::Value;

constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

Timestamp at(double seconds) {
  return Timestamp::from_ns(kStart + static_cast<std::int64_t>(seconds * 1e9));
}

Tuple tuple(const char* src, std::uint16_t sport, const char* dst, std::uint16_t dport) {
  Tuple out;
  out.protocol = protocol::kUdp;
  out.src = *Address::parse(src);
  out.dst = *Address::parse(dst);
  out.src_port = sport;
  out.dst_port = dport;
  return out;
}

struct Path {
  Tuple before;
  Tuple after;
  std::uint8_t entered = 0;
  std::uint8_t left = 1;
  std::uint32_t second = 0;
};

RouterConnection connection(std::uint32_t serial, const Path& path) {
  RouterConnection out;
  out.entry.connection = serial;
  out.entry.time = at(serial * 1e-3);
  out.entry.original = path.before;
  out.before = path.before;
  out.after = path.after;
  out.entered = path.entered;
  out.left = path.left;
  out.second = path.second;
  out.ttl = 64;
  out.ip_bytes = 60;
  return out;
}

conntrack::Closed end_of(std::uint32_t serial) {
  conntrack::Closed out;
  out.connection = serial;
  out.time = out.last_packet = at(60);
  out.reason = conntrack::CloseReason::kExpired;
  out.counters = {{{3, 300}, {2, 200}}};
  return out;
}

// A log, and what it has written.
struct Written {
  Written() {
    auto created = RouterLog::create(
        {dir.path("nat.db"), false, {"inside", "outside"}, {"lan0", "wan0"}, "natlens nat", at(0)});
    REQUIRE(created);
    log = std::move(*created);
  }
  store::Table query(const std::string& sql) {
    auto database = store::Database::open(dir.path("nat.db"));
    REQUIRE(database);
    auto table = (*database)->query(sql);
    INFO((table ? "" : table.error().message));
    REQUIRE(table);
    return std::move(*table);
  }
  std::string text(const std::string& sql) {
    std::string out;
    for (const auto& row : query(sql).rows) {
      for (const Value& value : row) out += (out.empty() ? "" : " ") + store::to_text(value);
    }
    return out;
  }

  test::TempDir dir;
  std::unique_ptr<RouterLog> log;
};

TEST_CASE("router log: a connection has a row at each side and a translation",
          "[pipeline][router_log]") {
  Written written;
  RouterConnection c = connection(1, {tuple("10.0.0.2", 5000, "192.0.2.9", 53),
                                      tuple("198.51.100.1", 6000, "192.0.2.9", 53)});
  c.rule_line = 12;
  written.log->opened(c);
  written.log->event({at(0.001), 1, 1, 30, conntrack::EventKind::kNew, protocol::kUdp, 0, false,
                      conntrack::status::kSrcNat});
  written.log->closed(end_of(1));
  written.log->hand_over(at(61), {{{5, 0, 1}, {5, 0, 1}}});
  REQUIRE(written.log->finish());
  CHECK(
      written.text("SELECT kind, confidence, inside_tap, inside_src, inside_sport, "
                   "outside_tap, outside_src, outside_sport, outside_dst FROM translations") ==
      "snat certain inside 10.0.0.2 5000 outside 198.51.100.1 6000 192.0.2.9");
  CHECK(written.text("SELECT evidence FROM translation") ==
        R"([{"field":"engine","bits":1000.0,"note":"natlens itself passed it on, by the )"
        R"(rule in line 12"}])");
  CHECK(written.text("SELECT src, dst, reply_src, reply_dst, original_packets, reply_packets, "
                     "state_basis FROM conntrack") ==
        "10.0.0.2 192.0.2.9 192.0.2.9 198.51.100.1 3 2 both");
  CHECK(written.text("SELECT internal_addr, internal_port, external_addr, external_port FROM "
                     "mapping") == "10.0.0.2 5000 198.51.100.1 6000");
  CHECK(written.text("SELECT relation, snat FROM nat") == "nat 1");
  CHECK(written.text("SELECT value FROM meta WHERE key = 'complete'") == "1");
}

TEST_CASE("router log: the kind is what was changed, and inside is the same side as ever",
          "[pipeline][router_log]") {
  const Tuple in = tuple("10.0.0.2", 5000, "192.0.2.9", 53);
  const Tuple out = tuple("192.0.2.9", 700, "198.51.100.1", 80);
  struct Case {
    Path path;
    const char* told;  // kind, inside: tap and its ends
  };
  const Case cases[] = {
      {{in, in}, "routed inside 10.0.0.2 192.0.2.9"},
      {{out, tuple("192.0.2.9", 700, "10.0.0.2", 8080), 1, 0},
       "dnat inside 192.0.2.9 10.0.0.2"},
      {{in, tuple("198.51.100.1", 5000, "203.0.113.4", 53)}, "twice inside 10.0.0.2 192.0.2.9"},
      {{tuple("10.0.0.2", 5000, "198.51.100.1", 80),
        tuple("198.51.100.1", 5000, "10.0.0.3", 80), 0, 0},
       "hairpin inside 10.0.0.2 198.51.100.1"},
      {{tuple("fd00::2", 5000, "64:ff9b::c000:209", 53),
        tuple("198.51.100.1", 5000, "192.0.2.9", 53), 0, 1, 2},
       "nat64 inside fd00::2 64:ff9b::c000:209"},
      {{tuple("fd00::2", 5000, "2001:db8::9", 53),
        tuple("2001:db8:1::2", 5000, "2001:db8::9", 53)},
       "npt inside fd00::2 2001:db8::9"},
  };
  for (const Case& one : cases) {
    Written written;
    written.log->opened(connection(1, one.path));
    written.log->closed(end_of(1));
    if (one.path.second != 0) written.log->closed(end_of(one.path.second));
    REQUIRE(written.log->finish());
    CHECK(written.text("SELECT kind, inside_tap, inside_src, inside_dst FROM translations") ==
          one.told);
    CHECK(written.query("SELECT id FROM connection").rows.size() == 2);
  }
}

TEST_CASE("router log: what was for the router itself has no translation",
          "[pipeline][router_log]") {
  Written written;
  Path path;
  path.before = tuple("192.0.2.9", 700, "198.51.100.1", 99);
  path.entered = 1;
  path.left = RouterConnection::kNowhere;
  written.log->opened(connection(1, path));
  written.log->closed(end_of(1));
  REQUIRE(written.log->finish());
  CHECK(written.text("SELECT tap_id, dport FROM connection") == "2 99");
  CHECK(written.query("SELECT id FROM translation").rows.empty());
}

TEST_CASE("router log: an open connection is there within the second",
          "[pipeline][router_log]") {
  Written written;
  written.log->opened(connection(1, {tuple("10.0.0.2", 5000, "192.0.2.9", 53),
                                     tuple("198.51.100.1", 6000, "192.0.2.9", 53)}));
  written.log->packets({1, at(0.5), {{{9, 900}, {4, 400}}}});
  written.log->hand_over(at(0.5), {{{13, 0, 1}, {0, 0, 1}}});
  std::string seen;
  for (int i = 0; i < 100 && seen.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    seen =
        written.text("SELECT original_packets, close_reason FROM connection WHERE tap_id = 1");
  }
  CHECK(seen == "10 end");
}

TEST_CASE("router log: a flood is left out and counted, and nothing is kept for ever",
          "[pipeline][router_log]") {
  Written written;
  constexpr std::uint32_t kFlood = 200'000;
  for (std::uint32_t serial = 1; serial <= kFlood; ++serial) {
    const auto port = static_cast<std::uint16_t>(serial);
    written.log->opened(connection(serial, {tuple("10.0.0.2", port, "192.0.2.9", 53),
                                            tuple("198.51.100.1", port, "192.0.2.9", 53)}));
  }
  for (std::uint32_t serial = 1; serial <= kFlood; ++serial)
    written.log->closed(end_of(serial));
  const std::uint64_t left_out = written.log->left_out();
  REQUIRE(written.log->finish());
  CHECK(left_out == kFlood - 65'536);
  CHECK(written.text("SELECT count(*), sum(close_reason = 'expired') FROM connection") ==
        "131072 131072");
  CHECK(written.text("SELECT value FROM meta WHERE key = 'connections_left_out'") ==
        std::to_string(left_out));
}

}  // namespace
}  // namespace natlens::pipeline
