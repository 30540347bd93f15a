// Correlation as text. A line is a packet at a tap, or what must come out:
//
//   0.000 lan tcp 10.0.0.2:4000 > 192.0.2.9:443 S seq 100        flags: S A F R P, any together
//   0.001 lan tcp 10.0.0.2:4000 > 192.0.2.9:443 A seq 101 ack 1 data hello
//   0.002 wan udp 198.51.100.1:4000 > 192.0.2.9:53 data q id 7 ttl 63
//   0.003 lan udp 10.0.0.2:5000 > 192.0.2.9:53 asks www.example:7      a DNS query with id 7
//   0.003 lan udp 192.0.2.9:53 > 10.0.0.2:5000 tells www.example:7     and its answer
//   0.003 lan tcp 10.0.0.2:5000 > 10.0.0.1:8080 A seq 1 ack 1 connect 192.0.2.9:80   to a proxy
//   0.003 lan tcp 10.0.0.1:8080 > 10.0.0.2:5000 A seq 1 ack 9 connected               it did
//   0.003 lan icmp 10.0.0.2 > 192.0.2.9 echo 7 seq 1 data x      (reply: answer 7)
//   0.004 lan tcp 10.0.0.2:4000 > 192.0.2.9:443 S seq 900 new    another connection, same tuple
//   0.005 wan tcp 192.0.2.9:443 > 198.51.100.1:4000 RA ack 101 stray    it opens no entry
//   9.000 lan close tcp 10.0.0.2:4000 > 192.0.2.9:443            its entry ends
//   clock wan 1.5            wan's clock shows 1.5 s more; times above are true ones
//   unrelated wan            the probe found nothing in common
//   expect snat lan 10.0.0.2:4000 > 192.0.2.9:443 as wan 198.51.100.1:4000 > 192.0.2.9:443
//   expect ... because tcp_handshake both 3 2      evidence has the field; packets per
//   direction expect ... shift 500 -20   what the box adds to the sequence numbers of each
//   direction expect doubt 2             connections left in doubt (default 0)
//
// The expected translations are all that may come out. `data X*1400` repeats X. Taps are
// numbered in the order in which they appear. Packets become layers and go through stream's
// fingerprints.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "natlens/correlate/correlator.h"
#include "natlens/stream/blocks.h"
#include "natlens/stream/fingerprint.h"
#include "natlens/stream/statements.h"

namespace natlens::test {

// Keeps everything that a correlator says.
class RecordingSink : public correlate::Sink {
 public:
  void translation(const correlate::Translation& t) override { translations.push_back(t); }
  void candidate(const correlate::Candidate& c) override { candidates.push_back(c); }
  void unpaired(const correlate::Unpaired& u) override { lonely.push_back(u); }
  void settled(correlate::ConnectionRef c) override { settled_ones.push_back(c); }

  void sequence_change(const correlate::SequenceChange& c) override { changes.push_back(c); }

  std::vector<correlate::Translation> translations;
  std::vector<correlate::SequenceChange> changes;
  std::vector<correlate::Candidate> candidates;
  std::vector<correlate::Unpaired> lonely;
  std::vector<correlate::ConnectionRef> settled_ones;
};

class CorrelateTrace {
 public:
  // Runs the trace; what differs from its expectations is in complaints().
  explicit CorrelateTrace(std::string_view text, const correlate::Options& options = {}) {
    read(text);
    run(options);
    judge();
  }
  const std::vector<std::string>& complaints() const { return complaints_; }
  const RecordingSink& sink() const { return sink_; }

 private:
  struct Packet {
    double time = 0;
    std::uint16_t tap = 0;
    decode::Layer layer;
    std::string payload;
    bool fresh = false;
    bool stray = false;
    bool close = false;
  };
  struct Expectation {
    std::string what;
    std::string because;
    std::vector<std::uint64_t> both;
    std::vector<std::int64_t> shift;
  };
  struct Live {
    std::uint32_t serial = 0;
    Tuple original;
    bool stray = false;
    bool closed = false;
    std::array<std::uint16_t, 2> packets{};  // by Direction
  };

  static std::uint64_t number(const std::string& text) {
    std::uint64_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  }

  std::uint16_t tap(const std::string& name) {
    const auto found = std::find(taps_.begin(), taps_.end(), name);
    if (found != taps_.end()) return static_cast<std::uint16_t>(found - taps_.begin());
    taps_.push_back(name);
    return static_cast<std::uint16_t>(taps_.size() - 1);
  }

  void read(std::string_view text) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string first;
      if (!(words >> first) || first[0] == '#') continue;
      if (first == "expect") {
        read_expectation(words);
      } else if (first == "clock") {
        std::string name;
        double seconds = 0;
        words >> name >> seconds;
        clocks_[tap(name)] = seconds;
      } else if (first == "unrelated") {
        std::string name;
        words >> name;
        unrelated_.push_back(tap(name));
      } else {
        read_packet(std::stod(first), words);
      }
    }
  }

  void read_expectation(std::istringstream& words) {
    Expectation out;
    std::string word;
    while (words >> word) {
      if (word == "because") {
        words >> out.because;
      } else if (word == "both") {
        std::string forth, back;
        words >> forth >> back;
        out.both = {number(forth), number(back)};
      } else if (word == "shift") {
        std::int64_t forth = 0;
        std::int64_t back = 0;
        words >> forth >> back;
        out.shift = {forth, back};
      } else {
        out.what += (out.what.empty() ? "" : " ") + word;
      }
    }
    if (out.what.rfind("doubt ", 0) == 0) {
      doubtful_ = number(out.what.substr(6));
    } else {
      expected_.push_back(out);
    }
  }

  void read_packet(double time, std::istringstream& words) {
    Packet p;
    p.time = time;
    std::string name, protocol, src, arrow, dst;
    words >> name >> protocol;
    p.tap = tap(name);
    p.close = protocol == "close";
    if (p.close) words >> protocol;
    words >> src >> arrow >> dst;
    decode::Layer& l = p.layer;
    const auto from = parse_endpoint(src);
    const auto to = parse_endpoint(dst);
    if (!from || !to) complaints_.push_back("cannot read: " + src + " > " + dst);
    if (!from || !to) return;
    l.src = from->address;
    l.dst = to->address;
    l.src_port = from->port;
    l.dst_port = to->port;
    l.version = static_cast<std::uint8_t>(l.src.family());
    l.protocol = *protocol_number(protocol);
    l.ttl = 64;
    l.transport = protocol == "tcp"   ? decode::TransportKind::kTcp
                  : protocol == "udp" ? decode::TransportKind::kUdp
                                      : decode::TransportKind::kIcmp;
    l.tcp.header_bytes = 20;
    l.tcp.window = 512;
    read_rest(words, p);
    packets_.push_back(p);
  }

  static void read_rest(std::istringstream& words, Packet& p) {
    decode::Layer& l = p.layer;
    for (std::string word; words >> word;) {
      std::string value;
      if (word == "new" || word == "stray") {
        (word == "new" ? p.fresh : p.stray) = true;
        continue;
      }
      if (word == "connected") {
        p.payload = "HTTP/1.1 200 OK\r\n\r\n";
        continue;
      }
      if (word == "seq" || word == "ack" || word == "data" || word == "ttl" || word == "id" ||
          word == "echo" || word == "answer" || word == "ts" || word == "asks" ||
          word == "connect" || word == "tells" || word == "ecr") {
        words >> value;
      }
      if (word == "seq") {
        l.tcp.seq = static_cast<std::uint32_t>(number(value));
        l.icmp.sequence = static_cast<std::uint16_t>(l.tcp.seq);
      } else if (word == "ack") {
        l.tcp.ack = static_cast<std::uint32_t>(number(value));
      } else if (word == "ts") {
        l.tcp.has_timestamps = true;
        l.tcp.ts_value = static_cast<std::uint32_t>(number(value));
      } else if (word == "ecr") {
        l.tcp.ts_echo = static_cast<std::uint32_t>(number(value));
      } else if (word == "ttl") {
        l.ttl = static_cast<std::uint8_t>(number(value));
      } else if (word == "id") {
        l.ip_id = static_cast<std::uint32_t>(number(value));
      } else if (word == "echo" || word == "answer") {
        l.icmp.type = word == "echo" ? 8 : 0;
        l.icmp.id = static_cast<std::uint16_t>(number(value));
      } else if (word == "connect") {
        p.payload = fmt::format("CONNECT {} HTTP/1.1\r\n\r\n", value);
      } else if (word == "asks" || word == "tells") {
        p.payload = dns_message(value, word == "tells");
        if (l.transport == decode::TransportKind::kTcp) {
          p.payload.insert(0, {'\0', static_cast<char>(p.payload.size())});
        }
      } else if (word == "data") {
        const auto star = value.find('*');
        const std::string unit = value.substr(0, star);
        const std::uint64_t times =
            star == std::string::npos ? 1 : number(value.substr(star + 1));
        for (std::uint64_t i = 0; i < times; ++i) p.payload += unit;
      } else {
        for (const char c : word) {
          l.tcp.flags |= c == 'S'   ? decode::tcp_flag::kSyn
                         : c == 'A' ? decode::tcp_flag::kAck
                         : c == 'F' ? decode::tcp_flag::kFin
                         : c == 'R' ? decode::tcp_flag::kRst
                                    : decode::tcp_flag::kPsh;
        }
      }
    }
  }

  // "www.example:7": name and id.
  static std::string dns_message(const std::string& text, bool answer) {
    const auto colon = text.find(':');
    const auto id = number(text.substr(colon + 1));
    std::string out{static_cast<char>(id >> 8), static_cast<char>(id)};
    out += std::string(answer ? "\x81\x80" : "\x01\x00", 2);
    out += std::string("\0\1\0\0\0\0\0\0", 8);
    std::istringstream labels(text.substr(0, colon));
    for (std::string label; std::getline(labels, label, '.');) {
      out += static_cast<char>(label.size());
      out += label;
    }
    return out + std::string("\0\0\1\0\1", 5);
  }

  static Tuple tuple_of(const decode::Layer& l) {
    Tuple out;
    out.src = l.src;
    out.dst = l.dst;
    out.protocol = l.protocol;
    out.src_port = l.transport == decode::TransportKind::kIcmp ? l.icmp.id : l.src_port;
    out.dst_port = l.transport == decode::TransportKind::kIcmp
                       ? static_cast<std::uint16_t>(l.icmp.type << 8)
                       : l.dst_port;
    return out;
  }
  static Tuple reply_of(const Tuple& t) {
    Tuple out = t;
    std::swap(out.src, out.dst);
    if (t.protocol == protocol::kIcmp) {
      out.dst_port = t.dst_port == 0 ? 0x0800 : 0;
    } else {
      std::swap(out.src_port, out.dst_port);
    }
    return out;
  }
  static Timestamp true_moment(double seconds) {
    return Timestamp::from_ns(1'800'000'000'000'000'000 +
                              static_cast<std::int64_t>(seconds * 1e9));
  }
  Timestamp moment(std::uint16_t tap, double seconds) const {
    const auto clock = clocks_.find(tap);
    return true_moment(seconds + (clock == clocks_.end() ? 0 : clock->second));
  }

  // The live connection of a packet, opened if it is new.
  Live& track(correlate::Correlator& correlator, const Packet& p, conntrack::Verdict& verdict) {
    std::vector<Live>& lives = lives_[p.tap];
    const Tuple tuple = tuple_of(p.layer);
    for (Live& live : lives) {
      if (live.closed || (p.fresh && live.original == tuple)) {
        if (p.fresh && !live.closed && live.original == tuple)
          close(correlator, p.tap, live, p.time);
        continue;
      }
      if (live.stray != p.stray) continue;
      if (live.original != tuple && reply_of(live.original) != tuple) continue;
      verdict.connection = live.serial;
      verdict.direction = live.original == tuple ? conntrack::Direction::kOriginal
                                                 : conntrack::Direction::kReply;
      verdict.earlier_packets = live.packets[static_cast<std::size_t>(verdict.direction)]++;
      return live;
    }
    const auto serial = static_cast<std::uint32_t>(lives.size() + 1);
    Live live{serial + (p.stray ? stream::kFirstStray : 0U), tuple, p.stray, false, {1, 0}};
    stream::Opened opened;
    opened.tap = p.tap;
    opened.entry.connection = live.serial;
    opened.entry.time = moment(p.tap, p.time);
    opened.entry.original = tuple;
    opened.entry.reply = reply_of(tuple);
    opened.entry.beginning_seen =
        p.layer.protocol != protocol::kTcp || p.layer.tcp.flags == decode::tcp_flag::kSyn;
    correlator.open(p.tap, opened);
    verdict.connection = live.serial;
    lives.push_back(live);
    return lives.back();
  }

  void close(correlate::Correlator& correlator, std::uint16_t tap, Live& live, double time) {
    conntrack::Closed closed;
    closed.connection = live.serial;
    closed.time = moment(tap, time);
    correlator.close(tap, closed);
    live.closed = true;
  }

  void run(const correlate::Options& options) {
    correlate::Correlator correlator(options, sink_);
    for (std::uint16_t t = 0; t < taps_.size(); ++t) {
      correlate::ClockEstimate clock;
      clock.tap = t;
      clock.anchor = moment(t, 0);
      clock.matches = 100;
      const auto shown = clocks_.find(t);
      if (shown != clocks_.end())
        clock.offset_ns = static_cast<std::int64_t>(shown->second * 1e9);
      if (std::find(unrelated_.begin(), unrelated_.end(), t) != unrelated_.end()) {
        clock.group = static_cast<std::uint16_t>(1000 + t);
      }
      correlator.add_tap(clock);
    }
    std::stable_sort(packets_.begin(), packets_.end(),
                     [](const Packet& a, const Packet& b) { return a.time < b.time; });
    std::vector<stream::Sighting> sightings;
    std::vector<stream::Statement> statements;
    std::uint32_t frame = 0;
    for (Packet& p : packets_) {
      p.layer.payload =
          ByteView(reinterpret_cast<const std::uint8_t*>(p.payload.data()), p.payload.size());
      p.layer.payload_wire_bytes = static_cast<std::uint32_t>(p.payload.size());
      p.layer.l4 = ByteView(kHeader.data(), kHeader.size());
      conntrack::Verdict verdict;
      Live& live = track(correlator, p, verdict);
      if (p.close) {
        close(correlator, p.tap, live, p.time);
        continue;
      }
      sightings.clear();
      stream::append_sightings(p.layer, verdict, moment(p.tap, p.time), ++frame, sightings);
      blocks_[p.tap].read(p.layer, verdict, moment(p.tap, p.time), frame, sightings);
      for (const stream::Sighting& s : sightings) correlator.sight(p.tap, s);
      statements.clear();
      statements_[p.tap].read(p.layer, verdict, moment(p.tap, p.time), frame, statements);
      for (const stream::Statement& s : statements) correlator.say(p.tap, s);
      correlator.advance(true_moment(p.time));
    }
    const double end = packets_.empty() ? 0 : packets_.back().time;
    for (auto& [tap, lives] : lives_) {
      for (Live& live : lives) {
        if (!live.closed) close(correlator, tap, live, end);
      }
    }
    correlator.finish();
  }

  std::string side(correlate::ConnectionRef ref) const {
    const Tuple& t = lives_.at(ref.tap)[(ref.serial & ~stream::kFirstStray) - 1].original;
    if (t.protocol == protocol::kIcmp) {
      return fmt::format("{} {} > {} echo {}", taps_[ref.tap], to_string(t.src),
                         to_string(t.dst), t.src_port);
    }
    return fmt::format("{} {} > {}", taps_[ref.tap], to_string(Endpoint{t.src, t.src_port}),
                       to_string(Endpoint{t.dst, t.dst_port}));
  }

  void judge() {
    std::vector<const correlate::Translation*> left;
    for (const auto& t : sink_.translations) left.push_back(&t);
    for (const Expectation& e : expected_) {
      const auto found = std::find_if(left.begin(), left.end(),
                                      [&](const auto* t) { return text(*t) == e.what; });
      if (found == left.end()) {
        complaints_.push_back("missing: " + e.what);
        continue;
      }
      check_details(**found, e);
      left.erase(found);
    }
    for (const auto* t : left) complaints_.push_back("not expected: " + text(*t));
    const auto doubtful = static_cast<std::uint64_t>(
        std::count_if(sink_.lonely.begin(), sink_.lonely.end(), [](const auto& u) {
          return u.reason == correlate::UnpairedReason::kAmbiguous ||
                 u.reason == correlate::UnpairedReason::kTooLittle;
        }));
    if (doubtful != doubtful_) {
      complaints_.push_back(fmt::format("in doubt: {} instead of {}", doubtful, doubtful_));
    }
  }

  void check_details(const correlate::Translation& t, const Expectation& e) {
    const auto begin = t.evidence.begin();
    const bool shown = std::any_of(begin, begin + t.evidence_count, [&](const auto& evidence) {
      return to_string(evidence.field) == e.because;
    });
    if (!e.because.empty() && !shown) complaints_.push_back("not because of it: " + e.what);
    for (std::size_t d = 0; d < e.shift.size(); ++d) {
      if (t.sequence_shift[d] == e.shift[d]) continue;
      complaints_.push_back(fmt::format("{}: sequence numbers of direction {} shifted by {}",
                                        e.what, d, t.sequence_shift[d]));
    }
    for (std::size_t d = 0; d < e.both.size(); ++d) {
      if (t.packets[d].known && t.packets[d].both == e.both[d]) continue;
      complaints_.push_back(
          fmt::format("{}: {} packets in direction {} at both taps (known: {})", e.what,
                      t.packets[d].both, d, t.packets[d].known));
    }
  }

  std::string text(const correlate::Translation& t) const {
    return fmt::format("{} {} as {}", to_string(t.kind), side(t.inside), side(t.outside));
  }

  static constexpr std::array<std::uint8_t, 20> kHeader{};
  std::vector<std::string> taps_;
  std::vector<Packet> packets_;
  std::map<std::uint16_t, double> clocks_;
  std::vector<std::uint16_t> unrelated_;
  std::vector<Expectation> expected_;
  std::uint64_t doubtful_ = 0;
  std::map<std::uint16_t, std::vector<Live>> lives_;
  std::map<std::uint16_t, stream::BlockReader> blocks_;
  std::map<std::uint16_t, stream::StatementReader> statements_;
  RecordingSink sink_;
  std::vector<std::string> complaints_;
};

}  // namespace natlens::test
