#include "natlens/net/bytes.h"

#include <random>
#include <vector>

#include "support/catch.h"

using namespace natlens;

namespace {

// RFC 1071 as its text has it: 16 bits at a time.
std::uint16_t slow_sum(ByteView bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum +=
        static_cast<std::uint32_t>(bytes[i]) << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
    sum = (sum & 0xffffU) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

}  // namespace

TEST_CASE("checksum: the example of RFC 1071 section 3", "[net][bytes]") {
  const std::vector<std::uint8_t> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  CHECK(checksum_add(bytes) == 0xddf2);
  CHECK(checksum(bytes) == static_cast<std::uint16_t>(~0xddf2));
}

TEST_CASE("checksum: agrees with the slow sum at every length and when chained",
          "[net][bytes]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (std::size_t length = 0; length < 200; ++length) {
    std::vector<std::uint8_t> bytes(length);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
    if (length % 3 == 0) std::fill(bytes.begin(), bytes.end(), 0xff);
    CAPTURE(length);
    const ByteView view(bytes);
    CHECK(checksum_add(view) == slow_sum(view));
    const std::size_t cut = length / 2 / 2 * 2;
    CHECK(checksum_add(view.subspan(cut), checksum_add(view.first(cut))) == slow_sum(view));
  }
}

TEST_CASE("bytes: loads are big or little endian as named", "[net][bytes]") {
  const std::vector<std::uint8_t> b{1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(load_be16(b, 0) == 0x0102);
  CHECK(load_be32(b, 1) == 0x02030405);
  CHECK(load_be64(b, 0) == 0x0102030405060708);
  CHECK(load_le16(b, 0) == 0x0201);
  CHECK(load_le32(b, 4) == 0x08070605);
  CHECK(load_le64(b, 0) == 0x0807060504030201);
}

TEST_CASE("content_hash: stable values, which stored fingerprints rely on", "[net][bytes]") {
  const std::vector<std::uint8_t> bytes{'n', 'a', 't'};
  CHECK(content_hash({}, 0) ==
        0x2d06800538d394c2);  // XXH3_64bits of nothing, xxHash's own test
  CHECK(content_hash(bytes) == content_hash(bytes, 0));
  CHECK(content_hash(bytes, 1) != content_hash(bytes, 2));
  CHECK(mix(1, 2) != mix(2, 1));
}
