#include <fmt/format.h>

#include "natlens/decode/decoder.h"

#include "support/catch.h"
#include "support/packet.h"

using namespace natlens;
using namespace natlens::decode;
using namespace natlens::test;

namespace {

Bytes record(const Bytes& packet) {
  return test::be16(packet.size()) + packet;
}
Bytes data(std::size_t bytes) {
  return record(test::hex("48 000001 00000007") + test::filler(bytes - 8));
}
const Bytes kClientReset = record(test::hex("38 0102030405060708 00 00000000"));
const Bytes kServerReset =
    record(test::hex("40 1112131415161718 01 00000000 0102030405060708 00000000"));

// One decoder of a tap, and a connection through it.
class Stream {
 public:
  explicit Stream(std::uint16_t server) : server_(server) {}

  // "length@offset in payload" of each record that the segment showed, "!" if it ended
  // encrypted.
  std::string client(const Bytes& payload, std::int64_t skip = 0) {
    seq_ = static_cast<std::uint32_t>(seq_ + skip);
    auto out = send({.src = 40000, .dst = server_, .seq = seq_}, payload);
    seq_ += static_cast<std::uint32_t>(payload.size());
    return out;
  }
  std::string server(const Bytes& payload) {
    return send({.src = server_, .dst = 40000, .seq = 5}, payload);
  }

 private:
  std::string send(const test::TcpHeader& header, const Bytes& payload) {
    test::Ipv4Header ip{.protocol = 6};
    if (header.src == server_) std::swap(ip.src, ip.dst);
    const auto bytes = test::ipv4(ip, test::tcp(header, payload));
    decoder_.decode(test::frame_of(bytes, 101), out_);
    std::string text;
    for (const Via& via : out_.tail()) {
      CHECK(via.kind == Encapsulation::kOpenvpn);
      text += fmt::format("{}{}@{}", text.empty() ? "" : " ", via.extra, via.offset - 40);
    }
    return text + (out_.stop == DecodeStop::kEncrypted ? "!" : "");
  }

  std::uint16_t server_;
  std::uint32_t seq_ = 0xffffff00U;  // wraps on the way
  Decoder decoder_;
  DecodedFrame out_;
};

}  // namespace

TEST_CASE("openvpn over tcp: several records in a segment, one over several",
          "[decode][openvpn]") {
  Stream stream(1194);
  CHECK(stream.client(kClientReset) == "14@0");
  CHECK(stream.client(data(100) + data(60)) == "100@0 60@102!");
  const Bytes three = data(300);
  CHECK(stream.client({three.begin(), three.begin() + 100}) == "300@0!");
  CHECK(stream.client({three.begin() + 100, three.begin() + 200}).empty());
  CHECK(stream.client(Bytes(three.begin() + 200, three.end()) + data(50)) == "50@102!");
}

TEST_CASE(
    "openvpn over tcp: wherever the stream is cut into segments, the records are the same",
    "[decode][openvpn]") {
  const Bytes all = data(40) + data(50) + data(60);
  // Offsets in the stream, wherever a segment begins.
  const auto records = [](const std::string& said, std::size_t from) {
    std::vector<std::string> found;
    for (std::size_t at = 0; (at = said.find('@', at)) != std::string::npos; ++at) {
      const auto offset = static_cast<std::int32_t>(std::stoul(said.substr(at + 1)));
      found.push_back(std::to_string(static_cast<std::int32_t>(from) + offset));
    }
    return found;
  };
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    Stream stream(1194);
    stream.client(kClientReset);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(cut);
    auto found = records(stream.client({all.begin(), middle}), 0);
    for (auto& offset : records(stream.client({middle, all.end()}), cut))
      found.push_back(offset);
    INFO(cut);
    CHECK(found == std::vector<std::string>{"0", "42", "94"});
    CHECK(stream.client(data(70)) == "70@0!");  // still in step
  }
}

TEST_CASE("openvpn over tcp: repetitions and gaps", "[decode][openvpn]") {
  Stream stream(1194);
  stream.client(data(100));
  CHECK(stream.client(data(100), -102).empty());
  const Bytes whole = data(100);
  stream.client({whole.begin(), whole.begin() + 50});
  // The rest of it and one more are missed; the next segment begins with a record.
  CHECK(stream.client(data(80), 52 + 102) == "80@0!");
  CHECK(stream.client(data(90)) == "90@0!");
}

TEST_CASE("openvpn over tcp: on another port from the second hard reset on",
          "[decode][openvpn]") {
  Stream stream(443);
  CHECK(stream.client(kClientReset).empty());
  CHECK(stream.client(data(100)).empty());
  CHECK(stream.server(kServerReset) == "26@0");
  CHECK(stream.client(data(100)) == "100@0!");
  // The same end twice is no conversation.
  Stream other(443);
  other.client(kClientReset);
  other.client(kClientReset, -16);
  CHECK(other.client(data(100)).empty());
}

TEST_CASE("tcp port 1194: what cannot be a record is left alone", "[decode][openvpn]") {
  Stream stream(1194);
  CHECK(stream.client(test::hex("474554202f20485454502f312e310d0a")).empty());
  CHECK(stream.client(test::hex("0005 38 01020304")).empty());
}
