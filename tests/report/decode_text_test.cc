#include "natlens/report/decode_text.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using nlohmann::json;

namespace {

std::string line(const Bytes& bytes,
                 capture::LinkType link_type = 1,
                 std::size_t captured = SIZE_MAX) {
  decode::Decoder decoder;
  decode::DecodedFrame out;
  const auto frame = frame_of(bytes, link_type, captured);
  decoder.decode(frame, out);
  std::string text;
  report::append_decode_jsonl(text, frame, out);
  return text;
}

json parsed(const Bytes& bytes,
            capture::LinkType link_type = 1,
            std::size_t captured = SIZE_MAX) {
  return json::parse(line(bytes, link_type, captured));
}

std::string text_of(const Bytes& bytes) {
  decode::Decoder decoder;
  decode::DecodedFrame out;
  const auto frame = frame_of(bytes);
  decoder.decode(frame, out);
  std::string text;
  report::append_decode_text(text, frame, out);
  return text;
}

}  // namespace

TEST_CASE("decode jsonl: one line per frame, with the keys in their order",
          "[report][decode]") {
  CHECK(
      line(eth(0x0800, ipv4({.protocol = 6}, tcp({}, filler(3))))) ==
      R"({"k":1,"ts":"1.000000000","cap":57,"len":57,"layers":[{"v":4,"src":"10.0.0.2","dst":"192.0.2.9",)"
      R"("proto":6,"ttl":64,"id":7,"len":43,"hl":20,"tos":0,"off":14,"via":[{"p":"eth"}],)"
      R"("l4":{"p":"tcp","sp":40000,"dp":443,"seq":1000,"ack":2000,"flags":24,"win":512,"hl":20,"plen":3,"off":34}}]})"
      "\n");
}

TEST_CASE("decode jsonl: every sample is valid JSON, whole and cut", "[report][decode]") {
  for (const Sample& sample : samples()) {
    for (std::size_t n = 0; n <= sample.bytes.size(); ++n) {
      CAPTURE(sample.name, n);
      const json frame = parsed(sample.bytes, sample.link_type, n);
      CHECK(frame["cap"] == n);
      if (n == sample.bytes.size()) CHECK(frame["layers"].size() == sample.layers);
    }
  }
}

TEST_CASE("decode jsonl: the keys of encapsulations", "[report][decode]") {
  const auto via_of = [](std::string_view name) {
    for (const Sample& sample : samples()) {
      if (sample.name == name)
        return parsed(sample.bytes, sample.link_type)["layers"].back()["via"];
    }
    return json();
  };
  CHECK(
      via_of("qinq") ==
      json::parse(
          R"([{"p":"eth"},{"p":"ieee8021ad","id":100,"off":14},{"p":"vlan","id":200,"off":18}])"));
  CHECK(via_of("gre checksum, key, sequence") ==
        json::parse(R"([{"p":"gre","proto":2048,"ver":0,"key":7,"seq":1,"off":34}])"));
  CHECK(
      via_of("pptp")[0] ==
      json::parse(
          R"({"p":"gre","proto":34827,"ver":1,"call":258,"plen":44,"seq":7,"ack":3,"off":34})"));
  CHECK(via_of("geneve")[0] ==
        json::parse(R"({"p":"geneve","vni":42,"proto":2048,"optlen":8,"off":42})"));
  CHECK(via_of("gtp-u with an extension")[0]["seq"] == 0x1235);
  CHECK(via_of("teredo with origin")[0]["orig"] == "70.55.215.234");
  CHECK(via_of("teredo with origin")[0]["origport"] == 3797);
  CHECK(via_of("pktap")[0]["ifname"] == "utun3");
  CHECK(via_of("sll2")[0]["ifindex"] == 5);
  CHECK(via_of("nflog")[0]["hook"] == 3);
}

TEST_CASE("decode jsonl: tails of opaque tunnels", "[report][decode]") {
  const auto tail_of = [](std::string_view name) {
    for (const Sample& sample : samples()) {
      if (sample.name == name)
        return parsed(sample.bytes, sample.link_type)["layers"].back()["tail"];
    }
    return json();
  };
  CHECK(tail_of("esp") == json::parse(R"([{"p":"esp","spi":4096,"seq":5,"off":34}])"));
  CHECK(tail_of("ike behind the marker")[0]["ike"] == 1);
  CHECK(tail_of("ike behind the marker")[1]["ispi"] == "1122334455667788");
  CHECK(tail_of("wireguard data") ==
        json::parse(R"([{"p":"wg","type":4,"receiver":305419896,"counter":5,"off":42}])"));
  CHECK(tail_of("openvpn reset")[0]["op"] == 7);
}

TEST_CASE("decode jsonl: why decoding stopped", "[report][decode]") {
  const Bytes frame = eth(0x0800, ipv4({.protocol = 6}, tcp({}, filler(30))));
  CHECK(parsed(frame, 1, 40)["stop"] == json::parse(R"({"why":"snap","at":34,"in":"tcp"})"));
  CHECK_FALSE(parsed(frame).contains("stop"));
  CHECK(parsed(frame, 999)["stop"]["why"] == "unsupported");
}

TEST_CASE("decode jsonl: no time is null, and the interface on request", "[report][decode]") {
  const Bytes bytes = eth(0x0806, filler(28));
  auto frame = frame_of(bytes);
  frame.time = Timestamp::none();
  frame.interface = 3;
  decode::Decoder decoder;
  decode::DecodedFrame out;
  decoder.decode(frame, out);
  std::string text;
  report::append_decode_jsonl(text, frame, out, {.interface = true});
  const json object = json::parse(text);
  CHECK(object["ts"].is_null());
  CHECK(object["if"] == 3);
  CHECK(object["tail"][0]["p"] == "eth");
}

TEST_CASE("decode jsonl: names from a file cannot break the line", "[report][decode]") {
  for (const Sample& sample : samples()) {
    if (sample.name != "pktap") continue;
    Bytes bytes = sample.bytes;
    bytes[12] = '"';
    bytes[13] = '\n';
    CHECK(parsed(bytes, 258)["layers"][0]["via"][0]["ifname"] == "??un3");
  }
}

TEST_CASE("decode text: a line per layer", "[report][decode]") {
  CHECK(
      text_of(eth(0x0800, ipv4({.protocol = 47}, hex("2000 0800 00000007") + inner_ipv4()))) ==
      "1 1.000000000 eth | ipv4 10.0.0.2 > 192.0.2.9 ttl 64 id 7 len 68 | protocol gre\n"
      "    gre key 7 | ipv4 10.1.0.1 > 10.1.0.2 ttl 64 id 7 len 40 | udp 40000 > 9999 len "
      "12\n");
  CHECK(text_of(eth(0x88cc, filler(20))).find("no IP, ethertype 0x88cc | eth") !=
        std::string::npos);
}

TEST_CASE("decode text: ARP says who asks for whom, and who is where", "[report][decode]") {
  const Bytes ends = hex("020000000001 c0000202 000000000000 c0000201");
  CHECK(text_of(eth(0x0806, hex("0001 0800 06 04 0001") + ends)) ==
        "1 1.000000000 eth | arp who-has 192.0.2.1 tell 192.0.2.2\n");
  CHECK(text_of(eth(0x0806, hex("0001 0800 06 04 0002") + ends)) ==
        "1 1.000000000 eth | arp 192.0.2.2 is-at 02:00:00:00:00:01 to 192.0.2.1\n");
  CHECK(text_of(eth(0x0806, hex("0007 0800 08 04 0001") + filler(24))) ==
        "1 1.000000000 eth | arp operation 1\n");
}

TEST_CASE("decode text: only ICMP that has an id shows one", "[report][decode]") {
  const Bytes report = hex("8f00 0000 0000 0003");  // MLDv2, RFC 3810
  const auto text = text_of(eth(0x86dd, ipv6({.next = 58}, report)));
  CHECK(text.ends_with(" | icmpv6 type 143 code 0\n"));
  const Bytes echo = hex("8000 0000 0007 0003");
  CHECK(text_of(eth(0x86dd, ipv6({.next = 58}, echo))).ends_with(" code 0 id 7 seq 3\n"));
}
