// IEEE 802.11 (LINKTYPE 105) and the radio headers that captures put before it: radiotap (127),
// Prism (119), AVS (163), PPI (192). Only data frames have something inside; a protected one
// stays closed. Of an A-MSDU the first subframe is read.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint16_t kToDs = 0x0100;
constexpr std::uint16_t kFromDs = 0x0200;
constexpr std::uint16_t kMoreFragments = 0x0400;
constexpr std::uint16_t kProtected = 0x4000;
constexpr std::uint16_t kOrder = 0x8000;
constexpr std::uint8_t kRadiotapFcs = 0x10;
constexpr std::uint8_t kRadiotapPad = 0x20;
constexpr std::uint16_t kLinkType80211 = 105;

struct Header {
  std::size_t bytes = 24;
  bool has_qos = false;
  bool amsdu = false;
};

Header header_of(const Cursor& at, std::uint16_t control) {
  Header header;
  if ((control & kToDs) != 0 && (control & kFromDs) != 0) header.bytes += 6;
  header.has_qos = (control & 0x80) != 0;
  if (header.has_qos) {
    header.amsdu = header.bytes < at.captured && (at.u8(header.bytes) & 0x80U) != 0;
    header.bytes += 2;
    if ((control & kOrder) != 0) header.bytes += 4;
  }
  return header;
}

Step frame(Context& c, bool padded) {
  constexpr auto kName = Encapsulation::kIeee80211;
  if (!c.need(2, kName)) return kFinished;
  const std::uint16_t control = load_le16(c.at.bytes(), 0);
  if ((control >> 2 & 3U) != 2 || (control & 0x40) != 0)
    return kFinished;  // management, control, no data
  if (!c.need(24, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  via->key = control;
  Header header = header_of(c.at, control);
  if (padded) header.bytes = (header.bytes + 3) & ~std::size_t{3};
  if ((control & kProtected) != 0) return c.stop(DecodeStop::kEncrypted, kName);
  const bool fragment =
      (control & kMoreFragments) != 0 || (load_le16(c.at.bytes(), 22) & 0xfU) != 0;
  if (!c.need(header.bytes, kName)) return kFinished;
  c.at.skip(header.bytes);
  if (fragment) return c.stop(DecodeStop::kFragment, kName);
  if (header.amsdu) {
    if (!c.need(14, kName)) return kFinished;
    const std::size_t length = c.at.be16(12);
    c.at.skip(14);
    c.at.limit(length);
  }
  return {llc};
}

// The flags byte among the radiotap fields: behind the time stamp, if there is one.
std::uint8_t radiotap_flags(const Cursor& at, std::size_t length) {
  std::size_t i = 4;
  const std::uint32_t present = load_le32(at.bytes(), i);
  for (std::uint32_t word = present; (word >> 31) != 0 && i + 8 <= length;
       word = load_le32(at.bytes(), i))
    i += 4;
  i += 4;
  if ((present & 1U) != 0) i = ((i + 7) & ~std::size_t{7}) + 8;
  return (present & 2U) != 0 && i < length ? at.u8(i) : std::uint8_t{0};
}

}  // namespace

Step link_80211(Context& c) {
  return frame(c, false);
}

Step link_radiotap(Context& c) {
  constexpr auto kName = Encapsulation::kIeee80211;
  if (!c.need(8, kName)) return kFinished;
  const std::size_t length = load_le16(c.at.bytes(), 2);
  if (length < 8) return c.stop(DecodeStop::kMalformed, kName);
  if (!c.need(length, kName)) return kFinished;
  const std::uint8_t flags = radiotap_flags(c.at, length);
  c.at.skip(length);
  if ((flags & kRadiotapFcs) != 0 && c.at.wire >= 4) c.at.limit(c.at.wire - 4);
  return frame(c, (flags & kRadiotapPad) != 0);
}

// Prism says its length in the host's order; AVS, told by its magic, big endian.
Step link_prism(Context& c) {
  constexpr auto kName = Encapsulation::kIeee80211;
  if (!c.need(8, kName)) return kFinished;
  std::size_t length = c.at.be32(4);
  if (c.at.be32(0) >> 12 != 0x80211 && length > 0xffff) length = load_le32(c.at.bytes(), 4);
  if (length < 8) return c.stop(DecodeStop::kMalformed, kName);
  if (!c.need(length, kName)) return kFinished;
  c.at.skip(length);
  return frame(c, false);
}

Step link_ppi(Context& c) {
  constexpr auto kName = Encapsulation::kIeee80211;
  if (!c.need(8, kName)) return kFinished;
  const std::size_t length = load_le16(c.at.bytes(), 2);
  const std::uint32_t link_type = load_le32(c.at.bytes(), 4);
  if (length < 8) return c.stop(DecodeStop::kMalformed, kName);
  if (!c.need(length, kName)) return kFinished;
  c.at.skip(length);
  if (link_type == kLinkType80211) return frame(c, false);
  if (link_type == 192 || link_type > 0xffff) return c.stop(DecodeStop::kUnsupported, kName);
  return by_link_type(c, static_cast<capture::LinkType>(link_type));
}

}  // namespace natlens::decode
