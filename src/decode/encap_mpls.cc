// MPLS (RFC 3032). What the labels carry is not said: IP is believed where its lengths fit,
// because the first four bits of a pseudowire's Ethernet address may be 4 or 6 too; then a
// control word (RFC 4385), then Ethernet without one.
#include "shape.h"
#include "tables.h"

namespace natlens::decode {
namespace {

Step label_payload(Context& c) {
  if (c.at.captured == 0) return c.stop(DecodeStop::kSnap, Encapsulation::kMpls);
  const unsigned nibble = c.at.u8(0) >> 4;
  if ((nibble == 4 || nibble == 6) && plausible_ip(c.at, Fit::kWithin)) {
    return convincing_ethernet(c.at) ? Step{ethernet} : Step{ip_by_nibble};
  }
  if (nibble == 0 && c.at.wire >= 4 && c.at.captured >= 4) {
    Cursor behind = c.at;
    behind.skip(4);
    if (plausible_ethernet(behind)) {
      c.at = behind;
      return {ethernet};
    }
  }
  if (nibble == 1) return c.stop(DecodeStop::kUnsupported, Encapsulation::kMpls);  // G-ACh
  if (plausible_ethernet(c.at)) return {ethernet};
  if (nibble == 4 || nibble == 6) return {ip_by_nibble};
  return c.stop(DecodeStop::kUnsupported, Encapsulation::kMpls);
}

}  // namespace

Step mpls(Context& c) {
  if (!c.need(4, Encapsulation::kMpls)) return kFinished;
  Via* via = c.add_via(Encapsulation::kMpls);
  if (via == nullptr) return kFinished;
  const std::uint32_t entry = c.at.be32(0);
  via->key = entry >> 12;
  via->aux = entry & 0xffU;
  via->flags = entry >> 8 & 1U;
  c.at.skip(4);
  if (via->flags == 0) return {mpls};
  return label_payload(c);
}

Step mpls_in_ip(Context& c) {
  c.enter_zone_of_outer_pair(Encapsulation::kMpls);
  return {mpls};
}

}  // namespace natlens::decode
