// Fingerprints: equal where a NAT changed only what NATs change, different where content
// differs.
#include "natlens/stream/fingerprint.h"

#include <algorithm>
#include <string>

#include "support/catch.h"

namespace natlens::stream {
namespace {

constexpr std::array<std::uint8_t, 60> kHeader{};

// A layer with a payload of its own.
struct Made {
  decode::Layer layer;
  std::string bytes;

  Made(decode::TransportKind transport, std::uint8_t protocol, std::string payload)
      : bytes(std::move(payload)) {
    layer.version = 4;
    layer.protocol = protocol;
    layer.transport = transport;
    layer.src = *Address::parse("10.0.0.2");
    layer.dst = *Address::parse("192.0.2.9");
    layer.src_port = 4000;
    layer.dst_port = 443;
    layer.ttl = 64;
    layer.tcp.header_bytes = 20;
    layer.tcp.seq = 5000;
    layer.tcp.ack = 77;
    layer.tcp.flags = decode::tcp_flag::kAck;
    layer.l4 = kHeader;
    whole();
  }
  void whole() { capture(bytes.size()); }
  void capture(std::size_t count) {
    layer.payload = ByteView(reinterpret_cast<const std::uint8_t*>(bytes.data()), count);
    layer.payload_wire_bytes = static_cast<std::uint32_t>(bytes.size());
  }
};

Made tcp(std::string payload) {
  return {decode::TransportKind::kTcp, protocol::kTcp, std::move(payload)};
}
Made udp(std::string payload) {
  return {decode::TransportKind::kUdp, protocol::kUdp, std::move(payload)};
}
Made echo(std::string payload) {
  Made out(decode::TransportKind::kIcmp, protocol::kIcmp, std::move(payload));
  out.layer.icmp.type = 8;
  out.layer.icmp.id = 9;
  out.layer.icmp.sequence = 3;
  return out;
}

std::vector<Sighting> sightings(const decode::Layer& layer) {
  std::vector<Sighting> out;
  conntrack::Verdict verdict;
  verdict.connection = 1;
  append_sightings(layer, verdict, Timestamp::from_ns(1), 1, out);
  return out;
}
Sighting first(const decode::Layer& layer) {
  const auto all = sightings(layer);
  REQUIRE(!all.empty());
  return all.front();
}

// What a source NAT and two routers do.
void translate(decode::Layer& layer) {
  layer.src = *Address::parse("198.51.100.1");
  layer.src_port = 61000;
  layer.ttl = 62;
  layer.tcp.mss = 1400;
  layer.icmp.id = 4711;
}

std::string counting(std::size_t count) {
  std::string out;
  while (out.size() < count) out += std::to_string(out.size()) + ",";
  out.resize(count);
  return out;
}

}  // namespace

TEST_CASE("a datagram behind a SOCKS header is the one that the proxy sends",
          "[stream][fingerprint]") {
  const std::string content = "what the client says";
  const auto plain = sightings(udp(content).layer);
  const std::string ipv4("\0\0\0\1\300\0\2\11\0\65", 10);
  const std::string name("\0\0\0\3\4host\0\65", 11);
  const std::string ipv6 = std::string("\0\0\0\4", 4) + std::string(16, 'x') + "\1\2";
  for (const std::string& header : {ipv4, name, ipv6}) {
    const auto found = sightings(udp(header + content).layer);
    REQUIRE(found.size() == 1);
    CHECK(found[0].kind == SightingKind::kRelayed);
    CHECK(found[0].fingerprint == plain[0].fingerprint);
    CHECK(found[0].payload_bytes == content.size());
    for (std::size_t cut = 0; cut < header.size() + 8; ++cut) {
      CHECK(sightings(udp((header + content).substr(0, cut)).layer)[0].kind ==
            SightingKind::kDatagram);
    }
  }
  // No address type, no port.
  for (const std::size_t at : {std::size_t{3}, std::size_t{9}}) {
    std::string other = ipv4 + content;
    other[at] = at == 3 ? '\2' : '\0';
    other[8] = at == 9 ? '\0' : other[8];
    CHECK(sightings(udp(other).layer)[0].kind == SightingKind::kDatagram);
  }
}

TEST_CASE("stream: a translated packet keeps its fingerprint and digest", "[stream]") {
  for (Made made : {tcp("hello"), tcp(""), tcp(counting(9000)), udp("question"), udp(""),
                    udp(counting(1400)), echo("0123456789abcdef")}) {
    made.whole();
    const auto before = sightings(made.layer);
    const std::uint64_t probe_before = probe_fingerprint(made.layer);
    translate(made.layer);
    const auto after = sightings(made.layer);
    REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      CHECK(before[i].fingerprint != 0);
      CHECK(before[i].fingerprint == after[i].fingerprint);
      CHECK(before[i].payload_digest == after[i].payload_digest);
    }
    CHECK(probe_fingerprint(made.layer) == probe_before);
  }
}

TEST_CASE("stream: what differs in content differs in fingerprint or digest", "[stream]") {
  const auto differ = [](const decode::Layer& one, const decode::Layer& other) {
    const Sighting a = first(one);
    const Sighting b = first(other);
    return a.fingerprint != b.fingerprint || a.payload_digest != b.payload_digest;
  };
  const Made one = udp("question-one");
  const Made two = udp("question-two");
  CHECK(differ(one.layer, two.layer));
  const Made data = tcp("some bytes");
  Made moved = tcp("some bytes");
  moved.layer.tcp.seq += 1;
  CHECK(differ(data.layer, moved.layer));
  Made other_ack = tcp("");
  Made ack = tcp("");
  other_ack.layer.tcp.ack += 1;
  CHECK(differ(ack.layer, other_ack.layer));
  Made ping = echo("data");
  Made next = echo("data");
  next.layer.icmp.sequence += 1;
  CHECK(differ(ping.layer, next.layer));
  // The end of a long datagram counts, too.
  Made long_one = udp(counting(1400));
  Made long_two = udp(counting(1400));
  long_two.bytes.back() = '!';
  long_two.whole();
  CHECK(differ(long_one.layer, long_two.layer));
}

TEST_CASE("stream: every segment of an offload frame that covers a position is found in it",
          "[stream]") {
  const std::string bytes = counting(60000);
  for (const std::uint32_t start : {0U, 1U, 2047U, 2048U, 4294960000U}) {
    Made large = tcp(bytes);
    large.whole();
    large.layer.tcp.seq = start;
    const auto wide = sightings(large.layer);
    std::size_t found = 0;
    std::size_t segments = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 1448) {
      Made segment = tcp(bytes.substr(at, 1448));
      segment.whole();
      segment.layer.tcp.seq = start + static_cast<std::uint32_t>(at);
      const auto narrow = sightings(segment.layer);
      REQUIRE(narrow.size() == 1);
      ++segments;
      const bool in_wide = std::any_of(wide.begin(), wide.end(), [&](const Sighting& s) {
        return s.fingerprint == narrow[0].fingerprint &&
               s.payload_digest == narrow[0].payload_digest;
      });
      const bool covers = (narrow[0].seq & 2047U) == 0;
      if (covers || at == 0) CHECK(in_wide);
      found += in_wide ? 1 : 0;
    }
    CHECK(found * 10 >= segments * 6);
    CHECK(!wide.front().continued);
    CHECK(std::all_of(wide.begin() + 1, wide.end(),
                      [](const Sighting& s) { return s.continued; }));
  }
}

TEST_CASE("stream: a cut packet agrees with the whole one as far as it goes", "[stream]") {
  Made data = tcp(counting(500));
  data.whole();
  const Sighting whole = first(data.layer);
  data.capture(0);
  const Sighting cut = first(data.layer);
  CHECK(cut.cut);
  CHECK(cut.fingerprint == whole.fingerprint);
  CHECK(cut.payload_digest == 0);

  Made datagram = udp(counting(500));
  datagram.whole();
  const Sighting full = first(datagram.layer);
  for (const std::size_t captured : {16U, 18U, 499U}) {
    datagram.capture(captured);
    const Sighting part = first(datagram.layer);
    CHECK(part.cut);
    CHECK(part.ack == full.ack);  // the key of length and first bytes
  }
  datagram.capture(15);
  CHECK(first(datagram.layer).fingerprint == 0);
  CHECK(first(datagram.layer).ack == 0);
}

TEST_CASE("stream: every prefix of a packet can be fingerprinted", "[stream]") {
  for (Made made : {tcp(counting(3000)), udp(counting(400)), echo(counting(60))}) {
    for (std::size_t captured = 0; captured <= made.bytes.size(); ++captured) {
      made.capture(captured);
      CHECK(!sightings(made.layer).empty());
      probe_fingerprint(made.layer);
    }
  }
}

TEST_CASE("stream: a packet of no connection gives nothing, a fragment only counts",
          "[stream]") {
  Made made = udp("x");
  made.whole();
  std::vector<Sighting> out;
  append_sightings(made.layer, conntrack::Verdict{}, Timestamp::from_ns(1), 1, out);
  CHECK(out.empty());
  made.layer.fragment = true;
  CHECK(first(made.layer).fingerprint == 0);
}

TEST_CASE("stream: an ICMP error is known by the packet that it quotes", "[stream]") {
  // 20 bytes of IPv4 with id 0x1234, length 60, protocol 6; TCP ports, then the sequence
  // number.
  std::string quote(28, '\0');
  quote[0] = 0x45;
  quote[3] = 60;
  quote[4] = 0x12;
  quote[5] = 0x34;
  quote[9] = 6;
  quote[24] = 9;
  Made error(decode::TransportKind::kIcmp, protocol::kIcmp, quote);
  error.whole();
  error.layer.icmp.type = 3;
  error.layer.icmp.code = 4;
  error.layer.icmp.error = true;
  const Sighting before = first(error.layer);
  CHECK(before.kind == SightingKind::kIcmpError);
  CHECK(before.fingerprint != 0);
  error.bytes[12] = 99;  // the quoted source address and port, which a NAT changes as well
  error.bytes[20] = 99;
  CHECK(first(error.layer).fingerprint == before.fingerprint);
  error.bytes[24] = 10;
  CHECK(first(error.layer).fingerprint != before.fingerprint);
  for (std::size_t captured = 0; captured < quote.size(); ++captured) {
    error.capture(captured);
    CHECK(first(error.layer).fingerprint == 0);
  }
}

TEST_CASE("stream: of a proxied segment the probe keeps the bytes, not the numbers",
          "[stream]") {
  Made inside = tcp(std::string(40, 'a') + "b");
  Made outside = inside;
  outside.whole();
  outside.layer.tcp.seq += 77;
  outside.layer.tcp.ack = 1;
  outside.layer.src_port = 5000;
  const std::uint64_t print = probe_content_fingerprint(inside.layer);
  CHECK(print != 0);
  CHECK(print == probe_content_fingerprint(outside.layer));
  CHECK(probe_fingerprint(inside.layer) != probe_fingerprint(outside.layer));
  std::swap(outside.layer.src_port, outside.layer.dst_port);  // its echo
  CHECK(print != probe_content_fingerprint(outside.layer));
  inside.capture(31);
  CHECK(probe_content_fingerprint(inside.layer) == 0);
  CHECK(probe_content_fingerprint(udp(std::string(40, 'a')).layer) == 0);
}

TEST_CASE("stream: the probe keeps strong packets only, and tells the two ways apart",
          "[stream]") {
  Made weak = tcp("");
  CHECK(probe_fingerprint(weak.layer) == 0);
  Made tiny = udp("1234567");
  tiny.whole();
  CHECK(probe_fingerprint(tiny.layer) == 0);
  Made strong = udp("12345678");
  strong.whole();
  const std::uint64_t toward = probe_fingerprint(strong.layer);
  CHECK(toward != 0);
  std::swap(strong.layer.src_port, strong.layer.dst_port);
  const std::uint64_t back = probe_fingerprint(strong.layer);
  CHECK((toward & 1U) == 1U);
  CHECK((back & 1U) == 0U);
  CHECK(toward >> 1 == back >> 1);
  Made syn = tcp("");
  syn.layer.tcp.flags = decode::tcp_flag::kSyn;
  CHECK(probe_fingerprint(syn.layer) != 0);
}

}  // namespace natlens::stream
