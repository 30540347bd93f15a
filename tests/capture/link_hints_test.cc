// What link layers tell of interface and direction.

#include "link_hints.h"

#include "capture/capture_bytes.h"
#include "support/catch.h"

namespace natlens::capture::test {
namespace {

Octets sll(std::uint16_t packet_type) {
  return Builder(true).u16(packet_type).raw(Octets(14, 0)).bytes;
}

Octets sll2(std::uint32_t ifindex, std::uint8_t packet_type) {
  return Builder(true)
      .u16(0x0800)
      .u16(0)
      .u32(ifindex)
      .u16(1)
      .u8(packet_type)
      .u8(6)
      .raw(Octets(8, 0))
      .bytes;
}

Octets pktap(std::string_view name, std::uint32_t flags) {
  Builder header;
  header.u32(108).u32(1).u32(12).text(name);
  header.bytes.resize(36);
  header.u32(flags);
  header.bytes.resize(108);
  return header.bytes;
}

std::string interface_of(const LinkHints& hints) {
  return {hints.interface.data(), ::strnlen(hints.interface.data(), hints.interface.size())};
}

TEST_CASE("link hints: direction and interface by link type", "[capture][link]") {
  constexpr auto kIn = FrameDirection::kIn;
  constexpr auto kOut = FrameDirection::kOut;
  constexpr auto kUnknown = FrameDirection::kUnknown;
  struct Case {
    LinkType link_type;
    Octets frame;
    FrameDirection direction;
    std::string interface;
  };
  const std::vector<Case> cases = {
      {1, payload(60, 0), kUnknown, ""},
      {113, sll(0), kIn, ""},
      {113, sll(1), kIn, ""},
      {113, sll(3), kIn, ""},
      {113, sll(4), kOut, ""},
      {113, sll(6), kUnknown, ""},
      {276, sll2(3, 0), kIn, "if3"},
      {276, sll2(4294967295, 4), kOut, "if4294967295"},
      {276, sll2(0, 2), kIn, "if0"},
      {258, pktap("en0", 1), kIn, "en0"},
      {258, pktap("utun3", 2), kOut, "utun3"},
      {258, pktap("abcdefghijklmnopqrstuvwxyz", 0), kUnknown, "abcdefghijklmnopqrstuvwx"},
      {149, pktap("en0", 2), kOut, "en0"},
      {149, payload(108, 3), kUnknown, ""},
      {166, Octets{0, 3}, kIn, ""},
      {204, Octets{1}, kOut, ""},
      {205, Octets{0}, kIn, ""},
      {206, Octets{1}, kOut, ""},
  };
  for (const Case& c : cases) {
    INFO("link type " << c.link_type << " " << c.interface);
    const LinkHints hints = read_link_hints(c.link_type, c.frame);
    CHECK(hints.direction == c.direction);
    CHECK(interface_of(hints) == c.interface);
    for (std::size_t length = 0; length < std::min<std::size_t>(c.frame.size(), 16); ++length) {
      const Octets cut(c.frame.begin(), c.frame.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK(interface_of(read_link_hints(c.link_type, cut)).empty());
    }
  }
}

}  // namespace
}  // namespace natlens::capture::test
