// WireGuard: recognised by type and exact size; what is in clear are indices and counter,
// little endian. Via: key = receiver index, aux = counter, extra = sender index, flags = type.
#include "flow_memory.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kWireguard;
constexpr std::uint8_t kInitiation = 1;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kCookie = 3;
constexpr std::uint8_t kData = 4;
constexpr std::size_t kMinData = 32;
// A counter above this would take years: the bytes are something else.
constexpr std::uint64_t kPlausibleCounter = std::uint64_t{1} << 40;

constexpr FlowMemory::Reading kSession{kName, 1};

std::uint64_t session_key(std::uint64_t receiver) {
  return mix(receiver, static_cast<std::uint64_t>(kName));
}

bool header_fits(const Cursor& at) {
  if (at.captured < 16) return false;
  if ((at.be32(0) & 0xffffffU) != 0) return false;  // reserved bytes
  switch (at.u8(0)) {
    case kInitiation:
      return at.wire == 148;
    case kResponse:
      return at.wire == 92;
    case kCookie:
      return at.wire == 64;
    case kData:
      return at.wire >= kMinData;
    default:
      return false;
  }
}

}  // namespace

bool wireguard_fits(const Context& c) {
  return header_fits(c.at);
}

// Any port. Padding makes data a multiple of 16, but for packets as long as the tunnel's MTU
// allows.
bool wireguard_shape(const Context& c) {
  if (!header_fits(c.at)) return false;
  if (c.at.u8(0) != kData) return true;
  return (c.at.wire % 16 == 0 || c.at.wire > 1000) &&
         load_le64(c.at.bytes(), 8) < kPlausibleCounter;
}

// Where packets of a session that is known come from another port (a peer roamed, a NAT forgot
// its mapping) they need no further proof.
bool wireguard_session_known(Context& c) {
  if (c.at.u8(0) != kData) return false;
  const FlowMemory::Entry* known = c.flows.find(session_key(load_le32(c.at.bytes(), 4)));
  return known != nullptr && known->reading == kSession;
}

Step wireguard(Context& c) {
  Via* via = c.add_via(kName);
  if (via == nullptr || !c.need(8, kName)) return kFinished;
  via->flags = c.at.u8(0);
  switch (via->flags) {
    case kInitiation:
      via->extra = load_le32(c.at.bytes(), 4);
      return kFinished;
    case kResponse:
      if (!c.need(12, kName)) return kFinished;
      via->extra = load_le32(c.at.bytes(), 4);
      via->key = load_le32(c.at.bytes(), 8);
      return kFinished;
    case kCookie:
      via->key = load_le32(c.at.bytes(), 4);
      return kFinished;
    default:
      if (!c.need(16, kName)) return kFinished;
      via->key = load_le32(c.at.bytes(), 4);
      via->aux = load_le64(c.at.bytes(), 8);
      if (!c.quoted) c.flows.seen_again(session_key(via->key), kSession);
      return c.stop(DecodeStop::kEncrypted, kName);
  }
}

}  // namespace natlens::decode
