// The index of what waits: found by fingerprint, gone with the window, and no larger than what
// is still missing somewhere.
#include "waiting.h"

#include "natlens/net/bytes.h"

#include "support/catch.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kWindow = 5'000'000'000;
constexpr std::int64_t kTaken = 100'000'000;
constexpr std::int64_t kStep = 10'000;  // 100,000 packets a second

std::uint64_t key_of(std::uint32_t n) {
  return mix(n, 0xabc);
}

class Nobody final : public Leaving {
 public:
  void left(const Waiting&, bool) override { ++count; }
  int count = 0;
};

void add(WaitingIndex& index, std::uint32_t n, bool taken) {
  Waiting entry;
  entry.time = n * kStep;
  entry.connection = n;
  if (taken) entry.flags |= Waiting::kTaken;
  index.add(key_of(n), entry, n * kStep);
}

bool has(WaitingIndex& index, std::uint32_t n, std::uint32_t now) {
  bool found = false;
  index.each(key_of(n), now * kStep, [&](Waiting& entry) {
    found = found || entry.connection == n;
    return true;
  });
  return found;
}

}  // namespace

TEST_CASE("waiting: found within the window, whatever was let go in between",
          "[correlate][waiting]") {
  Nobody nobody;
  WaitingIndex index(kWindow, kTaken, std::size_t{1} << 30, nobody);
  constexpr std::uint32_t kPackets = 1'200'000;  // twelve seconds
  for (std::uint32_t n = 1; n <= kPackets; ++n) add(index, n, n % 50 != 0);
  for (std::uint32_t n = kPackets; n > kPackets - 9'000; --n) REQUIRE(has(index, n, kPackets));
  for (std::uint32_t n = kPackets; n > kPackets - 499'000; n -= 50) {
    REQUIRE(has(index, n, kPackets));
  }
  CHECK_FALSE(has(index, kPackets - 500'050, kPackets));
  CHECK(index.dropped() == 0);
}

TEST_CASE("waiting: memory is that of what is still missing, not of what passed",
          "[correlate][waiting]") {
  Nobody nobody;
  WaitingIndex all(kWindow, kTaken, std::size_t{1} << 30, nobody);
  WaitingIndex few(kWindow, kTaken, std::size_t{1} << 30, nobody);
  for (std::uint32_t n = 1; n <= 1'000'000; ++n) {
    add(all, n, false);
    add(few, n, n % 50 != 0);
  }
  CHECK(all.bytes() > 500'000 * sizeof(Waiting));  // five seconds of packets
  CHECK(few.bytes() < 100'000 * sizeof(Waiting));  // a fiftieth of them, and 0.1 s of all
}

TEST_CASE("waiting: at its bound the oldest are pushed out, and counted",
          "[correlate][waiting]") {
  Nobody nobody;
  WaitingIndex index(kWindow, kTaken, 64 * 1024, nobody);
  for (std::uint32_t n = 1; n <= 10'000; ++n) add(index, n, false);
  CHECK(index.bytes() <= 64 * 1024);
  CHECK(index.dropped() == 10'000 - 1024);
  CHECK(nobody.count == 10'000 - 1024);
  CHECK(has(index, 10'000, 10'000));
  CHECK(has(index, 10'000 - 1023, 10'000));
  CHECK_FALSE(has(index, 10'000 - 1024, 10'000));
}

}  // namespace natlens::correlate
