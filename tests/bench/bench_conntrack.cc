// Connection tracking alone: CPU time per packet and memory per entry.
//
//   bench_conntrack [CONNECTIONS]     default 1000000
//   bench_conntrack FILE
//
// With a number, layers are made by hand: each connection is opened (SYN, SYN+ACK, ACK); then
// data and acknowledgements arrive for connections picked at random, which is the worst case
// for caches. Prints one line per phase. With a capture, reads and decodes it three times
// without and three times with tracking; the difference of the best ones is what tracking
// costs.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "natlens/capture/source.h"
#include "natlens/conntrack/tracker.h"
#include "natlens/decode/decoder.h"
#include "natlens/net/bytes.h"

#include "bench/passes.h"

namespace {

using namespace natlens;

constexpr std::size_t kBatch = 32;
constexpr std::size_t kHeaders = 40;

struct NullSink : conntrack::Sink {
  void opened(const conntrack::Opened&) override { ++openings; }
  void event(const conntrack::Event&) override {}
  void closed(const conntrack::Closed&) override {}
  std::uint64_t openings = 0;
};

void put16(std::uint8_t* at, std::uint32_t v) {
  at[0] = static_cast<std::uint8_t>(v >> 8);
  at[1] = static_cast<std::uint8_t>(v);
}
void put32(std::uint8_t* at, std::uint32_t v) {
  put16(at, v >> 16);
  put16(at + 2, v & 0xffffU);
}

struct Segment {
  std::uint32_t connection;
  bool reply;
  std::uint8_t flags;
  std::uint32_t seq;
  std::uint32_t ack;
  std::uint32_t payload;
};

// One batch of packets with right checksums, and the layers over them.
class Batch {
 public:
  void add(const Segment& s, std::uint32_t frame) {
    auto& bytes = bytes_[used_];
    const std::size_t total = kHeaders + s.payload;
    bytes.assign(total, 0x55);
    std::fill_n(bytes.begin(), kHeaders, std::uint8_t{0});
    const std::uint32_t client = 0x0a000000U + (s.connection >> 14);
    const std::uint32_t server = 0xc0000209U;
    const std::uint32_t port = 40000U + (s.connection & 0x3fffU);
    bytes[0] = 0x45;
    put16(&bytes[2], static_cast<std::uint32_t>(total));
    bytes[8] = 64;
    bytes[9] = 6;
    put32(&bytes[12], s.reply ? server : client);
    put32(&bytes[16], s.reply ? client : server);
    put16(&bytes[20], s.reply ? 443 : port);
    put16(&bytes[22], s.reply ? port : 443);
    put32(&bytes[24], s.seq);
    put32(&bytes[28], s.ack);
    bytes[32] = 0x50;
    bytes[33] = s.flags;
    put16(&bytes[34], 64000);
    std::uint16_t sum = checksum_add(ByteView(bytes).subspan(12, 8), 6);
    sum = checksum_add(ByteView(bytes).subspan(20), sum);
    const std::array<std::uint8_t, 2> length{static_cast<std::uint8_t>((total - 20) >> 8),
                                             static_cast<std::uint8_t>(total - 20)};
    put16(&bytes[36], checksum(length, sum));
    decode::Layer& layer = layers_[used_];
    layer.version = 4;
    layer.ip_checksum = decode::ChecksumState::kGood;
    layer.ip = bytes;
    layer.total_bytes = static_cast<std::uint32_t>(total);
    packets_[used_].layer = &layer;
    packets_[used_].frame = frame;
    packets_[used_].time = Timestamp::from_ns(1'700'000'000'000'000'000 + frame * 1000LL);
    ++used_;
  }
  bool full() const { return used_ == kBatch; }
  double track(conntrack::Tracker& tracker) {
    const double before = bench::cpu_ns();
    tracker.track({packets_.data(), used_}, {verdicts_.data(), used_});
    const double spent = bench::cpu_ns() - before;
    used_ = 0;
    return spent;
  }

 private:
  std::array<std::vector<std::uint8_t>, kBatch> bytes_;
  std::array<decode::Layer, kBatch> layers_;
  std::array<conntrack::Packet, kBatch> packets_;
  std::array<conntrack::Verdict, kBatch> verdicts_;
  std::size_t used_ = 0;
};

class Bench {
 public:
  explicit Bench(std::uint32_t connections) : connections_(connections), sent_(connections) {}

  template <typename Make>
  void phase(const char* name, std::uint32_t packets, Make make) {
    double ns = 0;
    for (std::uint32_t i = 0; i < packets; ++i) {
      batch_.add(make(i), ++frame_);
      if (batch_.full()) {
        ns += batch_.track(tracker_);
      }
    }
    ns += batch_.track(tracker_);
    std::printf("%-28s %9u packets %7.1f ns each\n", name, packets, ns / packets);
  }

  void run() {
    const auto n = connections_;
    phase("SYN", n, [](std::uint32_t i) { return Segment{i, false, 2, 1000, 0, 0}; });
    phase("SYN+ACK", n, [](std::uint32_t i) { return Segment{i, true, 18, 5000, 1001, 0}; });
    phase("ACK", n, [](std::uint32_t i) { return Segment{i, false, 16, 1001, 5001, 0}; });
    for (const std::uint32_t payload : {0U, 512U, 1460U}) {
      char name[40];
      std::snprintf(name, sizeof name, "random, %u bytes of data", payload);
      phase(name, 2 * n, [&](std::uint32_t i) { return random_segment(i, payload); });
    }
    const auto stats = tracker_.stats();
    std::printf("%llu entries, %.1f bytes each\n", static_cast<unsigned long long>(stats.live),
                static_cast<double>(stats.memory_bytes) / static_cast<double>(stats.live));
  }

 private:
  // Data from the client of a connection at random, or the server's acknowledgement of it.
  Segment random_segment(std::uint32_t i, std::uint32_t payload) {
    if (i % 2 == 1) {
      return {last_, true, 16, 5001, 1001 + sent_[last_], 0};
    }
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    last_ = static_cast<std::uint32_t>((random_ >> 33) % connections_);
    const std::uint32_t seq = 1001 + sent_[last_];
    sent_[last_] += payload;
    return {last_, false, 24, seq, 5001, payload};
  }

  std::uint32_t connections_;
  std::uint32_t frame_ = 0;
  std::uint32_t last_ = 0;
  std::uint64_t random_ = 1;
  std::vector<std::uint32_t> sent_;
  NullSink sink_;
  conntrack::Tracker tracker_{conntrack::Options(), sink_};
  Batch batch_;
};

struct Pass {
  std::uint64_t packets = 0;
  double ns = 0;
};

// Reads and decodes the whole capture, tracks its outermost layers if asked to.
Pass pass_over(const char* file, bool tracking) {
  const auto source = bench::open(file);
  NullSink sink;
  conntrack::Tracker tracker{conntrack::Options(), sink};
  decode::Decoder decoder{decode::DecoderOptions()};
  auto decoded = std::make_unique<std::array<decode::DecodedFrame, kBatch>>();
  std::vector<conntrack::Packet> packets;
  std::array<conntrack::Verdict, kBatch> verdicts;
  Pass pass;
  const double before = bench::cpu_ns();
  for (auto frames = source->next(kBatch); !frames.empty(); frames = source->next(kBatch)) {
    packets.clear();
    for (std::size_t i = 0; i < frames.size(); ++i) {
      decoder.decode(frames[i], (*decoded)[i]);
      if ((*decoded)[i].layer_count == 0) continue;
      conntrack::Packet& packet = packets.emplace_back();
      packet.layer = (*decoded)[i].layer_storage.data();
      packet.frame = frames[i].ordinal;
      packet.time = frames[i].time;
    }
    pass.packets += packets.size();
    if (tracking) tracker.track(packets, std::span(verdicts).first(packets.size()));
  }
  pass.ns = bench::cpu_ns() - before;
  return pass;
}

void track_capture(const char* file) {
  const auto [without, with] =
      bench::compare([&](bool tracking) { return pass_over(file, tracking); });
  std::printf("tracking %.1f ns a packet over %llu packets\n",
              (with.ns - without.ns) / static_cast<double>(with.packets),
              static_cast<unsigned long long>(with.packets));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && !std::isdigit(static_cast<unsigned char>(argv[1][0]))) {
    track_capture(argv[1]);
    return 0;
  }
  const long connections = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1'000'000;
  if (connections < 1 || connections > 100'000'000) {
    std::fprintf(stderr, "usage: bench_conntrack [CONNECTIONS | FILE]\n");
    return 2;
  }
  Bench(static_cast<std::uint32_t>(connections)).run();
  return 0;
}
