// The correlator as a whole: against a brute-force judge, the same in every run, within its
// memory.
#include "natlens/correlate/correlator.h"

#include <tuple>

#include "support/catch.h"
#include "support/correlate_random.h"
#include "support/correlate_trace.h"

namespace natlens::test {
namespace {

using correlate::Correlator;
using correlate::Options;

std::vector<std::tuple<int, std::uint32_t, std::uint32_t, float, std::int64_t>> rows(
    const RecordingSink& sink) {
  std::vector<std::tuple<int, std::uint32_t, std::uint32_t, float, std::int64_t>> out;
  for (const auto& t : sink.translations) {
    out.emplace_back(static_cast<int>(t.kind), t.inside.serial, t.outside.serial, t.bits,
                     t.start.ns());
  }
  return out;
}

constexpr std::int64_t kBase = 1'800'000'000'000'000'000;

void open(Correlator& correlator, std::uint16_t tap, std::uint32_t serial, std::int64_t ns) {
  stream::Opened opened;
  opened.entry.connection = serial;
  opened.entry.time = Timestamp::from_ns(kBase + ns);
  opened.entry.original.protocol = protocol::kUdp;
  opened.entry.original.src = *Address::parse(tap == 0 ? "10.0.0.2" : "198.51.100.1");
  opened.entry.original.dst = *Address::parse("192.0.2.9");
  opened.entry.original.src_port = static_cast<std::uint16_t>(5000 + serial);
  opened.entry.original.dst_port = 53;
  correlator.open(tap, opened);
}

void sight(Correlator& correlator, std::uint16_t tap, std::uint32_t serial, std::int64_t ns) {
  stream::Sighting s;
  s.time = Timestamp::from_ns(kBase + ns);
  s.connection = serial;
  s.fingerprint = mix(serial, 1);
  s.payload_digest = mix(serial, 2);
  s.payload_bytes = 40;
  s.ttl = tap == 0 ? 64 : 63;
  correlator.sight(tap, s);
}

}  // namespace

TEST_CASE("correlate: an opening that is announced early does not end the window",
          "[correlate]") {
  RecordingSink sink;
  Correlator correlator({}, sink);
  for (std::uint16_t tap = 0; tap < 2; ++tap) {
    correlate::ClockEstimate clock;
    clock.tap = tap;
    clock.anchor = Timestamp::from_ns(kBase);
    clock.matches = 10;
    correlator.add_tap(clock);
  }
  // Each tap announces all four, a minute apart from each other, before it shows the first.
  constexpr std::int64_t kMinute = 60'000'000'000;
  for (std::uint16_t tap = 0; tap < 2; ++tap) {
    for (std::uint32_t n = 1; n <= 4; ++n) open(correlator, tap, n, n * kMinute + tap * 1000);
  }
  for (std::uint32_t n = 1; n <= 4; ++n) {
    for (std::uint16_t tap = 0; tap < 2; ++tap) {
      sight(correlator, tap, n, n * kMinute + tap * 1000);
    }
  }
  correlator.finish();
  CHECK(sink.translations.size() == 4);
}

TEST_CASE("correlate: small worlds against a brute-force judge", "[correlate][twin]") {
  std::size_t right = 0;
  std::size_t wrong = 0;
  std::size_t clear = 0;
  std::size_t clear_found = 0;
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    const std::uint64_t values = seed % 4 == 0   ? 1
                                 : seed % 4 == 1 ? 10
                                 : seed % 4 == 2 ? 200
                                                 : 100'000;
    const RandomWorld world = random_world(seed, 4 + seed % 37, values);
    RecordingSink sink;
    Correlator correlator({}, sink);
    play(world, correlator);
    std::set<std::pair<std::uint32_t, std::uint32_t>> found;
    for (const auto& t : sink.translations) {
      INFO("seed " << seed);
      REQUIRE(t.inside.tap == 0);
      REQUIRE(t.outside.tap == 1);
      const auto partner = world.partner.find(t.inside.serial);
      const bool ok = partner != world.partner.end() && partner->second == t.outside.serial;
      ++(ok ? right : wrong);
      found.emplace(t.inside.serial, t.outside.serial);
    }
    // Where payloads hardly repeat, everything that nobody else can claim must be found.
    if (values < 100'000) continue;
    for (const auto& pair : undisputed(world)) {
      ++clear;
      clear_found += found.count(pair);
    }
  }
  CHECK(wrong * 1000 <= right);
  CHECK(clear > 1000);
  CHECK(clear_found == clear);
}

TEST_CASE("correlate: every connection settles once, paired or explained", "[correlate]") {
  const RandomWorld world = random_world(7, 40, 50);
  RecordingSink sink;
  Correlator correlator({}, sink);
  play(world, correlator);
  const auto all = world.tuples[0].size() + world.tuples[1].size();
  std::set<correlate::ConnectionRef> settled(sink.settled_ones.begin(),
                                             sink.settled_ones.end());
  // Connections whose packets were all lost never opened.
  CHECK(settled.size() == sink.settled_ones.size());
  CHECK(settled.size() <= all);
  std::set<correlate::ConnectionRef> said;
  for (const auto& t : sink.translations) {
    said.insert(t.inside);
    said.insert(t.outside);
  }
  for (const auto& u : sink.lonely) CHECK(said.insert(u.connection).second);
  CHECK(said == settled);
  CHECK(correlator.stats().live_connections == 0);
}

TEST_CASE("correlate: the same input gives the same rows, however often time is told",
          "[correlate]") {
  const RandomWorld world = random_world(11, 60, 30);
  RecordingSink one;
  RecordingSink two;
  Correlator first({}, one);
  Correlator second({}, two);
  play(world, first);
  play(world, second, 1);
  CHECK(rows(one) == rows(two));
  CHECK(one.candidates.size() == two.candidates.size());
  CHECK(one.settled_ones == two.settled_ones);
}

TEST_CASE("correlate: what waits stays within the bound, and what was pushed out is counted",
          "[correlate]") {
  Options options;
  options.memory_bytes = 256 * 1024;
  RecordingSink sink;
  Correlator correlator(options, sink);
  for (std::uint16_t tap = 0; tap < 2; ++tap) {
    correlate::ClockEstimate clock;
    clock.tap = tap;
    clock.anchor = Timestamp::from_ns(0);
    correlator.add_tap(clock);
  }
  stream::Opened opened;
  opened.entry.connection = 1;
  opened.entry.time = Timestamp::from_ns(0);
  opened.entry.original.protocol = protocol::kUdp;
  correlator.open(0, opened);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    stream::Sighting s;
    s.time = Timestamp::from_ns(i);
    s.connection = 1;
    s.fingerprint = mix(i, 3);
    s.payload_digest = mix(i, 4);
    s.payload_bytes = 100;
    correlator.sight(0, s);
  }
  correlator.advance(Timestamp::from_ns(100'000));
  CHECK(correlator.stats().waiting_dropped > 90'000);
  CHECK(correlator.stats().waiting_dropped < 100'000);
  correlator.finish();
}

TEST_CASE("correlate: hostile calls do no harm", "[correlate]") {
  RecordingSink sink;
  Correlator correlator({}, sink);
  correlate::ClockEstimate clock;
  clock.drift_ppm = 1e9;
  clock.offset_ns = INT64_MAX;
  clock.anchor = Timestamp::from_ns(INT64_MIN + 1);
  correlator.add_tap(clock);
  stream::Sighting s;
  s.connection = 77;
  s.fingerprint = 5;
  correlator.sight(0, s);  // never opened
  conntrack::Closed closed;
  closed.connection = 77;
  correlator.close(0, closed);
  stream::Opened opened;
  for (const std::uint32_t serial : {1U, 1U, 70'000U, 5U}) {
    opened.entry.connection = serial;
    opened.entry.time = serial == 5 ? Timestamp::none() : Timestamp::max();
    correlator.open(0, opened);
    s.connection = serial;
    s.time = serial == 1 ? Timestamp::from_ns(INT64_MIN + 1) : Timestamp::max();
    correlator.sight(0, s);
  }
  closed.connection = 1;
  closed.time = Timestamp::max();
  correlator.close(0, closed);
  correlator.close(0, closed);
  correlator.advance(Timestamp::none());
  correlator.advance(Timestamp::max());
  correlator.finish();
  CHECK(sink.settled_ones.size() == 3);
}

}  // namespace natlens::test
