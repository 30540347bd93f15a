// Every link type and encapsulation: one whole frame, then the same frame cut at every length.
#include <algorithm>

#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;
using decode::DecodeStop;

TEST_CASE("decode: every sample gives its layers, headers between and key", "[decode]") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    const Decoded d(sample.bytes, sample.link_type);
    REQUIRE(d.out.layer_count == sample.layers);
    CHECK(names(d.out.tail()) == sample.tail);
    if (sample.layers != 0) CHECK(names(d.out.via(d.last())) == sample.via);
    const bool closed = d.out.stop == DecodeStop::kNone || d.out.stop == DecodeStop::kEncrypted;
    CHECK(closed);
    const auto list = sample.tail.empty() ? d.out.via(d.last()) : d.out.tail();
    CHECK((list.empty() ? 0 : list.back().key) == sample.key);
  }
}

TEST_CASE("decode: the packet inside every tunnel keeps its addresses and ports", "[decode]") {
  for (const Sample& sample : samples()) {
    if (sample.layers < 2 || sample.name == "teredo with origin") continue;
    CAPTURE(sample.name);
    const Decoded d(sample.bytes, sample.link_type);
    const decode::Layer& inner = d.last();
    CHECK(to_string(inner.src) == (inner.version == 4 ? "10.1.0.1" : "2001:db8::2"));
    CHECK(inner.src_port == 40000);
    CHECK(inner.dst_port == 9999);
    CHECK(inner.payload.size() == 12);
  }
}

namespace {

// Layers of a shorter capture must be the first ones of the whole frame's.
bool is_prefix(const decode::DecodedFrame& part, const decode::DecodedFrame& whole) {
  if (part.layer_count > whole.layer_count) return false;
  for (std::size_t i = 0; i < part.layer_count; ++i) {
    const auto& a = part.layer_storage[i];
    const auto& b = whole.layer_storage[i];
    if (a.src != b.src || a.dst != b.dst || a.offset != b.offset ||
        a.total_bytes != b.total_bytes || a.zone != b.zone) {
      return false;
    }
    if (a.transport != decode::TransportKind::kNone &&
        (a.src_port != b.src_port || a.payload_wire_bytes != b.payload_wire_bytes)) {
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("decode: a frame cut at any length gives a prefix of its layers", "[decode][cut]") {
  for (const Sample& sample : samples()) {
    const Decoded whole(sample.bytes, sample.link_type);
    for (std::size_t n = 0; n < sample.bytes.size(); ++n) {
      CAPTURE(sample.name, n);
      const Decoded part(sample.bytes, sample.link_type, n);
      CHECK(is_prefix(part.out, whole.out));
      const bool told =
          part.out.stop == DecodeStop::kSnap || part.out.stop == whole.out.stop ||
          part.out.stop == DecodeStop::kUnsupported;  // a guess needs the bytes behind
      CHECK(told);
      for (const auto& layer : part.out.layers()) {
        CHECK(layer.ip.size() <= n);
        CHECK(layer.payload.size() <= n);
      }
    }
  }
}

TEST_CASE("decode: bytes changed at random never lead outside the frame", "[decode][hostile]") {
  std::uint64_t seed = 0x9e3779b97f4a7c15U;
  decode::Decoder decoder;
  decode::DecodedFrame out;
  for (int round = 0; round < 200; ++round) {
    for (const Sample& sample : samples()) {
      Bytes bytes = sample.bytes;
      for (int i = 0; i < 3; ++i) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        bytes[(seed >> 33) % bytes.size()] = static_cast<std::uint8_t>(seed >> 24);
      }
      const auto frame = frame_of(bytes, sample.link_type);
      decoder.decode(frame, out);
      CAPTURE(sample.name, round);
      REQUIRE(out.layer_count <= decode::kMaxLayers);
      REQUIRE(out.via_count <= decode::kMaxVia);
      for (const auto& layer : out.layers()) {
        if (layer.reassembled) continue;
        REQUIRE(layer.ip.data() >= bytes.data());
        REQUIRE(layer.ip.data() + layer.ip.size() <= bytes.data() + bytes.size());
      }
    }
  }
}
