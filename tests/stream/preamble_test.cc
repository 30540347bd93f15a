// What is said to a proxy and by it: found to the byte, and behind it the stream's blocks are
// those of the other side.
#include "preamble.h"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "natlens/stream/blocks.h"

#include "support/catch.h"

namespace natlens::stream {
namespace {

using namespace std::string_literals;

struct Talk {
  std::string name;
  std::string request;
  std::string answer;  // "" = none comes
};

std::vector<Talk> talks() {
  return {
      {"SOCKS 5", "\5\1\0\5\1\0\1\xc0\0\2\x9\0\x50"s, "\5\0\5\0\0\1\xc6\x33\x64\1\x9c\x40"s},
      {"SOCKS 5, name", "\5\2\0\2\5\1\0\3\x0bwww.example\1\xbb"s, "\5\0\5\0\0\1\0\0\0\0\0\0"s},
      {"SOCKS 5, password, IPv6",
       "\5\1\2\1\4user\4pass\5\1\0\4"s + std::string(16, '\x20') + "\0\x50"s,
       "\5\2\1\0\5\0\0\4"s + std::string(16, '\x21') + "\1\2"s},
      {"SOCKS 5, empty password", "\5\1\2\1\1u\0\5\1\0\1\1\2\3\4\0\x50"s,
       "\5\2\1\0\5\0\0\1\0\0\0\0\0\0"s},
      {"SOCKS 4", "\4\1\0\x50\xc0\0\2\x9user\0"s, "\0\x5a\0\x50\xc0\0\2\x9"s},
      {"SOCKS 4a", "\4\1\0\x50\0\0\0\1user\0www.example\0"s, "\0\x5a\0\0\0\0\0\0"s},
      {"CONNECT", "CONNECT www.example:443 HTTP/1.1\r\nHost: www.example:443\r\nA: b\r\n\r\n",
       "HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n"},
      {"CONNECT, no headers", "CONNECT 192.0.2.9:443 HTTP/1.0\r\n\r\n", "HTTP/1.1 200\n\n"},
      {"PROXY 1", "PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n", ""},
      {"PROXY 2", "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\1\2\3\4\5\6\7\x8\0\1\0\2\3\0\1x"s, ""},
      {"PROXY 2, local", "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s, ""},
  };
}

// Bytes taken up to the end, 0 if there is none.
std::size_t length(std::string_view bytes, Preamble::Kind asked) {
  Preamble preamble;
  for (const char c : bytes) {
    if (!preamble.undecided()) return 0;
    if (preamble.feed(static_cast<std::uint8_t>(c), asked)) return preamble.bytes();
  }
  return 0;
}

Preamble::Kind kind(std::string_view request) {
  Preamble preamble;
  for (const char c : request)
    preamble.feed(static_cast<std::uint8_t>(c), Preamble::Kind::kNone);
  return preamble.kind();
}

struct Wire {
  BlockReader reader;
  std::array<std::uint32_t, 2> next{1000, 77'000};
  std::vector<Sighting> found;

  void send(unsigned direction, std::uint16_t flags, std::string_view payload) {
    decode::Layer layer;
    layer.transport = decode::TransportKind::kTcp;
    layer.tcp.seq = next[direction];
    layer.tcp.flags = flags;
    layer.payload =
        ByteView(reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size());
    layer.payload_wire_bytes = static_cast<std::uint32_t>(payload.size());
    conntrack::Verdict verdict;
    verdict.packet_class = conntrack::PacketClass::kEstablished;
    verdict.connection = 1;
    verdict.direction = static_cast<conntrack::Direction>(direction);
    reader.read(layer, verdict, Timestamp::from_ns(1), 1, found);
    next[direction] += static_cast<std::uint32_t>(payload.size()) + (flags == 2 ? 1 : 0);
  }
  void stream(unsigned direction, std::string_view bytes, std::size_t size) {
    for (std::size_t i = 0; i < bytes.size(); i += size)
      send(direction, 16, bytes.substr(i, size));
  }
  bool has(const Sighting& wanted) const {
    return std::any_of(found.begin(), found.end(), [&](const Sighting& s) {
      return s.fingerprint == wanted.fingerprint && s.direction == wanted.direction;
    });
  }
};

}  // namespace

TEST_CASE("preamble: ends at the last byte, and no sooner", "[stream]") {
  for (const Talk& talk : talks()) {
    CAPTURE(talk.name);
    CHECK(length(talk.request + "GET / HTTP", Preamble::Kind::kNone) == talk.request.size());
    for (std::size_t n = 0; n < talk.request.size(); ++n)
      CHECK(length(talk.request.substr(0, n), Preamble::Kind::kNone) == 0);
    if (talk.answer.empty()) continue;
    CHECK(length(talk.answer + "220 hello", kind(talk.request)) == talk.answer.size());
    for (std::size_t n = 0; n < talk.answer.size(); ++n)
      CHECK(length(talk.answer.substr(0, n), kind(talk.request)) == 0);
    CHECK(length(talk.answer, Preamble::Kind::kNone) == 0);  // nobody asked
  }
  for (const auto* other : {"GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\n\r\n", "CONNECTED",
                            "\5hello there", "\4\3 what", "\r\n\r\nhello hello"}) {
    CHECK(length(std::string(other) + std::string(600, 'x'), Preamble::Kind::kNone) == 0);
  }
}

TEST_CASE("preamble: blocks behind it are those of the proxy's other side", "[stream]") {
  std::string up, down;
  for (int i = 0; i < 40; ++i) up += fmt::format("line {} up\n", i * i);
  for (int i = 0; i < 90; ++i) down += fmt::format("line {} down\n", i * 7);
  Wire plain;
  plain.send(0, 2, "");
  plain.send(1, 2, "");
  plain.stream(0, up, 100);
  plain.stream(1, down, 1000);
  REQUIRE(plain.found.size() > 6);
  for (const Talk& talk : talks()) {
    for (const std::size_t size : {1U, 3U, 50U, 2000U}) {
      CAPTURE(talk.name, size);
      Wire proxied;
      proxied.send(0, 2, "");
      proxied.send(1, 2, "");
      proxied.stream(0, talk.request + up, size);
      proxied.stream(1, talk.answer + down, size);
      for (const Sighting& block : plain.found) CHECK(proxied.has(block));
      const auto starts =
          std::count_if(proxied.found.begin(), proxied.found.end(),
                        [](const Sighting& s) { return s.kind == SightingKind::kRelayStart; });
      CHECK(starts == (talk.answer.empty() ? 1 : 2));
    }
  }
}

TEST_CASE("preamble: no bytes are too strange", "[stream]") {
  std::mt19937 random(3);
  const auto all = talks();
  for (int i = 0; i < 20'000; ++i) {
    const Talk& talk = all[random() % all.size()];
    std::string bytes = (i % 2 != 0 ? talk.request : talk.answer) + std::string(40, 'a');
    for (std::size_t k = random() % 4; k != 0; --k)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    CHECK(length(bytes, static_cast<Preamble::Kind>(random() % 10)) <= bytes.size());
  }
  // A request without end is given up.
  CHECK(length("CONNECT " + std::string(70'000, 'x'), Preamble::Kind::kNone) == 0);
}

}  // namespace natlens::stream
