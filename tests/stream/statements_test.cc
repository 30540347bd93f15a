#include "natlens/stream/statements.h"

#include <fmt/format.h>

#include "natlens/decode/decoder.h"

#include "support/catch.h"
#include "support/packet.h"

using namespace natlens;
using namespace natlens::stream;
using conntrack::Direction;
using namespace natlens::test;

namespace {

test::Bytes text(std::string_view characters) {
  return {characters.begin(), characters.end()};
}

// "granted tcp 198.51.100.1:80 of 10.0.0.2:8080 for 7200 s, 3, text", without what is not told.
std::string line_of(const Statement& s) {
  std::string out(kStatementKindNames[static_cast<std::size_t>(s.kind)]);
  if (s.transport != 0) out += ' ' + protocol_name(s.transport);
  const auto end = [](const Endpoint& e) {
    return e.address.family() == Family::kNone ? fmt::format("?:{}", e.port) : to_string(e);
  };
  if (s.named != Endpoint()) out += ' ' + end(s.named);
  if (s.whose != Endpoint()) out += " of " + end(s.whose);
  if (s.has_lifetime) out += fmt::format(" for {} s", s.lifetime_seconds);
  if (s.has_number) out += fmt::format(", {}", s.number);
  if (s.text_bytes != 0) out += fmt::format(", {}", s.text_view());
  return out;
}

// A conversation between 10.0.0.2 and 192.0.2.9 at one tap.
class Listener {
 public:
  explicit Listener(std::uint16_t client = 4000, std::uint16_t server = 443)
      : client_(client), server_(server) {}

  Listener& udp(Direction direction, const test::Bytes& payload) {
    const bool out = direction == Direction::kOriginal;
    return send(direction, 17,
                test::udp(out ? client_ : server_, out ? server_ : client_, payload));
  }
  // The next bytes of a stream; `skip` bytes before them were lost, or come again if negative.
  Listener& tcp(Direction direction, const test::Bytes& payload, std::int64_t skip = 0) {
    const bool out = direction == Direction::kOriginal;
    auto& seq = seq_[static_cast<std::size_t>(direction)];
    seq = static_cast<std::uint32_t>(seq + skip);
    test::TcpHeader header;
    header.src = out ? client_ : server_;
    header.dst = out ? server_ : client_;
    header.seq = seq;
    seq += static_cast<std::uint32_t>(payload.size());
    return send(direction, 6, test::tcp(header, payload));
  }
  Listener& packets_before(std::uint16_t count) {
    before_ = count;
    return *this;
  }
  Listener& connection(std::uint32_t serial) {
    serial_ = serial;
    return *this;
  }
  Listener& refused_packet() {
    packet_class_ = conntrack::PacketClass::kInvalid;
    return *this;
  }
  // What was said since the last call, in lines.
  std::string said() {
    std::string lines;
    for (const Statement& s : out_) lines += line_of(s) + '\n';
    out_.clear();
    return lines;
  }
  const std::vector<Statement>& statements() const { return out_; }
  StatementReader& reader() { return reader_; }

 private:
  Listener& send(Direction direction, std::uint8_t protocol, const test::Bytes& segment) {
    const bool out = direction == Direction::kOriginal;
    test::Ipv4Header ip;
    ip.protocol = protocol;
    if (!out) std::swap(ip.src, ip.dst);
    const auto bytes = test::eth(0x0800, test::ipv4(ip, segment));
    decode::DecodedFrame frame;
    decoder_.decode(test::frame_of(bytes), frame);
    REQUIRE(frame.layer_count >= 1);
    conntrack::Verdict verdict;
    verdict.connection = serial_;
    verdict.direction = direction;
    verdict.packet_class = packet_class_;
    verdict.earlier_packets = before_;
    reader_.read(frame.layer_storage[0], verdict, Timestamp::from_ns(1), ++frame_, out_);
    return *this;
  }

  std::uint16_t client_;
  std::uint16_t server_;
  std::uint32_t serial_ = 1;
  std::uint32_t frame_ = 0;
  std::uint16_t before_ = 0;
  conntrack::PacketClass packet_class_ = conntrack::PacketClass::kEstablished;
  std::array<std::uint32_t, 2> seq_{1000, 9'000'000};
  decode::Decoder decoder_;
  StatementReader reader_;
  std::vector<Statement> out_;
};

constexpr Direction kAsk = Direction::kOriginal;
constexpr Direction kAnswer = Direction::kReply;

// Binding success with XOR-MAPPED-ADDRESS 198.51.100.1:4000.
const char* const kStun =
    "0101 000c 2112a442 000102030405060708090a0b"
    "0020 0008 0001 2eb2 e721c043";  // 4000 ^ 0x2112, 198.51.100.1 ^ cookie
const char* const kSocksGreeting = "05 01 02";
const char* const kSocksRequest =
    "01 04 75736572 04 70617373"  // user, pass
    "05 01 00 03 0b 6578616d706c652e636f6d 01bb";
const char* const kProxyV2 = "0d0a0d0a000d0a515549540a 21 11 000c c0000201 c6336402 0fa0 01bb";

}  // namespace

TEST_CASE("stun: the mapped address of whoever asked, hidden or not", "[stream][statements]") {
  CHECK(Listener().udp(kAnswer, test::hex(kStun)).said() ==
        "mapped 198.51.100.1:4000 of 10.0.0.2:4000\n");
  // RFC 3489: no cookie, MAPPED-ADDRESS in clear, only on its own port.
  const auto old =
      test::hex("0101 000c 000102030405060708090a0b0c0d0e0f 0001 0008 0001 0fa0 c6336401");
  CHECK(Listener(4000, 3478).udp(kAnswer, old).said() ==
        "mapped 198.51.100.1:4000 of 10.0.0.2:4000\n");
  CHECK(Listener(4000, 3479).udp(kAnswer, old).said().empty());
}

TEST_CASE("stun: IPv6 is hidden by cookie and transaction", "[stream][statements]") {
  // 2001:db8::1 port 0x1234.
  const auto answer = test::hex(
      "0101 0018 2112a442 000102030405060708090a0b"
      "0020 0014 0002 3326 0113a9fa 000102030405060708090a0a");
  CHECK(Listener().udp(kAnswer, answer).said() ==
        "mapped [2001:db8::1]:4660 of 10.0.0.2:4000\n");
}

TEST_CASE("turn: relayed end and peer", "[stream][statements]") {
  const auto allocated =
      test::hex("0103 000c 2112a442 000102030405060708090a0b 0016 0008 0001 2eb2 e121a647");
  const auto permission =
      test::hex("0008 000c 2112a442 000102030405060708090a0b 0012 0008 0001 2eb2 e121a647");
  CHECK(Listener().udp(kAsk, permission).udp(kAnswer, allocated).said() ==
        "peer 192.51.2.5:4000\nrelayed 192.51.2.5:4000 of 10.0.0.2:4000\n");
}

TEST_CASE("pcp: what was asked and what was promised", "[stream][statements]") {
  const std::string map =
      "0102030405060708090a0b0c 06 000000 1f90 2328 00000000000000000000ffffc6336401";
  const auto ask = test::hex("02 01 0000 00001c20 00000000000000000000ffff0a000002" + map);
  const auto answer = test::hex("02 81 00 00 00001c20 00000064 000000000000000000000000" + map);
  const auto refusal =
      test::hex("02 81 00 02 0000001e 00000064 000000000000000000000000" + map);
  const auto deleted =
      test::hex("02 81 00 00 00000000 00000064 000000000000000000000000" + map);
  CHECK(Listener(4000, 5351).udp(kAsk, ask).udp(kAnswer, answer).said() ==
        "wanted tcp 198.51.100.1:9000 of 10.0.0.2:8080 for 7200 s\n"
        "granted tcp 198.51.100.1:9000 of 10.0.0.2:8080 for 7200 s\n");
  CHECK(Listener(4000, 5351).udp(kAnswer, refusal).udp(kAnswer, deleted).said() ==
        "refused tcp 198.51.100.1:9000 of 10.0.0.2:8080 for 30 s, 2\n"
        "deleted tcp 198.51.100.1:9000 of 10.0.0.2:8080 for 0 s\n");
  const auto third = test::hex("01 00 0010 00000000000000000000ffff0a000063");
  CHECK(Listener(4000, 5351).udp(kAnswer, answer + third).said() ==
        "granted tcp 198.51.100.1:9000 of 10.0.0.99:8080 for 7200 s\n");
  CHECK(Listener(4000, 5352).udp(kAnswer, answer).said().empty());
}

TEST_CASE("nat-pmp: external address and mapping", "[stream][statements]") {
  Listener host(4000, 5351);
  host.udp(kAnswer, test::hex("00 80 0000 00000064 c6336401"));
  host.udp(kAsk, test::hex("00 01 0000 1f90 2328 00000e10"));
  host.udp(kAnswer, test::hex("00 81 0000 00000064 1f90 2329 00000e10"));
  CHECK(host.said() ==
        "external 198.51.100.1:0\n"
        "wanted udp ?:9000 of 10.0.0.2:8080 for 3600 s\n"
        "granted udp ?:9001 of 10.0.0.2:8080 for 3600 s\n");
}

TEST_CASE("proxy: both versions name the client and where it went", "[stream][statements]") {
  CHECK(Listener()
            .tcp(kAsk, text("PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\nGET /"))
            .said() == "client tcp 192.0.2.1:4000 of 198.51.100.2:443\n");
  CHECK(Listener().tcp(kAsk, text("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n")).said() ==
        "client tcp [2001:db8::1]:1 of [2001:db8::2]:2\n");
  CHECK(Listener().tcp(kAsk, test::hex(kProxyV2)).said() ==
        "client tcp 192.0.2.1:4000 of 198.51.100.2:443\n");
  for (const char* none : {"PROXY UNKNOWN\r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 4000\r\n",
                           "PROXY TCP4 192.0.2.1 198.51.100.2 4000 65536\r\n"}) {
    CHECK(Listener().tcp(kAsk, text(none)).said().empty());
  }
}

TEST_CASE("socks 5: target and the proxy's own end, past a password", "[stream][statements]") {
  Listener client;
  client.tcp(kAsk, test::hex(kSocksGreeting)).tcp(kAnswer, test::hex("05 02"));
  client.tcp(kAsk, test::hex(kSocksRequest)).tcp(kAnswer, test::hex("01 00"));
  client.tcp(kAnswer, test::hex("05 00 00 01 c6336401 9c40"));
  CHECK(client.said() == "connect ?:443, example.com\nbound 198.51.100.1:40000, 0\n");
  // The stream inside is not the proxy's speech any more.
  CHECK(client.tcp(kAsk, test::hex("05 01 00 05 01 00 01 01020304 0050")).said().empty());
}

TEST_CASE("socks 4 and 4a", "[stream][statements]") {
  Listener client;
  client.tcp(kAsk, test::hex("04 01 0050 c0000209 00"))
      .tcp(kAnswer, test::hex("00 5b 0000 00000000"));
  CHECK(client.said() == "connect 192.0.2.9:80\nrefused 0.0.0.0:0, 91\n");
  CHECK(Listener().tcp(kAsk, test::hex("04 01 0050 00000001 6d6500 612e6200")).said() ==
        "connect ?:80, a.b\n");
}

TEST_CASE("http connect: target and outcome, and a second try", "[stream][statements]") {
  Listener client;
  client.tcp(kAsk, text("CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"));
  client.tcp(kAnswer, text("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
  client.packets_before(20);
  client.tcp(kAsk, text("CONNECT example.com:443 HTTP/1.1\r\n\r\n"));
  client.tcp(kAnswer, text("HTTP/1.1 200 OK\r\n\r\n"));
  CHECK(client.said() == "connect ?:443, example.com\nrefused, 407\nconnected, 200\n");
  // An answer alone is any web server's.
  CHECK(Listener().tcp(kAnswer, text("HTTP/1.1 200 OK\r\n\r\n")).said().empty());
  CHECK(Listener().tcp(kAsk, text("CONNECT [2001:db8::1]:80 HTTP/1.1\r\n")).said() ==
        "connect [2001:db8::1]:80\n");
}

TEST_CASE("ftp: where data connections are awaited, all along the connection",
          "[stream][statements]") {
  Listener client(4000, 21);
  client.packets_before(1000);
  client.tcp(kAsk, text("PORT 10,0,0,2,78,32\r\n"));
  client.tcp(kAsk, text("EPRT |1|10.0.0.2|20001|\r\nNOOP\r\n"));
  client.tcp(kAnswer, text("227 Entering Passive Mode (198,51,100,9,4,1).\r\n"));
  client.tcp(kAnswer, text("229 Entering Extended Passive Mode (|||1026|)\r\n"));
  CHECK(client.said() ==
        "listens tcp 10.0.0.2:20000 of 10.0.0.2:4000\n"
        "listens tcp 10.0.0.2:20001 of 10.0.0.2:4000\n"
        "listens tcp 198.51.100.9:1025 of 192.0.2.9:21\n"
        "listens tcp ?:1026 of 192.0.2.9:21\n");
  client.tcp(kAsk, text("PORT 10,0,0,2,78\r\nPORT 256,0,0,2,78,32\r\nEPRT |1||9|\r\n"));
  CHECK(client.said().empty());
}

TEST_CASE("sip: what the caller names and how it arrived", "[stream][statements]") {
  const std::string head =
      "Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9;received=198.51.100.1;rport=4001\r\n"
      "m: \"me\" <sip:me@10.0.0.2:5062;transport=udp>\r\n";
  const std::string body =
      "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\nc=IN IP4 10.0.0.2\r\nm=audio 7000 RTP/AVP 0\r\n"
      "a=candidate:1 1 UDP 1 198.51.100.1 7001 typ srflx raddr 10.0.0.2 rport 7000\r\n"
      "m=video 7002 RTP/AVP 31\r\nc=IN IP4 10.0.0.3\r\n";
  const std::string said =
      "via 10.0.0.2:5060\nreceived 198.51.100.1:4001 of 10.0.0.2:5060\ncontact 10.0.0.2:5062\n"
      "media udp 10.0.0.2:7000, audio\nmapped udp 198.51.100.1:7001 of 10.0.0.2:7000\n"
      "media udp 10.0.0.3:7002, video\n";
  CHECK(Listener().udp(kAnswer, text("SIP/2.0 200 OK\r\n" + head + "\r\n" + body)).said() ==
        said);
  const auto message = text(fmt::format(
      "INVITE sip:a@b SIP/2.0\r\n{}Content-Length: {}\r\n\r\n{}", head, body.size(), body));
  Listener stream(4000, 5060);
  stream.tcp(kAsk, {message.begin(), message.begin() + 300});
  CHECK(stream.said().empty());
  stream.tcp(kAsk, {message.begin() + 300, message.end()});
  CHECK(stream.said() == said);
}

TEST_CASE("dns: the addresses of a name, whatever names lie between", "[stream][statements]") {
  Listener client(4000, 53);
  const std::string question = "03 77 77 77 01 61 00 0001 0001";
  // www.a is b.a, which is 192.0.2.9 and 2001:db8::1.
  const auto answer = test::hex(
      "0007 8180 0001 0003 0000 0000" + question + "c00c 0005 0001 0000003c 0004 0162 c010" +
      "c023 0001 0001 0000003c 0004 c0000209" +
      "c023 001c 0001 0000003c 0010 20010db8000000000000000000000001");
  client.udp(kAnswer, answer);
  REQUIRE(client.statements().size() == 2);
  CHECK(client.statements()[0].kind == StatementKind::kResolved);
  CHECK(client.statements()[0].text_view() == "www.a");
  CHECK(to_string(client.statements()[0].named.address) == "192.0.2.9");
  CHECK(to_string(client.statements()[1].named.address) == "2001:db8::1");
  for (std::size_t cut = 0; cut < answer.size(); ++cut) {
    Listener shorter(4000, 53);
    shorter.udp(kAnswer, {answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(cut)});
    CHECK(shorter.statements().size() <= 1);
  }
}

TEST_CASE("dns and quic: ids, of the first packets only", "[stream][statements]") {
  const auto query =
      test::hex("1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001");
  CHECK(Listener(4000, 53).udp(kAsk, query).udp(kAsk, query).said() ==
        "query, 4660, example.com\n");
  CHECK(Listener(4000, 53).packets_before(8).udp(kAsk, query).said().empty());
  CHECK(Listener(4000, 54).udp(kAsk, query).said().empty());
  const auto initial = test::hex("c3 00000001 04 01020304 00 00 00");
  CHECK(Listener().udp(kAsk, initial).said() == "ids, 1, 01020304 -\n");
  CHECK(Listener().udp(kAsk, test::hex("c3 00000002 04 01020304 00 00 00")).said().empty());
}

TEST_CASE("a stream is read whatever segments it comes in", "[stream][statements]") {
  const auto greeting = test::hex(kSocksGreeting) + test::hex(kSocksRequest);
  const auto line = text("PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n");
  for (const auto& [bytes, said] :
       {std::pair{greeting, "connect ?:443, example.com\n"},
        std::pair{line, "client tcp 192.0.2.1:4000 of 198.51.100.2:443\n"},
        std::pair{test::hex(kProxyV2), "client tcp 192.0.2.1:4000 of 198.51.100.2:443\n"},
        std::pair{test::hex(kStun), "mapped 198.51.100.1:4000 of 192.0.2.9:443\n"},
        std::pair{text("CONNECT a:1 HTTP/1.1\r\n"), "connect ?:1, a\n"}}) {
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      Listener client;
      client.tcp(kAsk, {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut)});
      client.packets_before(100);  // the second half may come late
      client.tcp(kAsk, {bytes.begin() + static_cast<std::ptrdiff_t>(cut), bytes.end()});
      INFO(cut);
      CHECK(client.said() == said);
    }
  }
}

TEST_CASE("repetitions and gaps in a stream", "[stream][statements]") {
  Listener again(4000, 21);
  again.tcp(kAsk, text("PORT 10,0,")).tcp(kAsk, text("PORT 10,0,"), -10);
  again.tcp(kAsk, text("0,0,2,78,32\r\n"), -2);
  CHECK(again.said() == "listens tcp 10.0.0.2:20000 of 10.0.0.2:4000\n");
  Listener gap(4000, 21);
  gap.tcp(kAsk, text("PORT 10,0,")).tcp(kAsk, text("2,78,32\r\n"), 2);
  CHECK(gap.said().empty());
  CHECK(gap.tcp(kAsk, text("PORT 10,0,0,2,78,32\r\n")).said() ==
        "listens tcp 10.0.0.2:20000 of 10.0.0.2:4000\n");
}

TEST_CASE("a statement is told once per connection", "[stream][statements]") {
  Listener client;
  CHECK_FALSE(client.udp(kAnswer, test::hex(kStun)).said().empty());
  CHECK(client.packets_before(5000).udp(kAnswer, test::hex(kStun)).said().empty());
  CHECK_FALSE(client.connection(2).udp(kAnswer, test::hex(kStun)).said().empty());
  client.reader().forget(1);
  CHECK_FALSE(client.connection(1).udp(kAnswer, test::hex(kStun)).said().empty());
}

TEST_CASE("statements are bounded per connection and per tap", "[stream][statements]") {
  Listener client(4000, 21);
  for (int i = 0; i < 100; ++i) {
    client.tcp(kAsk, text(fmt::format("PORT 10,0,0,2,4,{}\r\n", i)));
  }
  CHECK(client.statements().size() == 64);
  CHECK(client.reader().left_out() == 36);
  Listener resolver(4000, 53);
  for (std::uint32_t i = 0; i < 10'010; ++i) {
    const auto query = test::be16(i) + test::hex("0100 0001 0000 0000 0000 01 61 00 0001 0001");
    resolver.connection(i + 1).udp(kAsk, query);
  }
  CHECK(resolver.statements().size() == 10'000);
  CHECK(resolver.reader().left_out() == 10);
}

TEST_CASE("beginnings of messages that never end are bounded", "[stream][statements]") {
  Listener client(4000, 21);
  for (std::uint32_t i = 1; i <= 1000; ++i) client.connection(i).tcp(kAsk, text("PORT 10"));
  for (std::uint32_t i = 1; i <= 1000; ++i) client.reader().forget(i);
  client.said();
  client.connection(2000).tcp(kAsk, text("PORT 10")).tcp(kAsk, text(",0,0,2,78,32\r\n"));
  CHECK(client.said() == "listens tcp 10.0.0.2:20000 of 10.0.0.2:4000\n");
}

TEST_CASE("a message that is too long to keep costs no later one", "[stream][statements]") {
  const std::string via = "Via: SIP/2.0/TCP 10.0.0.2:5060\r\n";
  Listener client(4000, 5060);
  client.tcp(kAsk, text("INVITE sip:a@b SIP/2.0\r\nContent-Length: 9000\r\n\r\n" +
                        std::string(3000, 'x')));
  client.tcp(kAsk, text(std::string(6000, 'x')));
  CHECK(client.said().empty());
  CHECK(client.tcp(kAsk, text("BYE sip:a@b SIP/2.0\r\n" + via + "\r\n")).said() ==
        "via 10.0.0.2:5060\n");
}

TEST_CASE("packets that tracking refused say nothing", "[stream][statements]") {
  CHECK(Listener().refused_packet().udp(kAnswer, test::hex(kStun)).said().empty());
}
