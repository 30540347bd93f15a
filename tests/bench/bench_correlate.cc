// Cost of correlation alone: two taps, a NAT between them, packets of many connections at
// random.
//
//   bench_correlate [CONNECTIONS [PACKETS]]     per tap; packets per connection; default 200000
//   20
//
// Prints CPU nanoseconds per sighting and the growth of resident memory per live connection and
// tap.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "natlens/correlate/correlator.h"
#include "natlens/net/bytes.h"

namespace natlens::bench {
namespace {

class CountingSink : public correlate::Sink {
 public:
  void translation(const correlate::Translation&) override { ++translations; }
  void candidate(const correlate::Candidate&) override {}
  void unpaired(const correlate::Unpaired&) override {}
  void settled(correlate::ConnectionRef) override {}
  std::uint64_t translations = 0;
};

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0)
      return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

stream::Opened opened(std::uint16_t tap, std::uint32_t serial, std::int64_t time) {
  stream::Opened out;
  out.tap = tap;
  out.entry.connection = serial;
  out.entry.time = Timestamp::from_ns(time);
  Tuple& tuple = out.entry.original;
  tuple.src = tap == 0 ? Address::v4(0x0a000000U + serial / 1000) : Address::v4(0xc6336401U);
  tuple.dst = Address::v4(0xcb007100U + serial % 200);
  tuple.protocol = protocol::kTcp;
  tuple.src_port = static_cast<std::uint16_t>(1024 + serial % 60000);
  tuple.dst_port = 443;
  return out;
}

stream::Sighting sighting(std::uint16_t tap,
                          std::uint32_t serial,
                          std::uint32_t n,
                          std::int64_t time) {
  stream::Sighting out;
  out.time = Timestamp::from_ns(time);
  out.connection = serial;
  out.tap = tap;
  out.kind = n == 0 ? stream::SightingKind::kTcpHandshake : stream::SightingKind::kTcpData;
  out.direction = n % 2 == 0 ? conntrack::Direction::kOriginal : conntrack::Direction::kReply;
  out.fingerprint = mix(serial, n) | 1U;
  out.payload_digest = mix(n, serial) | 1U;
  out.payload_bytes = 20;
  out.ttl = tap == 0 ? 64 : 63;
  return out;
}

struct Step {
  std::uint32_t serial;
  std::uint32_t packet;
};

// Every packet of every connection, connections at random, packets of one in order.
std::vector<Step> shuffled(std::uint32_t connections, std::uint32_t packets) {
  std::vector<Step> out;
  out.reserve(static_cast<std::size_t>(connections) * packets);
  for (std::uint32_t n = 0; n < packets; ++n) {
    for (std::uint32_t c = 1; c <= connections; ++c) out.push_back({c, n});
  }
  std::uint64_t state = 1;
  for (std::size_t n = 0; n < packets; ++n) {
    Step* begin = out.data() + n * connections;
    for (std::size_t i = connections - 1; i > 0; --i) {
      state = mix(state, i);
      std::swap(begin[i], begin[state % (i + 1)]);
    }
  }
  return out;
}

}  // namespace
}  // namespace natlens::bench

int main(int argc, char** argv) {
  using namespace natlens;
  const auto connections = static_cast<std::uint32_t>(argc > 1 ? std::atoi(argv[1]) : 200'000);
  const auto packets = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 20);
  const auto steps = bench::shuffled(connections, packets);
  const std::size_t before = bench::resident_bytes();
  bench::CountingSink sink;
  correlate::Correlator correlator({}, sink);
  for (std::uint16_t tap = 0; tap < 2; ++tap) {
    correlate::ClockEstimate clock;
    clock.tap = tap;
    clock.anchor = Timestamp::from_ns(0);
    correlator.add_tap(clock);
  }
  const double start = bench::cpu_ns();
  std::int64_t time = 0;
  for (const auto& step : steps) {
    time += 2000;  // 500,000 packets a second at each tap
    for (std::uint16_t tap = 0; tap < 2; ++tap) {
      if (step.packet == 0)
        correlator.open(tap, bench::opened(tap, step.serial, time + tap * 500));
      correlator.sight(tap, bench::sighting(tap, step.serial, step.packet, time + tap * 500));
    }
  }
  const double middle = bench::cpu_ns();
  const std::size_t after = bench::resident_bytes();
  for (std::uint32_t serial = 1; serial <= connections; ++serial) {
    for (std::uint16_t tap = 0; tap < 2; ++tap) {
      conntrack::Closed closed;
      closed.connection = serial;
      closed.time = Timestamp::from_ns(time);
      correlator.close(tap, closed);
    }
  }
  correlator.finish();
  const double end = bench::cpu_ns();
  const double sightings = 2.0 * static_cast<double>(steps.size());
  std::printf(
      "%.0f ns a sighting, %.0f ns a connection to settle, %.0f bytes a connection and tap\n",
      (middle - start) / sightings, (end - middle) / (2.0 * connections),
      static_cast<double>(after - before) / (2.0 * connections));
  std::printf("%llu translations of %u connections\n",
              static_cast<unsigned long long>(sink.translations), connections);
  return sink.translations == connections ? 0 : 1;
}
