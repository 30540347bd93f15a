// LISP data (RFC 9300): eight bytes of flags, nonce and instance id, then IP. An encapsulated
// control message (RFC 9301, type 8) has four bytes before its IP packet.
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint8_t kInstance = 0x08;
constexpr unsigned kEncapsulatedControl = 8;

}  // namespace

bool lisp_fits(const Context& c) {
  if (c.at.captured < 9) return false;
  Cursor in = c.at;
  in.skip(8);
  return c.partial || plausible_ip(in, Fit::kWithin);
}

Step lisp(Context& c) {
  Via* via = c.add_via(Encapsulation::kLisp);
  if (via == nullptr || !c.need(8, Encapsulation::kLisp)) return kFinished;
  via->flags = c.at.u8(0);
  via->aux = c.at.be24(1);
  if ((via->flags & kInstance) != 0) {
    via->key = c.at.be24(4);
    c.enter_zone(Encapsulation::kLisp, via->key);
  } else {
    c.enter_zone_of_outer_pair(Encapsulation::kLisp);
  }
  c.at.skip(8);
  return {ip_by_nibble};
}

bool lisp_control_fits(const Context& c) {
  if (c.at.captured < 5 || c.at.u8(0) >> 4 != kEncapsulatedControl) return false;
  Cursor in = c.at;
  in.skip(4);
  return plausible_ip(in, Fit::kWithin);
}

Step lisp_control(Context& c) {
  Via* via = c.add_via(Encapsulation::kLisp);
  if (via == nullptr) return kFinished;
  c.enter_zone_of_outer_pair(Encapsulation::kLisp);
  c.at.skip(4);
  return {ip_by_nibble};
}

}  // namespace natlens::decode
