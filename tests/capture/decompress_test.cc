// Compressed captures: what the libraries pack comes back, whole, cut or damaged.

#include "decompress.h"

#include <random>

#include "capture/capture_bytes.h"
#include "capture/pack.h"
#include "support/catch.h"

namespace natlens::capture::test {
namespace {

// A capture that does not pack away: `count` records of random bytes.
Octets noisy_capture(std::uint32_t count) {
  std::mt19937 random(7);
  PcapBytes file;
  for (std::uint32_t i = 0; i < count; ++i) {
    Octets data(40 + i % 60);
    for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
    file.record(1000 + i, i, data);
  }
  return file.bytes;
}

struct Packed {
  const char* name;
  const char* format;
  Octets bytes;
};

std::vector<Packed> packed(const Octets& whole) {
  const ByteView first = ByteView(whole).first(whole.size() / 3);
  const ByteView second = ByteView(whole).subspan(whole.size() / 3);
  return {
      {"gzip", "pcap us, gzip", gzip(whole)},
      {"gzip, two members", "pcap us, gzip", join({gzip(first), gzip(second)})},
      {"gzip, empty member between", "pcap us, gzip",
       join({gzip(first), gzip({}), gzip(second)})},
      {"gzip, zeros behind", "pcap us, gzip", join({gzip(whole), Octets(512, 0)})},
      {"zstd", "pcap us, zstd", zstd(whole)},
      {"zstd, two frames", "pcap us, zstd", join({zstd(first), zstd(second)})},
      {"zstd, skippable first", "pcap us, zstd", join({skippable(9), zstd(whole)})},
      {"lz4", "pcap us, lz4", lz4_frame(whole)},
      {"lz4, two frames", "pcap us, lz4", join({lz4_frame(first), lz4_frame(second)})},
      {"lz4, skippable between", "pcap us, lz4",
       join({lz4_frame(first), skippable(9), lz4_frame(second)})},
      {"lz4, legacy", "pcap us, lz4", lz4_legacy(whole, 3000)},
      {"lz4, legacy then frame", "pcap us, lz4",
       join({lz4_legacy(first, 3000), lz4_frame(second)})},
      {"lz4, frame then legacy", "pcap us, lz4",
       join({lz4_frame(first), lz4_legacy(second, 999)})},
  };
}

TEST_CASE("compressed captures read as the plain one", "[capture][decompress]") {
  const Octets whole = noisy_capture(200);
  const Reading plain = read_bytes(whole);
  REQUIRE(plain.frames.size() == 200);
  for (const Packed& file : packed(whole)) {
    INFO(file.name);
    for (const std::size_t piece : {1U, 1000U, 1U << 20}) {
      const Reading reading = read_pieces(file.bytes, piece);
      CHECK(reading.error.empty());
      CHECK(reading.notes().empty());
      CHECK(reading.info.complete);
      CHECK(reading.info.format == file.format);
      CHECK(reading.info.bytes == whole.size());
      REQUIRE(reading.frames.size() == 200);
      for (std::size_t i = 0; i < 200; ++i)
        REQUIRE(reading.frames[i].bytes == plain.frames[i].bytes);
    }
  }
}

TEST_CASE("compressed captures larger than every buffer", "[capture][decompress]") {
  const Octets whole = noisy_capture(60'000);
  REQUIRE(whole.size() > 5'000'000);
  for (const Octets& bytes :
       {gzip(whole), zstd(whole), lz4_frame(whole), lz4_legacy(whole, 1U << 23)}) {
    const Reading reading = read_bytes(bytes, 64);
    CHECK(reading.frames.size() == 60'000);
    CHECK(reading.info.complete);
  }
}

TEST_CASE("cut compressed captures give what was decoded", "[capture][decompress]") {
  const Octets whole = noisy_capture(200);
  const Reading plain = read_bytes(whole);
  for (const Packed& file : packed(whole)) {
    INFO(file.name);
    for (std::size_t length = 0; length < file.bytes.size(); length += 61) {
      INFO("cut at " << length);
      const Reading reading = read_bytes(ByteView(file.bytes).first(length));
      if (!reading.error.empty()) {
        CHECK(reading.frames.empty());
        continue;
      }
      REQUIRE(reading.frames.size() <= 200);
      for (std::size_t i = 0; i < reading.frames.size(); ++i) {
        if (reading.frames[i].frame.cut) break;
        REQUIRE(reading.frames[i].bytes == plain.frames[i].bytes);
      }
    }
  }
}

TEST_CASE("a cut gzip stream says so and keeps most of its frames", "[capture][decompress]") {
  const Octets whole = noisy_capture(200);
  const Octets bytes = gzip(whole);
  const Reading reading = read_bytes(ByteView(bytes).first(bytes.size() / 2));
  CHECK(reading.frames.size() > 80);
  CHECK_FALSE(reading.info.complete);
  CHECK(reading.notes().find("gzip data is cut off") != std::string::npos);
}

TEST_CASE("damaged compressed captures end with a reason", "[capture][decompress]") {
  const Octets whole = noisy_capture(200);
  std::mt19937 random(11);
  for (const Packed& file : packed(whole)) {
    INFO(file.name);
    for (int round = 0; round < 200; ++round) {
      Octets bytes = file.bytes;
      const std::size_t at = random() % bytes.size();
      bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1 + random() % 255));
      const Reading reading = read_bytes(bytes);  // must end, whatever it gives
      CHECK(reading.frames.size() <= 400);
    }
  }
}

TEST_CASE("bytes behind the compressed data are told", "[capture][decompress]") {
  const Octets whole = noisy_capture(20);
  const Octets junk(10, 0x5a);
  for (const auto& [bytes, text] :
       {std::pair{join({gzip(whole), junk}), "gzip data are no gzip data"},
        std::pair{join({zstd(whole), junk}), "zstd data is damaged"},
        std::pair{join({lz4_frame(whole), junk}), "are no lz4 data"}}) {
    const Reading reading = read_bytes(bytes);
    CHECK(reading.frames.size() == 20);
    CHECK(reading.notes().find(text) != std::string::npos);
    CHECK_FALSE(reading.info.complete);
  }
}

TEST_CASE("a stream that expands beyond the limits is stopped", "[capture][decompress]") {
  PcapBytes zeros;
  zeros.record(1, 0, payload(60, 0));
  zeros.raw(Octets(30'000'000, 0));
  for (const Octets& bytes : {gzip(zeros.bytes), zstd(zeros.bytes), lz4_frame(zeros.bytes)}) {
    const Reading bounded =
        read_input(memory_input(bytes), 8, {.free_bytes = 1'000'000, .ratio = 10});
    CHECK(bounded.info.bytes < 2'000'000);
    CHECK(bounded.notes().find("not read further") != std::string::npos);
    CHECK_FALSE(bounded.info.complete);
    const Reading absolute = read_input(
        memory_input(bytes), 8, {.free_bytes = 1'000'000'000, .total_bytes = 5'000'000});
    CHECK(absolute.info.bytes < 6'000'000);
    CHECK(read_bytes(bytes).info.complete);
  }
}

TEST_CASE("one compression is peeled, not two", "[capture][decompress]") {
  const Octets whole = noisy_capture(20);
  CHECK(read_bytes(gzip(zstd(whole))).error ==
        "offset 0: zstd inside of gzip; decompress it once");
}

TEST_CASE("compressed nothing and compressed junk are errors", "[capture][decompress]") {
  CHECK(read_bytes(gzip({})).error == "offset 0: gzip data without content");
  CHECK(read_bytes(gzip(Octets(100, 'x'))).error.find("not a capture (first bytes 78 78") !=
        std::string::npos);
  CHECK(
      read_bytes(ByteView(gzip(Octets(100, 0))).first(12)).error.find("gzip data is cut off") !=
      std::string::npos);
}

}  // namespace
}  // namespace natlens::capture::test
