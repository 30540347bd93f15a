// The tracker as a whole: batches, time, the end, full tables, zones, untracked packets.
#include "natlens/conntrack/tracker.h"

#include <random>

#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

using Events = std::vector<std::string>;

std::string ends(int host, int port) {
  return fmt::format("10.0.0.{}:{} > 192.0.2.9:53", host, port);
}

conntrack::Options with_sysctl(const std::string& name, const std::string& value) {
  auto options = Trace::kernel_options();
  REQUIRE(options.set_sysctl(name, value));
  return options;
}

// Everything a sink is told, as text.
struct TextSink : conntrack::Sink {
  void opened(const conntrack::Opened& o) override {
    text += fmt::format("open {} {}\n", o.connection, to_string(o.original));
  }
  void event(const conntrack::Event& e) override {
    text +=
        fmt::format("event {} {} {}\n", e.connection, static_cast<int>(e.kind), e.time.ns());
  }
  void closed(const conntrack::Closed& c) override {
    text += fmt::format("close {} {} {} {}\n", c.connection, conntrack::to_string(c.reason),
                        c.time.ns(), c.counters[0].packets);
  }
  std::string text;
};

}  // namespace

TEST_CASE("tracker: closes come in order of expiry, then of opening", "[conntrack][tracker]") {
  Trace trace;
  trace.at(0s).udp(ends(1, 1)).udp(ends(2, 1));
  trace.at(1s).udp(ends(3, 1));
  trace.at(2s).udp(ends(1, 1));
  trace.advance(100s);
  CHECK(trace.events() == Events{"DESTROY 2", "CLOSED 2 expired", "DESTROY 3",
                                 "CLOSED 3 expired", "DESTROY 1", "CLOSED 1 expired"});
}

TEST_CASE("tracker: at the end what lives is closed by serial, with the time it had left",
          "[conntrack][tracker]") {
  Trace trace;
  trace.at(0s).udp(ends(1, 1));
  trace.at(5s).udp(ends(2, 1)).udp(ends(3, 1));
  trace.at(6s).udp(ends(1, 1));
  trace.finish(15s);
  CHECK(trace.events() == Events{"CLOSED 1 end", "CLOSED 2 end", "CLOSED 3 end"});
  CHECK(trace.closed_record(1).timeout_seconds == 21);
  CHECK(trace.closed_record(2).timeout_seconds == 20);
  CHECK(trace.tracker().stats().live == 0);
}

TEST_CASE("tracker: time that steps back stands still", "[conntrack][tracker]") {
  Trace trace;
  trace.at(100s).udp(ends(1, 1));
  trace.at(50s).udp(ends(1, 1));
  CHECK(trace.connection().remaining_seconds == 30);
  trace.at(129s).udp(ends(2, 1));
  CHECK_FALSE(trace.is_closed(1));
  trace.at(130s).udp(ends(2, 1));
  CHECK(trace.is_closed(1));
}

TEST_CASE("tracker: counters are of every packet, INVALID ones included",
          "[conntrack][tracker]") {
  Trace trace;
  trace.tcp("10.0.0.2:1 > 192.0.2.9:80 S seq 1")
      .tcp("192.0.2.9:80 > 10.0.0.2:1 SA seq 9 ack 2");
  trace.tcp("10.0.0.2:1 > 192.0.2.9:80 SF seq 1");
  trace.finish(1s);
  const conntrack::Closed& closed = trace.closed_record(1);
  CHECK(closed.counters[0].packets == 2);
  CHECK(closed.counters[0].bytes == 80);
  CHECK(closed.counters[1].packets == 1);
  CHECK(closed.invalid_packets == 1);
  CHECK(closed.first_frame == 1);
  CHECK(closed.last_frame == 3);
}

TEST_CASE("tracker: nf_conntrack_acct counts what refreshes", "[conntrack][tracker]") {
  Trace trace(with_sysctl("nf_conntrack_acct", "1"));
  trace.tcp("10.0.0.2:1 > 192.0.2.9:80 S seq 1").tcp("10.0.0.2:1 > 192.0.2.9:80 S seq 1");
  trace.tcp("192.0.2.9:80 > 10.0.0.2:1 RA seq 0 ack 2");
  const auto& accounted = trace.closed_record(1).accounted;
  CHECK(accounted[0].packets == 1);
  CHECK(accounted[1].packets == 1);
  CHECK(accounted[1].bytes == 40);
}

TEST_CASE("tracker: a full table gives up what is not assured, or refuses",
          "[conntrack][tracker]") {
  Trace trace(with_sysctl("nf_conntrack_max", "2"));
  trace.at(0s).udp(ends(1, 1)).udp(ends(2, 1)).udp(ends(3, 1));
  CHECK(trace.events() == Events{"DESTROY 1 t=30", "CLOSED 1 evicted", "NEW 3 t=30"});
  CHECK(trace.tracker().stats().early_dropped == 1);
  // Both assured: nothing can go.
  for (const int host : {2, 3}) {
    trace.at(1s).udp(fmt::format("192.0.2.9:53 > 10.0.0.{}:1", host));
    trace.at(4s).udp(ends(host, 1));
    CHECK(trace.assured());
  }
  trace.udp(ends(4, 1));
  CHECK(trace.packet_class() == "NONE");
  CHECK(trace.reason() == "table_full");
  CHECK(trace.tracker().stats().table_full == 1);
}

TEST_CASE("tracker: a bounded table always has room, and keeps what is assured while it can",
          "[conntrack][tracker]") {
  conntrack::Options options;
  options.set_most_entries(3);
  Trace trace(options);
  trace.at(0s).udp(ends(1, 1)).udp("192.0.2.9:53 > 10.0.0.1:1");
  trace.at(4s).udp(ends(1, 1));
  CHECK(trace.assured());
  for (int host = 2; host < 40; ++host) trace.udp(ends(host, 1));
  CHECK(trace.tracker().stats().live == 3);
  CHECK(trace.tracker().stats().evicted == 36);
  trace.udp(ends(1, 1));
  CHECK(trace.assured());
  // All assured: the one that times out first goes.
  for (const int host : {50, 51}) {
    const std::chrono::seconds begin(host * 4 - 190);
    trace.at(begin).udp(ends(host, 1)).udp(fmt::format("192.0.2.9:53 > 10.0.0.{}:1", host));
    trace.at(begin + 3s).udp(ends(host, 1));
    CHECK(trace.assured());
  }
  trace.udp(ends(60, 1));
  CHECK(trace.packet_class() == "NEW");
  trace.udp("192.0.2.9:53 > 10.0.0.1:1");
  CHECK(trace.packet_class() == "NEW");
}

TEST_CASE("tracker: no events with nf_conntrack_events=0", "[conntrack][tracker]") {
  Trace trace(with_sysctl("nf_conntrack_events", "0"));
  trace.udp(ends(1, 1));
  CHECK(trace.events().empty());
  CHECK(trace.openings().size() == 1);
}

TEST_CASE("tracker: zones keep equal tuples apart", "[conntrack][tracker]") {
  Trace trace;
  trace.zone(7).udp(ends(1, 1));
  trace.zone(8).udp(ends(1, 1));
  CHECK(trace.connection().connection == 2);
  trace.zone(7).udp("192.0.2.9:53 > 10.0.0.1:1");
  CHECK(trace.seen() == "ESTABLISHED reply");
  CHECK(trace.connection().connection == 1);
}

TEST_CASE("tracker: a zone of one direction counts there alone", "[conntrack][tracker]") {
  auto options = Trace::kernel_options();
  REQUIRE(options.add_zone("orig:5=10.0.0.1"));
  Trace trace(options);
  trace.udp(ends(1, 1));
  CHECK(trace.connection().zone == 5);
  trace.udp("192.0.2.9:53 > 10.0.0.1:1");
  CHECK(trace.seen() == "ESTABLISHED reply");
}

TEST_CASE("tracker: untracked packets touch nothing", "[conntrack][tracker]") {
  auto options = Trace::kernel_options();
  REQUIRE(options.add_notrack("udp/53"));
  Trace trace(options);
  trace.udp(ends(1, 1));
  CHECK(trace.packet_class() == "UNTRACKED");
  CHECK(trace.tracker().stats().live == 0);
}

TEST_CASE("tracker: packets of fragments that wait have no class", "[conntrack][tracker]") {
  Trace trace;
  const Bytes whole = trace.udp(ends(1, 1), std::string(64, 'x')).bytes();
  const Bytes payload(whole.begin() + 20, whole.end());
  Ipv4Header header;
  header.src = "10.0.0.1";
  const auto part = [&](std::size_t from, std::size_t to, bool more) {
    header.fragment = static_cast<std::uint16_t>(from / 8 | (more ? 0x2000U : 0U));
    return ipv4(header, Bytes(payload.begin() + static_cast<long>(from),
                              payload.begin() + static_cast<long>(to)));
  };
  trace.packet(part(0, 24, true));
  CHECK(trace.packet_class() == "NONE");
  trace.packet(part(48, payload.size(), false));
  CHECK(trace.packet_class() == "NONE");
  trace.packet(part(24, 48, true));
  CHECK(trace.seen() == "NEW");
  CHECK(trace.connection().connection == 1);
}

TEST_CASE("tracker: batches of any size give the same answers", "[conntrack][tracker]") {
  std::mt19937 random(7);
  std::vector<Bytes> bytes;
  for (int i = 0; i < 600; ++i) {
    Trace writer;
    const auto host = static_cast<int>(random() % 5);
    const char* flags =
        std::array<const char*, 6>{"S", "SA", "A", "FA", "R", "PA"}[random() % 6];
    const std::string text = fmt::format(" {} seq {} ack {} len {}", flags, random() % 50,
                                         random() % 50, random() % 3);
    writer.tcp((random() % 2 == 0 ? fmt::format("10.0.0.{}:1 > 192.0.2.9:80", host)
                                  : fmt::format("192.0.2.9:80 > 10.0.0.{}:1", host)) +
               text);
    bytes.push_back(writer.bytes());
  }
  std::vector<decode::DecodedFrame> frames(bytes.size());
  std::vector<conntrack::Packet> packets(bytes.size());
  decode::Decoder decoder;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    decoder.decode(frame_of(bytes[i], 101), frames[i]);
    packets[i].layer = &frames[i].layers().front();
    packets[i].frame = static_cast<std::uint32_t>(i + 1);
    packets[i].time = Timestamp::from_ns(static_cast<std::int64_t>(i) * 1'000'000'000);
  }
  const auto run = [&](std::size_t size) {
    TextSink sink;
    conntrack::Tracker tracker(conntrack::Options(), sink);
    for (std::size_t i = 0; i < packets.size(); i += size) {
      const std::size_t n = std::min(size, packets.size() - i);
      std::vector<conntrack::Verdict> verdicts(n);
      tracker.track(std::span(packets).subspan(i, n), verdicts);
      for (const auto& v : verdicts) {
        sink.text += fmt::format("{} {}\n", conntrack::to_string(v.packet_class), v.connection);
      }
    }
    tracker.finish(packets.back().time);
    return sink.text;
  };
  const auto lines = [](std::string text) {
    // Verdicts come after the batch, records during it: compare each kind in its own order.
    std::istringstream in(text);
    std::string records, verdicts;
    for (std::string line; std::getline(in, line);) {
      (line[0] >= 'a' ? records : verdicts) += line + "\n";
    }
    return std::make_pair(records, verdicts);
  };
  const auto single = lines(run(1));
  for (const std::size_t size : {2, 32, 64, 65, 600}) {
    INFO("batches of " << size);
    CHECK(lines(run(size)) == single);
  }
}

}  // namespace natlens::test
