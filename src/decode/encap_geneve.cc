// Geneve (RFC 8926).
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kGeneve;

std::size_t options_bytes(const Cursor& at) {
  return (at.u8(0) & 0x3fU) * 4U;
}

}  // namespace

bool geneve_fits(const Context& c) {
  return c.at.captured >= 8 && c.at.u8(0) >> 6 == 0 &&
         (options_bytes(c.at) + 8 <= c.at.wire || c.partial);
}

Step geneve(Context& c) {
  if (!c.need(8, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  const std::size_t options = options_bytes(c.at);
  via->flags = c.at.u8(1);
  via->next = c.at.be16(2);
  via->key = c.at.be24(4);
  via->aux = options;
  c.enter_zone(kName, via->key);
  if (!c.need(8 + options, kName)) return kFinished;
  c.at.skip(8 + options);
  return by_ethertype(c, via->next);
}

// Any port: reserved bits clear, a protocol that carries packets, and one inside.
bool geneve_shape(const Context& c) {
  if (!geneve_fits(c) || (c.at.u8(1) & 0x3fU) != 0 || c.at.u8(7) != 0) return false;
  Cursor in = c.at;
  in.skip(8 + options_bytes(c.at));
  switch (c.at.be16(2)) {
    case 0x6558:
      return in.captured >= 34 && plausible_ethernet(in);
    case 0x0800:
    case 0x86dd:
      return convincing_ip(in, Fit::kExact);
    default:
      return false;
  }
}

}  // namespace natlens::decode
