// GTP-U, version 1 (3GPP TS 29.281). A tunnel endpoint id belongs to one direction: the zone is
// the pair of outer addresses.
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kGtpu;
constexpr std::uint8_t kVersion1 = 0x30;  // version and protocol type
constexpr std::uint8_t kVersionMask = 0xf0;
constexpr std::uint8_t kExtension = 0x04;
constexpr std::uint8_t kOptional = 0x07;  // any of E, S, PN: all four bytes are there
constexpr std::uint8_t kGpdu = 255;
constexpr int kMaxExtensions = 16;

// Lengths count four bytes and include their own byte and the next type's.
bool skip_extensions(Context& c, std::uint8_t next) {
  for (int i = 0; next != 0; ++i) {
    if (!c.need(1, kName)) return false;
    const std::size_t length = c.at.u8(0) * 4U;
    if (length == 0 || i == kMaxExtensions) {
      c.stop(DecodeStop::kMalformed, kName);
      return false;
    }
    if (!c.need(length, kName)) return false;
    next = c.at.u8(length - 1);
    c.at.skip(length);
  }
  return true;
}

}  // namespace

bool gtpu_fits(const Context& c) {
  return c.at.captured >= 8 && (c.at.u8(0) & kVersionMask) == kVersion1 &&
         (8U + c.at.be16(2) <= c.at.wire || c.partial || c.quoted);
}

Step gtpu(Context& c) {
  if (!c.need(8, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  via->flags = c.at.u8(0);
  via->next = c.at.u8(1);
  via->aux = c.at.be16(2);
  via->key = c.at.be32(4);
  c.at.skip(8);
  c.at.limit(via->aux);
  if (via->next != kGpdu) return kFinished;
  if ((via->flags & kOptional) != 0) {
    if (!c.need(4, kName)) return kFinished;
    const std::uint8_t next = (via->flags & kExtension) != 0 ? c.at.u8(3) : std::uint8_t{0};
    c.at.skip(4);
    if (!skip_extensions(c, next)) return kFinished;
  }
  c.enter_zone_of_outer_pair(kName);
  if (c.at.captured == 0) return c.at.wire != 0 ? c.stop(DecodeStop::kSnap, kName) : kFinished;
  const unsigned nibble = c.at.u8(0) >> 4;
  if (nibble == 4 || nibble == 6) return {ip_by_nibble};
  if (plausible_ethernet(c.at)) return {ethernet};  // unstructured or Ethernet PDU session
  return c.stop(DecodeStop::kUnsupported, kName);
}

// Any port: a G-PDU whose length is exact and an IP packet whose length is too.
bool gtpu_shape(const Context& c) {
  if (c.at.captured < 28 || (c.at.u8(0) & ~kOptional) != kVersion1 || c.at.u8(1) != kGpdu ||
      8U + c.at.be16(2) != c.at.wire) {
    return false;
  }
  Cursor in = c.at;
  in.skip(8);
  if ((c.at.u8(0) & kOptional) == 0) return convincing_ip(in, Fit::kExact);
  std::uint8_t next = (c.at.u8(0) & kExtension) != 0 ? in.u8(3) : std::uint8_t{0};
  in.skip(4);
  for (int i = 0; next != 0 && i < kMaxExtensions; ++i) {
    const std::size_t length = in.captured == 0 ? 0U : in.u8(0) * 4U;
    if (length == 0 || length > in.captured) return false;
    next = in.u8(length - 1);
    in.skip(length);
  }
  return convincing_ip(in, Fit::kExact);
}

}  // namespace natlens::decode
