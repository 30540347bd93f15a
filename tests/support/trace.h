// Packets of one tap written as text, tracked as they are written:
//
//   Trace trace;
//   trace.at(0.0s).tcp("10.0.0.2:4000 > 192.0.2.9:443 S seq 1000");
//   CHECK(trace.state() == "SYN_SENT");
//
// Real packet bytes are made and decoded, so checksums, lengths and options are those of a
// capture. Header-only: it needs the folders that it tests.
#pragma once

#include <chrono>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/conntrack/tracker.h"
#include "natlens/decode/decoder.h"

#include "support/catch.h"
#include "support/packet.h"

namespace natlens::test {

using namespace std::chrono_literals;

class Trace : public conntrack::Sink {
 public:
  // The kernel's own settings: every checksum is checked.
  static conntrack::Options kernel_options() {
    conntrack::Options options;
    REQUIRE(options.set_sysctl("nf_conntrack_checksum", "1"));
    return options;
  }

  explicit Trace(const conntrack::Options& options = kernel_options())
      : tracker_(options, *this) {}

  // The moment of the packets that follow; time starts at an arbitrary one.
  Trace& at(std::chrono::duration<double> time) {
    now_ = kStart + std::chrono::duration_cast<Nanoseconds>(time);
    return *this;
  }

  // "SRC:PORT > DST:PORT FLAGS [seq N] [ack N] [win N] [len N] [wscale N] [sackok] [sack L R]".
  // FLAGS are letters of SFRPAU, or "." for none. Window 8192 unless said.
  Trace& tcp(const std::string& text) {
    std::istringstream in(text);
    Endpoint src, dst;
    read_ends(in, src, dst);
    TcpHeader header;
    header.src = src.port;
    header.dst = dst.port;
    header.seq = header.ack = 0;
    header.window = 8192;
    std::string word;
    in >> word;
    header.flags = flags_of(word);
    std::size_t length = 0;
    while (in >> word) read_tcp_word(in, word, header, length);
    while (header.options.size() % 4 != 0) header.options.push_back(1);
    return packet(ip_packet(src.address, dst.address, 6, test::tcp(header, filler(length))));
  }

  Trace& tcp_text(const std::string& ends,
                  std::uint32_t seq,
                  std::uint32_t ack,
                  std::string_view payload) {
    std::istringstream in(ends);
    Endpoint src, dst;
    read_ends(in, src, dst);
    TcpHeader header;
    header.src = src.port;
    header.dst = dst.port;
    header.seq = seq;
    header.ack = ack;
    header.window = 8192;
    header.flags = 0x18;
    return packet(ip_packet(src.address, dst.address, 6,
                            test::tcp(header, Bytes(payload.begin(), payload.end()))));
  }

  // "SRC:PORT > DST:PORT", with this payload.
  Trace& udp(const std::string& ends, std::string_view payload = "x") {
    std::istringstream in(ends);
    Endpoint src, dst;
    read_ends(in, src, dst);
    return packet(
        ip_packet(src.address, dst.address, 17,
                  test::udp(src.port, dst.port, Bytes(payload.begin(), payload.end()))));
  }

  // "SRC > DST", an ICMP or ICMPv6 message by the addresses' family.
  Trace& icmp(const std::string& ends,
              std::uint8_t type,
              std::uint8_t code,
              std::uint32_t rest,
              const Bytes& body = {}) {
    std::istringstream in(ends);
    Endpoint src, dst;
    read_ends(in, src, dst);
    return packet(ip_packet(src.address, dst.address, src.address.is_v4() ? 1 : 58,
                            test::icmp(type, code, rest, body)));
  }

  // Any transport.
  Trace& transport(const std::string& ends, std::uint8_t protocol, const Bytes& bytes) {
    std::istringstream in(ends);
    Endpoint src, dst;
    read_ends(in, src, dst);
    return packet(make_ip(src.address, dst.address, protocol, bytes));
  }

  // A whole IP packet as it stands. `captured`: as much as a snap length left.
  Trace& packet(const Bytes& ip, std::size_t captured = SIZE_MAX) {
    constexpr capture::LinkType kRaw = 101;
    capture::Frame frame = frame_of(ip, kRaw, captured);
    frame.number = frame.ordinal = ++frames_;
    frame.time = now_;
    bytes_ = ip;
    events_.clear();
    decoder_.decode(frame, decoded_);
    REQUIRE_FALSE(decoded_.layers().empty());
    packet_ = {};
    packet_.layer = &decoded_.layers().front();
    packet_.zone = zone_;
    packet_.frame = frames_;
    packet_.time = now_;
    tracker_.track({&packet_, 1}, {&verdict_, 1});
    view_ = tracker_.lookup(packet_);
    return *this;
  }

  Trace& zone(std::uint32_t zone) {
    zone_ = zone;
    return *this;
  }

  // What was said of the latest packet, and of the entry it finds now.
  const conntrack::Verdict& verdict() const { return verdict_; }
  std::string packet_class() const {
    return std::string(conntrack::to_string(verdict_.packet_class));
  }
  // "NEW", "ESTABLISHED reply"...
  std::string seen() const {
    return packet_class() + (verdict_.direction == conntrack::Direction::kReply &&
                                     verdict_.packet_class != conntrack::PacketClass::kInvalid
                                 ? " reply"
                                 : "");
  }
  std::string reason() const {
    return std::string(conntrack::to_string(verdict_.invalid.reason));
  }
  const conntrack::EntryView& connection() const { return view_; }
  std::string state() const {
    return std::string(conntrack::state_name(view_.protocol, view_.state));
  }
  std::uint32_t timeout() const { return view_.timeout_seconds; }
  bool assured() const { return (view_.status & conntrack::status::kAssured) != 0; }
  bool replied() const { return (view_.status & conntrack::status::kSeenReply) != 0; }
  // Seconds from the start to the entry's end, as set by its latest refresh.
  double expires_at() const {
    return static_cast<double>((now_ - kStart).count()) / 1e9 + view_.remaining_seconds;
  }
  // Events since the latest packet was sent: "NEW 1 SYN_SENT", "DESTROY 1", "CLOSED 1 expired",
  // "EXP_NEW ...".
  const std::vector<std::string>& events() const { return events_; }
  const conntrack::Closed& closed_record(std::uint32_t connection) const {
    return closed_.at(connection);
  }
  bool is_closed(std::uint32_t connection) const { return closed_.count(connection) != 0; }
  conntrack::Tracker& tracker() { return tracker_; }
  const Bytes& bytes() const { return bytes_; }
  std::uint32_t frames() const { return frames_; }
  void advance(std::chrono::duration<double> time) {
    events_.clear();
    at(time);
    tracker_.advance(now_);
  }
  void finish(std::chrono::duration<double> time) {
    events_.clear();
    at(time);
    tracker_.finish(now_);
  }

  void opened(const conntrack::Opened& opened) override { opened_.push_back(opened); }
  const std::vector<conntrack::Opened>& openings() const { return opened_; }

  // An IP packet with the right checksums.
  static Bytes ip_packet(const Address& src,
                         const Address& dst,
                         std::uint8_t protocol,
                         const Bytes& transport) {
    return with_l4_checksum(make_ip(src, dst, protocol, transport));
  }

 private:
  static constexpr Timestamp kStart = Timestamp::from_ns(1'700'000'000'000'000'000);

  static Bytes make_ip(const Address& src,
                       const Address& dst,
                       std::uint8_t protocol,
                       const Bytes& transport) {
    const std::string from = to_string(src);
    const std::string to = to_string(dst);
    if (src.is_v4()) {
      Ipv4Header header;
      header.src = from;
      header.dst = to;
      header.protocol = protocol;
      return ipv4(header, transport);
    }
    Ipv6Header header;
    header.src = from;
    header.dst = to;
    header.next = protocol;
    return ipv6(header, transport);
  }

  static void read_ends(std::istringstream& in, Endpoint& src, Endpoint& dst) {
    std::string from, arrow, to;
    in >> from >> arrow >> to;
    REQUIRE(arrow == ">");
    const auto parse = [](const std::string& text) {
      if (const auto address = Address::parse(text)) return Endpoint{*address, 0};
      return parse_endpoint(text).value();
    };
    src = parse(from);
    dst = parse(to);
  }

  static std::uint16_t flags_of(const std::string& letters) {
    static const std::string kLetters = "FSRPAUEC";
    unsigned flags = 0;
    for (const char c : letters) {
      if (c == '.') continue;
      const auto at = kLetters.find(c);
      REQUIRE(at != std::string::npos);
      flags |= 1U << at;
    }
    return static_cast<std::uint16_t>(flags);
  }

  static void read_tcp_word(std::istringstream& in,
                            const std::string& word,
                            TcpHeader& header,
                            std::size_t& length) {
    std::uint32_t n = 0;
    const auto number = [&] {
      REQUIRE(in >> n);
      return n;
    };
    if (word == "seq") {
      header.seq = number();
    } else if (word == "ack") {
      header.ack = number();
    } else if (word == "win") {
      header.window = static_cast<std::uint16_t>(number());
    } else if (word == "len") {
      length = number();
    } else if (word == "wscale") {
      header.options = header.options + Bytes{3, 3, static_cast<std::uint8_t>(number())};
    } else if (word == "sackok") {
      header.options = header.options + Bytes{4, 2};
    } else if (word == "sack") {
      header.options = header.options + Bytes{5, 10} + be32(number()) + be32(number());
    } else {
      FAIL("unknown word in a trace: " << word);
    }
  }

  void event(const conntrack::Event& e) override {
    static const std::array<std::string, 3> kTags{"NEW", "UPDATE", "DESTROY"};
    std::string text =
        fmt::format("{} {}", kTags[static_cast<std::size_t>(e.kind)], e.connection);
    if (e.has_state) text += fmt::format(" {}", conntrack::state_name(e.protocol, e.state));
    if (e.timeout_seconds != 0) text += fmt::format(" t={}", e.timeout_seconds);
    events_.push_back(text);
  }
  void closed(const conntrack::Closed& c) override {
    closed_.emplace(c.connection, c);
    events_.push_back(
        fmt::format("CLOSED {} {}", c.connection, conntrack::to_string(c.reason)));
  }
  void expectation(const conntrack::ExpectationEvent& e) override {
    events_.push_back(fmt::format("{} {} {}:{} > {}:{}", e.made ? "EXP_NEW" : "EXP_DESTROY",
                                  e.helper, to_string(e.tuple.src), e.tuple.src_port,
                                  to_string(e.tuple.dst), e.tuple.dst_port));
  }

  conntrack::Tracker tracker_;
  decode::Decoder decoder_;
  decode::DecodedFrame decoded_;
  conntrack::Packet packet_;
  conntrack::Verdict verdict_;
  conntrack::EntryView view_;
  Bytes bytes_;
  std::vector<std::string> events_;
  std::vector<conntrack::Opened> opened_;
  std::map<std::uint32_t, conntrack::Closed> closed_;
  Timestamp now_ = kStart;
  std::uint32_t zone_ = 0;
  std::uint32_t frames_ = 0;
};

}  // namespace natlens::test
