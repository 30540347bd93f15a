#include "table.h"

#include <map>
#include <random>

#include "natlens/conntrack/tracker.h"

#include "support/catch.h"

namespace natlens::conntrack {
namespace {

Tuple tuple_of(std::uint32_t n, std::uint8_t protocol = 6) {
  Tuple t;
  t.src = Address::v4(0x0a000000U + n % 7);
  t.dst = Address::v4(0xc0000200U + n % 5);
  t.protocol = protocol;
  t.src_port = static_cast<std::uint16_t>(1000 + n % 11);
  t.dst_port = static_cast<std::uint16_t>(80 + n % 3);
  return t;
}

LookupKey key_of(const Table& table, const Tuple& tuple, std::uint32_t zone = 0) {
  LookupKey key;
  key.tuple = tuple;
  key.has_inverse = invert(tuple, key.inverse);
  key.zone_original = key.zone_reply = zone;
  key.hash = table.hash_of(tuple, zone);
  return key;
}

RecordNumber add(Table& table,
                 const Tuple& tuple,
                 std::uint32_t serial,
                 std::uint32_t zone = 0) {
  const RecordNumber record = table.allocate();
  table[record].original = tuple;
  table[record].serial = serial;
  table[record].zone = zone;
  return record;
}

}  // namespace

TEST_CASE("table: finds what a map finds, in both directions", "[conntrack][table]") {
  const auto seed = GENERATE(range(1, 9));
  INFO("seed " << seed);
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  Table table(true);
  std::map<Tuple, RecordNumber> twin;
  for (int i = 0; i < 20000; ++i) {
    // Many more tuples than the first index has places.
    const auto n = static_cast<std::uint32_t>(random() % 20000);
    Tuple tuple = tuple_of(n);
    tuple.src_port = static_cast<std::uint16_t>(n);
    Tuple reply;
    REQUIRE(invert(tuple, reply));
    const auto known = twin.find(tuple);
    const auto found = table.find(key_of(table, tuple));
    const auto answered = table.find(key_of(table, reply));
    if (known == twin.end()) {
      REQUIRE_FALSE(found);
      REQUIRE_FALSE(answered);
      const RecordNumber record = add(table, tuple, static_cast<std::uint32_t>(i + 1));
      table.insert(record);
      twin[tuple] = record;
    } else {
      REQUIRE(found.record == known->second);
      REQUIRE(found.direction == Direction::kOriginal);
      REQUIRE(answered.record == known->second);
      REQUIRE(answered.direction == Direction::kReply);
      if (random() % 2 == 0) {
        table.erase(known->second);
        table.release(known->second);
        twin.erase(known);
      }
    }
  }
  CHECK(table.size() == twin.size());
}

TEST_CASE("table: a changed reply tuple is found, the plain inverse no more",
          "[conntrack][table]") {
  Table table(true);
  const Tuple original = tuple_of(1);
  Tuple reply;
  REQUIRE(invert(original, reply));
  Tuple translated = reply;
  translated.dst = Address::v4(0xc6336407U);
  const RecordNumber record = add(table, original, 1);
  table.set_reply(record, translated);
  table.insert(record);
  CHECK(table.find(key_of(table, original)).direction == Direction::kOriginal);
  CHECK(table.find(key_of(table, translated)).direction == Direction::kReply);
  CHECK_FALSE(table.find(key_of(table, reply)));
  CHECK(table.reply_of(table[record]) == translated);
  table.erase(record);
  CHECK_FALSE(table.find(key_of(table, translated)));
  CHECK_FALSE(table.find(key_of(table, original)));
}

TEST_CASE("table: equal tuples in different zones are different", "[conntrack][table]") {
  Table table(true);
  table.insert(add(table, tuple_of(1), 1, 5));
  CHECK_FALSE(table.find(key_of(table, tuple_of(1), 0)));
  CHECK_FALSE(table.find(key_of(table, tuple_of(1), 6)));
  CHECK(table.find(key_of(table, tuple_of(1), 5)));
}

TEST_CASE("table: ICMP request and reply share a place, other codes do not match",
          "[conntrack][table]") {
  Table table(true);
  Tuple request = tuple_of(1, protocol::kIcmp);
  request.src_port = 7;
  request.dst_port = 8 << 8;
  table.insert(add(table, request, 1));
  Tuple reply;
  REQUIRE(invert(request, reply));
  CHECK(reply.dst_port == 0);
  CHECK(table.find(key_of(table, reply)).direction == Direction::kReply);
  reply.dst_port = 3;
  CHECK_FALSE(table.find(key_of(table, reply)));
}

TEST_CASE("table: an entry is three cache lines", "[conntrack][table]") {
  CHECK(sizeof(Entry) == 192);
  CHECK(alignof(Entry) == 64);
}

TEST_CASE("tuples: every ICMP type has the partner of the kernel's table, or none",
          "[conntrack][table]") {
  const auto inverse = [](std::uint8_t protocol, unsigned type) {
    Tuple tuple = tuple_of(1, protocol);
    tuple.dst_port = static_cast<std::uint16_t>(type << 8 | 5);
    Tuple reply;
    if (!invert(tuple, reply)) return -1;
    CHECK((reply.dst_port & 0xff) == 5);
    Tuple back;
    CHECK(invert(reply, back));
    CHECK(back == tuple);
    return reply.dst_port >> 8;
  };
  const std::map<unsigned, int> v4{{0, 8},   {8, 0},   {13, 14}, {14, 13},
                                   {15, 16}, {16, 15}, {17, 18}, {18, 17}};
  const std::map<unsigned, int> v6{{128, 129}, {129, 128}, {139, 140}, {140, 139}};
  for (unsigned type = 0; type < 256; ++type) {
    INFO("type " << type);
    CHECK(inverse(1, type) == (v4.count(type) != 0 ? v4.at(type) : -1));
    CHECK(inverse(58, type) == (v6.count(type) != 0 ? v6.at(type) : -1));
  }
}

}  // namespace natlens::conntrack
