// Blocks of TCP streams: the same for every way of cutting the stream into segments.
#include "natlens/stream/blocks.h"

#include <algorithm>
#include <string>

#include "support/catch.h"

namespace natlens::stream {
namespace {

using test_bytes = std::vector<std::uint8_t>;
namespace flag = decode::tcp_flag;

test_bytes content(std::size_t bytes, std::uint64_t seed = 1) {
  test_bytes out(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    out[i] = static_cast<std::uint8_t>(mix(i / 8, seed) >> i % 8 * 8);
  return out;
}

// One direction of one connection with an initial sequence number of its own.
struct Sender {
  explicit Sender(std::uint32_t isn) : next(isn) {}
  void send(std::uint16_t flags, ByteView payload, std::size_t captured = SIZE_MAX) {
    at(next, flags, payload, captured);
    next += static_cast<std::uint32_t>(payload.size()) +
            ((flags & (flag::kSyn | flag::kFin)) != 0 ? 1 : 0);
  }
  void at(std::uint32_t seq,
          std::uint16_t flags,
          ByteView payload,
          std::size_t captured = SIZE_MAX) {
    decode::Layer layer;
    layer.transport = decode::TransportKind::kTcp;
    layer.tcp.seq = seq;
    layer.tcp.flags = flags;
    layer.payload = payload.first(std::min(captured, payload.size()));
    layer.payload_wire_bytes = static_cast<std::uint32_t>(payload.size());
    conntrack::Verdict verdict;
    verdict.packet_class = conntrack::PacketClass::kEstablished;
    verdict.connection = 1;
    reader.read(layer, verdict, Timestamp::from_ns(1), 1, found);
  }
  // The whole stream in segments of `size`, opened and closed.
  void stream(ByteView bytes, std::size_t size) {
    send(flag::kSyn, {});
    for (std::size_t i = 0; i < bytes.size(); i += size) {
      send(flag::kAck, bytes.subspan(i, std::min(size, bytes.size() - i)));
    }
    send(flag::kFin | flag::kAck, {});
  }
  std::vector<std::uint64_t> keys() const {
    std::vector<std::uint64_t> out;
    for (const Sighting& s : found) out.push_back(s.fingerprint);
    return out;
  }

  BlockReader reader;
  std::uint32_t next;
  std::vector<Sighting> found;
};

}  // namespace

TEST_CASE("blocks: the same whatever the segments", "[stream][blocks]") {
  const test_bytes bytes = content(20'000);
  Sender whole(0xfffffff0U);  // the numbers wrap within the stream
  whole.stream(bytes, 60'000);
  CHECK(whole.found.size() == 7);
  for (const std::size_t size : {1U, 7U, 16U, 17U, 63U, 536U, 1460U}) {
    CAPTURE(size);
    Sender other(12345 * static_cast<std::uint32_t>(size));
    other.stream(bytes, size);
    CHECK(other.keys() == whole.keys());
  }
  Sender different(1);
  different.stream(content(20'000, 2), 1460);
  for (const std::uint64_t key : different.keys()) {
    const auto keys = whole.keys();
    CHECK(std::find(keys.begin(), keys.end(), key) == keys.end());
  }
}

TEST_CASE("blocks: a short stream has one when it ends", "[stream][blocks]") {
  for (const std::size_t bytes : {1U, 5U, 15U, 16U, 30U, 64U, 65U}) {
    CAPTURE(bytes);
    Sender one(1);
    Sender other(77);
    one.stream(content(bytes), 1000);
    other.stream(content(bytes), 4);
    CHECK(one.keys() == other.keys());
    CHECK(one.found.size() == (bytes <= 16 ? 1U : bytes <= 64 ? 2U : 3U));
    // A longer stream that begins with the same bytes is another one.
    Sender longer(5);
    longer.stream(content(bytes + 1), 1000);
    if (bytes < 16) CHECK(longer.keys() != one.keys());
  }
}

TEST_CASE("blocks: a hole costs the block it is in", "[stream][blocks]") {
  const test_bytes bytes = content(2000);
  Sender whole(1);
  whole.stream(bytes, 100);
  Sender holed(1);
  holed.send(flag::kSyn, {});
  for (std::size_t i = 0; i < bytes.size(); i += 100) {
    if (i != 200)
      holed.at(2 + static_cast<std::uint32_t>(i), flag::kAck, ByteView(bytes).subspan(i, 100));
  }
  auto expected = whole.keys();  // 0, 16, 64, 256, 1024
  REQUIRE(expected.size() == 5);
  expected.erase(expected.begin() + 3);
  CHECK(holed.keys() == expected);
}

TEST_CASE("blocks: retransmissions and keepalives say nothing new", "[stream][blocks]") {
  const test_bytes bytes = content(300);
  Sender sender(1);
  sender.send(flag::kSyn, {});
  sender.at(1, flag::kSyn, {});
  sender.at(2, flag::kAck, bytes);
  const std::size_t once = sender.found.size();
  sender.at(2, flag::kAck, bytes);
  sender.at(1, flag::kAck, ByteView(bytes).first(1));  // one byte before the first
  CHECK(sender.found.size() == once);
}

TEST_CASE("blocks: cut payloads and connections without a beginning have none",
          "[stream][blocks]") {
  const test_bytes bytes = content(300);
  Sender cut(1);
  cut.send(flag::kSyn, {});
  cut.send(flag::kAck, bytes, 20);
  CHECK(cut.found.size() == 1);  // the first 16 bytes are there
  Sender late(1);
  late.send(flag::kAck, bytes);
  CHECK(late.found.empty());
}

TEST_CASE("blocks: nothing of an ended connection is kept", "[stream][blocks]") {
  BlockReader reader;
  Sender sender(1);
  sender.send(flag::kSyn, {});
  sender.send(flag::kAck, content(20));
  sender.reader.forget(1);
  sender.reader.forget(1);  // unknown: no harm
  sender.found.clear();
  sender.send(flag::kAck, content(100));
  CHECK(sender.found.empty());
}

}  // namespace natlens::stream
