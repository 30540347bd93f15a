// IEEE 802.1ah, provider backbone bridges: flags, a service id of 24 bits, and the customer's
// Ethernet header.
#include "tables.h"

namespace natlens::decode {

Step pbb(Context& c) {
  if (!c.need(18, Encapsulation::kPbb)) return kFinished;
  Via* via = c.add_via(Encapsulation::kPbb);
  if (via == nullptr) return kFinished;
  via->flags = c.at.u8(0);
  via->key = c.at.be24(1);
  via->next = c.at.be16(16);
  c.enter_zone(Encapsulation::kPbb, via->key);
  c.at.skip(18);
  return by_ethertype(c, via->next);
}

}  // namespace natlens::decode
