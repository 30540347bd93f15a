#include "natlens/net/serial_index.h"

#include <map>
#include <utility>

#include "natlens/net/bytes.h"

#include "support/catch.h"

using natlens::kNoSlot;
using natlens::SerialIndex;

TEST_CASE("serial index: agrees with a map while connections come and go", "[net]") {
  SerialIndex index;
  std::map<std::pair<std::uint16_t, std::uint32_t>, std::uint32_t> twin;
  std::uint32_t next[4] = {1, 300, 70'000, 0x80000000U};  // the last: tap 0 again
  for (std::uint32_t turn = 0; turn < 20'000; ++turn) {
    const std::uint64_t dice = natlens::mix(turn, 1);
    const std::size_t range = dice % 4;
    const auto tap = static_cast<std::uint16_t>(range % 3);
    if (dice % 7 < 4 || twin.empty()) {
      const std::uint32_t serial = next[range]++;
      index.insert(tap, serial, turn);
      twin[{tap, serial}] = turn;
    } else {
      auto victim =
          twin.lower_bound({tap, static_cast<std::uint32_t>(dice >> 8) % next[range]});
      if (victim == twin.end()) victim = twin.begin();
      index.erase(victim->first.first, victim->first.second);
      twin.erase(victim);
    }
  }
  std::vector<std::uint32_t> all;
  for (const auto& [key, number] : twin) {
    all.push_back(number);
    REQUIRE(index.find(key.first, key.second) == number);
  }
  CHECK(index.all() == all);
  CHECK(index.find(0, next[0]) == kNoSlot);
  CHECK(index.find(9, 1) == kNoSlot);
}

TEST_CASE("serial index: memory follows what is alive", "[net]") {
  SerialIndex index;
  for (std::uint32_t serial = 1; serial <= 100; ++serial) index.insert(0, serial, serial);
  const std::size_t few = index.bytes();
  for (std::uint32_t serial = 101; serial <= 3'000'000; ++serial) {
    index.insert(0, serial, serial);
    index.erase(0, serial - 100);
  }
  CHECK(index.bytes() <= few * 2);
}
