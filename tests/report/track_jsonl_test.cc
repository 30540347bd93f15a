#include <nlohmann/json.hpp>

#include "natlens/decode/decoder.h"
#include "natlens/report/track_text.h"

#include "support/catch.h"
#include "support/packet.h"

namespace natlens::test {
namespace {

using nlohmann::json;

conntrack::Options kernel_options() {
  conntrack::Options options;
  REQUIRE(options.set_sysctl("nf_conntrack_checksum", "1"));
  return options;
}

struct Track {
  report::TrackJsonl track{kernel_options()};
  decode::Decoder decoder;
  decode::DecodedFrame decoded;
  std::uint32_t number = 0;

  std::string line(const Bytes& bytes, capture::LinkType link_type = 101) {
    capture::Frame frame = frame_of(bytes, link_type);
    frame.number = frame.ordinal = ++number;
    frame.time = Timestamp::from_ns(number * 1'000'000LL);
    decoder.decode(frame, decoded);
    return std::string(track.line(frame, decoded));
  }
};

Bytes packet(std::uint8_t protocol, const Bytes& transport) {
  Ipv4Header header;
  header.protocol = protocol;
  return with_l4_checksum(ipv4(header, transport));
}

}  // namespace

TEST_CASE("track lines: keys and their order", "[report][track]") {
  Track t;
  TcpHeader syn;
  syn.flags = 2;
  CHECK(
      t.line(packet(6, tcp(syn, {}))) ==
      R"({"i":0,"frame":1,"class":"NEW","dir":"orig","ct":1,"state":"SYN_SENT","t":120,"f":"",)"
      R"("ws":[0,0],"fl":[0,0],"orig":"10.0.0.2,40000>192.0.2.9,443",)"
      R"("reply":"192.0.2.9,443>10.0.0.2,40000","ev":["NEW 1 SYN_SENT t=120 [UNREPLIED]"]})");
}

TEST_CASE("track lines: a frame without IP has a line too", "[report][track]") {
  Track t;
  CHECK(t.line(eth(0x0806, filler(28)), 1) == R"({"i":0,"frame":1,"class":"NONE","ct":null})");
  CHECK(
      t.line(packet(17, udp(1, 2, {})))
          .starts_with(R"({"i":1,"frame":2,"class":"NEW","dir":"orig","ct":1,"t":30,"f":"",)"));
}

TEST_CASE("track lines: INVALID has its reason, with the arithmetic where there is one",
          "[report][track]") {
  Track t;
  TcpHeader header;
  header.flags = 2;
  t.line(packet(6, tcp(header, {})));
  header.flags = 3;
  auto row = json::parse(t.line(packet(6, tcp(header, {}))));
  CHECK(row["class"] == "INVALID");
  CHECK(row["reason"] == "bad_flags");
  CHECK_FALSE(row.contains("dir"));
  CHECK_FALSE(row.contains("bound"));
  CHECK(row["ct"] == 1);
  std::swap(header.src, header.dst);
  header.flags = 0x12;
  header.ack = 7777;
  const auto swapped = [&] {
    Ipv4Header ip;
    ip.src = "192.0.2.9";
    ip.dst = "10.0.0.2";
    ip.protocol = 6;
    return with_l4_checksum(ipv4(ip, tcp(header, {})));
  };
  row = json::parse(t.line(swapped()));
  CHECK(row["reason"] == "ack_unseen");
  CHECK(row["value"] == 7777);
  CHECK(row["bound"] == 1001);
  CHECK(row["excess"] == 6776);
  CHECK(row["bound_frame"] == 1);
}

TEST_CASE("track lines: fragments of one datagram show its entry", "[report][track]") {
  Track t;
  const Bytes whole = packet(17, udp(5000, 53, filler(40)));
  const Bytes payload(whole.begin() + 20, whole.end());
  Ipv4Header header;
  const auto part = [&](std::size_t from, std::size_t to, bool more) {
    header.fragment = static_cast<std::uint16_t>(from / 8 | (more ? 0x2000U : 0U));
    return ipv4(header, Bytes(payload.begin() + static_cast<long>(from),
                              payload.begin() + static_cast<long>(to)));
  };
  t.line(whole);
  auto row = json::parse(t.line(part(0, 24, true)));
  CHECK(row["class"] == "NONE");
  CHECK(row["ct"] == 1);
  row = json::parse(t.line(part(24, payload.size(), false)));
  CHECK(row["class"] == "NEW");
  CHECK(row["ct"] == 1);
  header.id = 99;
  row = json::parse(t.line(part(24, payload.size(), false)));
  CHECK(row["class"] == "NONE");
  CHECK(row["ct"] == nullptr);
}

}  // namespace natlens::test
