#include "shape.h"

namespace natlens::decode {
namespace {

bool fits(std::size_t total, const Cursor& at, Fit fit) {
  return fit == Fit::kExact ? total == at.wire : total <= at.wire;
}

Cursor behind(Cursor at, std::size_t n) {
  at.skip(n);
  return at;
}

bool plausible_ethertype(const Cursor& at, std::uint16_t type) {
  switch (type) {
    case 0x0800:
    case 0x86dd:
      return plausible_ip(at, Fit::kWithin) && at.u8(0) >> 4 == (type == 0x0800 ? 4 : 6);
    case 0x8100:
    case 0x88a8:
      return at.captured < 4 ? at.cut() : plausible_ethertype(behind(at, 4), at.be16(2));
    case 0x0806:
    case 0x8847:
    case 0x8863:
    case 0x8864:
    case 0x888e:
    case 0x88e5:
    case 0x88e7:
    case 0x88cc:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool plausible_ip(const Cursor& at, Fit fit) {
  if (at.captured == 0) return false;
  if (at.u8(0) >> 4 == 4) {
    const std::size_t header_bytes = (at.u8(0) & 0xfU) * 4U;
    if (header_bytes < 20 || header_bytes > at.wire) return false;
    if (at.captured < 4) return at.cut();
    const std::size_t total = at.be16(2);
    return total >= header_bytes && fits(total, at, fit);
  }
  if (at.u8(0) >> 4 == 6) {
    if (at.wire < 40) return false;
    if (at.captured < 6) return at.cut();
    return fits(40U + at.be16(4), at, fit);
  }
  return false;
}

bool convincing_ip(const Cursor& at, Fit fit) {
  if (at.captured < 20 || !plausible_ip(at, fit)) return false;
  if (at.u8(0) >> 4 == 4) {
    const std::size_t header_bytes = (at.u8(0) & 0xfU) * 4U;
    if (header_bytes > at.captured || checksum_add(at.bytes().first(header_bytes)) != 0xffff)
      return false;
    return at.u8(12) != 0 && at.u8(12) < 240;
  }
  return at.captured >= 40 && at.u8(8) != 0xff;
}

bool plausible_ethernet(const Cursor& at) {
  if (at.wire < 14) return false;
  if (at.captured < 14) return at.cut();
  const std::uint16_t type = at.be16(12);
  if ((at.u8(6) & 1U) != 0) return false;  // a group cannot send
  if (type <= 1500) return type >= 3 && type <= at.wire - 14;
  return plausible_ethertype(behind(at, 14), type);
}

bool convincing_ethernet(const Cursor& at) {
  if (at.captured < 14 + 20 || (at.u8(6) & 1U) != 0) return false;
  const std::uint16_t type = at.be16(12);
  const unsigned version = type == 0x0800 ? 4 : type == 0x86dd ? 6 : 0;
  const Cursor in = behind(at, 14);
  return version != 0 && in.u8(0) >> 4 == version && convincing_ip(in, Fit::kWithin);
}

}  // namespace natlens::decode
