// PPPoE (RFC 2516): discovery ends here; a session carries PPP. The length bounds it, Ethernet
// padding follows.
#include "tables.h"

namespace natlens::decode {

Step pppoe(Context& c) {
  if (!c.need(6, Encapsulation::kPppoe)) return kFinished;
  Via* via = c.add_via(Encapsulation::kPppoe);
  if (via == nullptr) return kFinished;
  via->flags = c.at.u8(1);
  via->key = c.at.be16(2);
  if (c.at.u8(0) != 0x11) return c.stop(DecodeStop::kMalformed, Encapsulation::kPppoe);
  const std::size_t length = c.at.be16(4);
  c.at.skip(6);
  if (length > c.at.wire && !c.partial) c.note(DecodeStop::kMalformed, Encapsulation::kPppoe);
  c.at.limit(length);
  if (via->flags != 0) return kFinished;
  c.enter_zone(Encapsulation::kPppoe, via->key);
  return {ppp};
}

}  // namespace natlens::decode
