// Any text as rules (nft, its JSON, iptables-save, natlens's own); a few packets meet what was
// understood.
#include <array>
#include <cstdint>

#include "natlens/ruleset/parse.h"

#include "router_box.h"

namespace {

// Raw IP packets: a SYN and a datagram of IPv4, a datagram of IPv6.
constexpr std::array<std::uint8_t, 40> kSyn{
    0x45, 0,    0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10,   0, 0,    2,    203, 0, 113, 9,
    0x9c, 0x40, 0, 80, 0, 0, 0,    1, 0,  0, 0, 0, 0x50, 2, 0xff, 0xff, 0,   0, 0,   0};
constexpr std::array<std::uint8_t, 30> kDatagram{
    0x45, 0,   0,  30,  0, 1, 0,  0,    64,   17, 0,  0, 203, 0, 113,
    9,    198, 51, 100, 1, 0, 53, 0x9c, 0x40, 0,  10, 0, 0,   1, 2};
constexpr std::array<std::uint8_t, 50> kDatagramV6{
    0x60, 0, 0,   0, 0,   10, 17,   64,   0xfd, 1,    0,    2,  0,    3,    0, 0, 0,
    0,    0, 0,   0, 0,   0,  5,    0x00, 0x64, 0xff, 0x9b, 0,  0,    0,    0, 0, 0,
    0,    0, 203, 0, 113, 9,  0x9c, 0x40, 0,    53,   0,    10, 0x12, 0x34, 1, 2};

void send(natlens::fuzz::RouterBox& box, natlens::ByteView bytes, unsigned side) {
  natlens::capture::Frame frame;
  frame.number = frame.ordinal = 1;
  frame.link_type = 101;
  frame.bytes = bytes;
  frame.wire_bytes = static_cast<std::uint32_t>(bytes.size());
  frame.time = natlens::Timestamp::from_ns(1'000'000'000);
  box.pass(frame, side);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rules = natlens::ruleset::parse(text, "fuzz.nft");
  if (!rules) {
    natlens::fuzz::require(!rules.error().message.empty());
    return 0;
  }
  natlens::ruleset::infer_names(*rules);
  natlens::fuzz::RouterBox box(*rules);
  send(box, kSyn, 0);
  send(box, kDatagram, 1);
  send(box, kDatagramV6, 0);
  return 0;
}
