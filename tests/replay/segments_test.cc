// Segments cut as a link gets them.
#include "segments.h"

#include "support/catch.h"

namespace natlens::replay {
namespace {

// 192.0.2.1:1000 > 192.0.2.2:2000, PSH and ACK, `data` bytes.
std::vector<std::uint8_t> segment(std::size_t data) {
  std::vector<std::uint8_t> ip{0x45, 0, 0,   0, 0,    7,    0x40, 0,    64, 6,    0, 0, 192, 0,
                               2,    1, 192, 0, 2,    2,    3,    0xe8, 7,  0xd0, 0, 0, 1,   0,
                               0,    0, 0,   9, 0x50, 0x18, 1,    0,    0,  0,    0, 0};
  for (std::size_t i = 0; i < data; ++i) ip.push_back(static_cast<std::uint8_t>(i));
  ip[2] = static_cast<std::uint8_t>(ip.size() >> 8);
  ip[3] = static_cast<std::uint8_t>(ip.size());
  return ip;
}

}  // namespace

TEST_CASE("segments: numbers go up, PSH stays with the last, checksums are whole", "[replay]") {
  const auto pieces = segments_of(segment(2500), 1000);
  REQUIRE(pieces.size() == 3);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const ByteView ip(pieces[i]);
    CHECK(load_be16(ip, 2) == (i < 2 ? 1040 : 540));
    CHECK(load_be16(ip, 4) == 7 + i);
    CHECK(load_be32(ip, 24) == 256 + 1000 * i);
    CHECK(ip[33] == (i < 2 ? 0x10 : 0x18));
    CHECK(checksum(ip.first(20)) == 0);
    const std::vector<std::uint8_t> tail{0, 6, static_cast<std::uint8_t>((ip.size() - 20) >> 8),
                                         static_cast<std::uint8_t>(ip.size() - 20)};
    CHECK(checksum(ip.subspan(20), checksum_add(tail, checksum_add(ip.subspan(12, 8)))) == 0);
  }
}

TEST_CASE("segments: a cut packet is never read beyond its end", "[replay]") {
  const auto whole = segment(100);
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    std::vector<std::uint8_t> cut(whole.begin(),
                                  whole.begin() + static_cast<std::ptrdiff_t>(n));
    TcpPlace place;
    CHECK(find_tcp(cut, place) == (n >= 40));
    segments_of(cut, 10);
    complete_checksum(cut);
  }
}

}  // namespace natlens::replay
