// IP directly in IP: IPv4 in IP (protocol 4), IPv6 in IP (41), Ethernet in IPv6 (143), EtherIP
// (97, RFC 3378). 6to4 (RFC 3056) may answer through another relay than it was asked through,
// and its inner addresses are unique: its zone is one for all.
#include "tables.h"

namespace natlens::decode {
namespace {

bool is_6to4(const Cursor& at, std::size_t address_at) {
  return at.captured >= address_at + 2 && at.be16(address_at) == 0x2002;
}

}  // namespace

Step ipv4_in_ip(Context& c) {
  if (c.add_via(Encapsulation::kIpip) == nullptr) return kFinished;
  c.enter_zone_of_outer_pair(Encapsulation::kIpip);
  return {ipv4};
}

Step ipv6_in_ip(Context& c) {
  if (c.add_via(Encapsulation::kIpip) == nullptr) return kFinished;
  if (is_6to4(c.at, 8) || is_6to4(c.at, 24)) {
    c.enter_zone(Encapsulation::kIpip, 0x2002);
  } else {
    c.enter_zone_of_outer_pair(Encapsulation::kIpip);
  }
  return {ipv6};
}

Step ethernet_in_ip(Context& c) {
  if (c.add_via(Encapsulation::kEtherip) == nullptr) return kFinished;
  c.enter_zone_of_outer_pair(Encapsulation::kEtherip);
  return {ethernet};
}

Step etherip(Context& c) {
  if (!c.need(2, Encapsulation::kEtherip)) return kFinished;
  Via* via = c.add_via(Encapsulation::kEtherip);
  if (via == nullptr) return kFinished;
  via->flags = c.at.u8(0) >> 4;
  if (c.at.be16(0) != 0x3000) return c.stop(DecodeStop::kMalformed, Encapsulation::kEtherip);
  c.enter_zone_of_outer_pair(Encapsulation::kEtherip);
  c.at.skip(2);
  return {ethernet};
}

}  // namespace natlens::decode
