#include "carrier_log.h"

#include "support/catch.h"

namespace natlens::pipeline {
namespace {

using conntrack::Direction;

Timestamp second(int s) {
  return Timestamp::from_ns(1'700'000'000'000'000'000 + s * 1'000'000'000LL);
}

decode::Via step(decode::Encapsulation kind, std::uint64_t key) {
  decode::Via via;
  via.kind = kind;
  via.key = key;
  return via;
}

std::vector<stream::CarrierRecord> end(CarrierLog& log, std::uint32_t connection, int at) {
  conntrack::Closed closed;
  closed.connection = connection;
  closed.last_packet = second(at);
  std::vector<stream::CarrierRecord> out;
  log.take(closed, 3, out);
  return out;
}

}  // namespace

TEST_CASE("carriers: one row for each direction and outer flow", "[pipeline][carrier]") {
  CarrierLog log;
  const auto vxlan = step(decode::Encapsulation::kVxlan, 7);
  log.carried(1, Direction::kOriginal, 10, &vxlan, 1, second(0), {150, 100, 50, 0, false});
  log.carried(1, Direction::kReply, 11, &vxlan, 1, second(1), {});
  log.carried(1, Direction::kOriginal, 10, &vxlan, 1, second(2), {1500, 1450, 50, 1, false});
  log.carried(1, Direction::kOriginal, 12, &vxlan, 1, second(3), {});  // a new outer port
  log.carried(2, Direction::kOriginal, 10, &vxlan, 1, second(3), {});  // another one inside
  const auto rows = end(log, 1, 9);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].carrier == 10);
  CHECK(rows[0].packets == 2);
  CHECK(rows[0].first == second(0));
  CHECK(rows[0].last == second(2));
  CHECK(rows[0].tap == 3);
  CHECK(rows[1].carrier == 11);
  CHECK(rows[1].direction == Direction::kReply);
  CHECK(rows[2].carrier == 12);
  CHECK(rows[2].key == 7);
  CHECK(end(log, 1, 9).empty());
  CHECK(end(log, 2, 9).size() == 1);
}

TEST_CASE("carriers: a VLAN is one row over the whole connection", "[pipeline][carrier]") {
  CarrierLog log;
  log.framed(1, step(decode::Encapsulation::kVlan, 42), 0, second(1));
  const auto rows = end(log, 1, 8);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].carrier == 0);
  CHECK(rows[0].packets == 0);
  CHECK(rows[0].last == second(8));
}

TEST_CASE("carriers: one that changes with every packet stays within bounds",
          "[pipeline][carrier]") {
  CarrierLog log;
  for (std::uint32_t n = 1; n < 1000; ++n) {
    log.carried(1, Direction::kOriginal, n, nullptr, 1, second(0), {});
  }
  CHECK(end(log, 1, 1).size() == 32);
}

}  // namespace natlens::pipeline
