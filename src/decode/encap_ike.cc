// IKE (RFC 2408, RFC 7296): recognised by its header; SPIs and message id identify an exchange
// on both sides of a NAT.
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kIke;
constexpr std::size_t kHeader = 28;

bool known_exchange(std::uint8_t version, std::uint8_t exchange) {
  switch (version >> 4) {
    case 1:
      return (exchange >= 1 && exchange <= 6) || (exchange >= 32 && exchange <= 33);
    case 2:
      return exchange >= 34 && exchange <= 44;
    default:
      return false;
  }
}

bool header_fits(const Cursor& at) {
  return at.captured >= kHeader && at.be64(0) != 0 && known_exchange(at.u8(17), at.u8(18)) &&
         at.be32(24) >= kHeader;
}

}  // namespace

bool ike_fits(const Context& c) {
  return header_fits(c.at);
}

bool ike_shape(const Context& c) {
  return header_fits(c.at) && c.at.be32(24) == c.at.wire;
}

// Behind the four zero bytes that tell IKE from ESP.
bool ike_marker_shape(const Context& c) {
  if (c.at.captured < 4 + kHeader || c.at.be32(0) != 0) return false;
  Cursor in = c.at;
  in.skip(4);
  return header_fits(in) && (in.be32(24) == in.wire || c.partial || c.quoted);
}

Step ike(Context& c) {
  if (!c.need(kHeader, kName)) return kFinished;
  Via* via = c.add_via(kName);
  if (via == nullptr) return kFinished;
  via->key = c.at.be64(0);
  via->aux = c.at.be64(8);
  via->next = static_cast<std::uint16_t>(c.at.u8(17) << 8 | c.at.u8(18));
  via->flags = c.at.u8(19);
  via->extra = c.at.be32(20);
  return kFinished;
}

}  // namespace natlens::decode
