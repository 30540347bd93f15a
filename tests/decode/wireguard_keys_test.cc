// WireGuard with keys. The handshake below was made by another implementation of the WireGuard
// paper, with a preshared key; the corpus has a capture whose keys Wireshark publishes.
#include <fstream>

#include "natlens/capture/source.h"

#include "support/catch.h"
#include "support/data_dir.h"
#include "support/decode_check.h"
#include "support/packet.h"

using namespace natlens;
using namespace natlens::test;
using decode::DecodeStop;

namespace {

constexpr std::string_view kInitiatorStatic = "VMg/ThqOs3jm9ecxtndRccq7nAV0unriWXugwMUa5vE=";
constexpr std::string_view kInitiatorPublic = "DSMQtTKDpL4W7YiWWQdz8R2slVafbYSSfINxS8KEThI=";
constexpr std::string_view kInitiatorEphemeral = "jGEKDf+IGSL1sQp8X3H2yxbt2l5ibHmz2/ISrAFMjIg=";
constexpr std::string_view kResponderStatic = "jKAyzAPSUKuY6LQf9GMrJpwziMRTpPqKGzyDetzK3uQ=";
constexpr std::string_view kResponderPublic = "aI+HBoSkiH3fvg9SA2exMIfjBf/PnPVVQZd1gw5Ao3Y=";
constexpr std::string_view kResponderEphemeral = "WnYbXeDok2RwlHcBuCKdavQZvLIbJZ0evjuDm/DpHyE=";
constexpr std::string_view kPreshared = "DimObf4G2MqCf7Pv+C+Gb2fFrUcPiJfsm0f8AtlJgXY=";

const Bytes kInitiation = hex(
    "0100000044332211ca3007a99dc73e89578165b8bb984154b503864c7eb47029788402044478bc1d1a27558d"
    "864d74dce1298ac50aa9d6bee6df6f0f7872bc2f58c48fb8bb45ce9b5746e878fa10ae858b76f58d96f7bc8a"
    "3c74a423533f71bd7b35e14f7f17708770fe4cb246ddbbff338a7459f967a1edc1f0d5949e511a44b1f00f05"
    "00000000000000000000000000000000");
const Bytes kResponse = hex(
    "0200000088776655443322112298c39316edb11023905e87b33572e60f78244176c969d0714f780acde25c44"
    "89dda94cb26e978e8d20d59d54d09e9230d67ce2fc567d70571d4cd36bf00639000000000000000000000000"
    "00000000");
const Bytes kQuestion = hex(  // 10.8.0.2:5000 > 192.0.2.9:53 "hello"
    "04000000887766550000000000000000a13830f343250cdc94ac911a6c42f5906c004957042c1c776bc167b7"
    "df06a16c43cd9e49110155b6eb9d4a11cc252371e4734e12b2d625dd50495bf9c58db4c0");
const Bytes kAnswer = hex(  // "world"
    "04000000443322110000000000000000bb79079a9fec29fd82f5d0ad96652c0708feb6c3f59108d67b6cefc8"
    "88d3e3d63f10e4de6216a517ba18a7a0de75dd4c52674e68a7412db930aa8f3e0cc8687a");
const Bytes kKeepalive =
    hex("04000000443322110100000000000000439c3c4d3b72f7b23984afe7bfba6906");

std::string line(std::string_view name, std::string_view key) {
  return std::string(name) + " = " + std::string(key) + "\n";
}

std::string initiators_log() {
  return line("LOCAL_STATIC_PRIVATE_KEY", kInitiatorStatic) +
         line("REMOTE_STATIC_PUBLIC_KEY", kResponderPublic) +
         line("LOCAL_EPHEMERAL_PRIVATE_KEY", kInitiatorEphemeral) +
         line("PRESHARED_KEY", kPreshared);
}
std::string responders_log() {
  return line("LOCAL_STATIC_PRIVATE_KEY", kResponderStatic) +
         line("REMOTE_STATIC_PUBLIC_KEY", kInitiatorPublic) +
         line("LOCAL_EPHEMERAL_PRIVATE_KEY", kResponderEphemeral) +
         line("PRESHARED_KEY", kPreshared);
}

decode::DecoderOptions with_keys(const std::string& text) {
  auto ring = std::make_shared<decode::KeyRing>();
  const auto added = ring->add(text, "wg.keys");
  REQUIRE(added);
  decode::DecoderOptions options;
  options.keys = ring;
  return options;
}

struct Tap {
  explicit Tap(const std::string& log) : decoder(with_keys(log)) {}
  const decode::DecodedFrame& see(bool up,
                                  const Bytes& message,
                                  std::uint16_t port = 40001,
                                  std::size_t captured = SIZE_MAX) {
    bytes = up ? ipv4({.src = "198.51.100.1", .dst = "203.0.113.1"}, udp(port, 40002, message))
               : ipv4({.src = "203.0.113.1", .dst = "198.51.100.1"}, udp(40002, port, message));
    decoder.decode(frame_of(bytes, 101, captured), out);
    return out;
  }
  decode::Decoder decoder;
  decode::DecodedFrame out;
  Bytes bytes;
};

std::string payload(const decode::DecodedFrame& out) {
  const auto view = out.layers().back().payload;
  return {view.begin(), view.end()};
}

}  // namespace

TEST_CASE("wireguard: the keys of either side open both directions",
          "[decode][wireguard][keys]") {
  for (const std::string& log : {initiators_log(), responders_log()}) {
    Tap tap(log);
    // On ports of its own the first packet is a tunnel's already: the keys prove it.
    CHECK(tap.see(true, kInitiation).stop == DecodeStop::kNone);
    CHECK(tap.out.tail().size() == 1);
    CHECK(tap.see(false, kResponse).stop == DecodeStop::kNone);
    REQUIRE(tap.see(true, kQuestion).layer_count == 2);
    const decode::Layer& inner = tap.out.layer_storage[1];
    CHECK(to_string(inner.src) == "10.8.0.2");
    CHECK(inner.dst_port == 53);
    CHECK(payload(tap.out) == "hello");
    CHECK(inner.decrypted);
    CHECK(inner.total_bytes == 33);  // the padding is no part of it
    CHECK(tap.out.own_bytes);
    CHECK(names(tap.out.via(inner)) == "wg");
    const std::uint32_t zone = inner.zone;
    REQUIRE(tap.see(false, kAnswer).layer_count == 2);
    CHECK(payload(tap.out) == "world");
    CHECK(tap.out.layer_storage[1].zone == zone);
    CHECK(tap.see(false, kKeepalive).layer_count == 1);
    CHECK(tap.out.stop == DecodeStop::kNone);
  }
}

TEST_CASE("wireguard: a peer that roamed stays in its zone", "[decode][wireguard][keys]") {
  Tap tap(initiators_log());
  tap.see(true, kInitiation);
  tap.see(false, kResponse);
  tap.see(true, kQuestion);
  const std::uint32_t zone = tap.out.layer_storage[1].zone;
  tap.bytes = ipv4({.src = "192.0.2.77", .dst = "203.0.113.1"}, udp(777, 40002, kQuestion));
  tap.decoder.decode(frame_of(tap.bytes, 101), tap.out);
  REQUIRE(tap.out.layer_count == 2);
  CHECK(tap.out.layer_storage[1].zone == zone);
}

TEST_CASE("wireguard: what the keys do not open stays closed, with a reason",
          "[decode][wireguard][keys]") {
  SECTION("without its handshake a session is not known") {
    Tap tap(initiators_log());
    for (int i = 0; i < 3; ++i) tap.see(true, kQuestion);
    CHECK(tap.out.layer_count == 1);
    CHECK(tap.out.stop == DecodeStop::kEncrypted);
  }
  SECTION("without the preshared key the response is not authentic") {
    std::string log = initiators_log();
    log.erase(log.find("PRESHARED_KEY"));
    Tap tap(log);
    tap.see(true, kInitiation);
    CHECK(tap.see(false, kResponse).stop == DecodeStop::kUnauthentic);
    CHECK(tap.see(true, kQuestion).layer_count == 1);
    CHECK(tap.decoder.stats().stops[static_cast<std::size_t>(DecodeStop::kUnauthentic)] == 1);
  }
  SECTION("a changed packet") {
    Tap tap(initiators_log());
    tap.see(true, kInitiation);
    tap.see(false, kResponse);
    for (std::size_t at = 8; at < kQuestion.size(); at += 5) {
      Bytes changed = kQuestion;
      changed[at] ^= 1U;
      CHECK(tap.see(true, changed).layer_count == 1);
      CHECK(tap.out.stop == DecodeStop::kUnauthentic);
    }
    CHECK(tap.see(true, kQuestion).layer_count == 2);
  }
  SECTION("a packet that the capture cut") {
    Tap tap(initiators_log());
    tap.see(true, kInitiation);
    tap.see(false, kResponse);
    tap.see(true, kQuestion);
    for (std::size_t captured = 44; captured < tap.bytes.size(); ++captured) {
      CHECK(tap.see(true, kQuestion, 40001, captured).layer_count == 1);
      CHECK(tap.out.stop != DecodeStop::kNone);
    }
  }
  SECTION("a changed handshake opens nothing") {
    for (std::size_t at = 8; at < 116; at += 7) {
      Tap tap(initiators_log());
      Bytes changed = kInitiation;
      changed[at] ^= 1U;
      tap.see(true, changed);
      tap.see(false, kResponse);
      CHECK(tap.see(true, kQuestion).layer_count == 1);
    }
  }
  SECTION("a cookie reply does no harm") {
    Tap tap(initiators_log());
    tap.see(true, kInitiation);
    tap.see(false, hex("03000000 44332211") + Bytes(56, 7));
    tap.see(false, kResponse);
    CHECK(tap.see(true, kQuestion).layer_count == 2);
  }
}

TEST_CASE("wireguard: the capture whose keys are published", "[decode][wireguard][keys]") {
  const auto corpus = data_dir("corpus", "the published WireGuard capture");
  if (!corpus) return;
  const auto path = *corpus / "vpn" / "ndpi-wireguard.pcap";
  if (!std::filesystem::exists(path)) return;
  // Of Wireshark's test suite: the initiator's; then the responder's, for the other session.
  const std::string initiator =
      "LOCAL_STATIC_PRIVATE_KEY = AKeZaHwBxjiKLFnkY2unvEdOTtg4AL+M9dQXfopFVFk=\n"
      "REMOTE_STATIC_PUBLIC_KEY = YDCttCs9e1J52/g9vEnwJJa+2x6RqaayAYMpSVQfGEY=\n"
      "LOCAL_EPHEMERAL_PRIVATE_KEY = sLGLJSOQfyz7JNJ5ZDzFf3Uz1rkiCMMjbWerNYcPFFU=\n";
  const std::string responder =
      "LOCAL_STATIC_PRIVATE_KEY = cFIxTUyBs1Qil414hBwEgvasEax8CKJ5IS5ZougplWs=\n"
      "LOCAL_EPHEMERAL_PRIVATE_KEY = sBv1dhsm63cbvWMv/XML+bvynBp9PTdY9Vvptu3HQlg=\n";
  for (const auto& [log, first, last] :
       {std::tuple{initiator, 3U, 12U}, std::tuple{responder, 17U, 22U}}) {
    capture::SourceSpec spec;
    spec.files = {path.string()};
    const auto source = capture::Source::open(spec);
    REQUIRE(source);
    decode::Decoder decoder(with_keys(log));
    decode::DecodedFrame out;
    for (auto frames = (*source)->next(1); !frames.empty(); frames = (*source)->next(1)) {
      const capture::Frame& frame = frames.front();
      decoder.decode(frame, out);
      CAPTURE(frame.number);
      const bool keepalive = frame.wire_bytes == 74;
      if (frame.number >= first && frame.number <= last && !keepalive) {
        CHECK(out.layer_count >= 2);
      }
    }
  }
}
