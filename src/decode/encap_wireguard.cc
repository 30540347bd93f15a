// WireGuard: recognised by type and exact size; what is in clear are indices and counter,
// little endian. Via: key = receiver index, aux = counter, extra = sender index, flags = type.
//
// With keys, the zone of what comes out is that of the two peers: it stays the same when one of
// them roams, and two peers behind one address are two.
#include "flow_memory.h"
#include "opener.h"
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kWireguard;
constexpr std::uint8_t kInitiation = 1;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kCookie = 3;
constexpr std::uint8_t kData = 4;
constexpr std::size_t kDataHeader = 16;
constexpr std::size_t kTag = 16;
constexpr std::size_t kMinData = kDataHeader + kTag;
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

// Takes part in a handshake, if its keys are known.
Step handshake(Context& c) {
  if (c.opener == nullptr || c.at.cut() || c.quoted || c.partial) return kFinished;
  const ByteView message = c.at.bytes();
  if (message[0] == kInitiation && message.size() == kWireguardInitiation) {
    c.opener->wireguard.initiation(message);
  } else if (message[0] == kResponse && message.size() == kWireguardResponse &&
             c.opener->wireguard.response(c.opener->ring(), message) == Opening::kUnauthentic) {
    return c.stop(DecodeStop::kUnauthentic, kName);
  }
  return kFinished;
}

// Reads on in the packet that a data message holds, if its session is known.
Step data(Context& c, const Via& via) {
  const auto receiver = static_cast<std::uint32_t>(via.key);
  if (c.opener == nullptr || c.quoted || c.partial || !c.opener->wireguard.knows(receiver)) {
    return c.stop(DecodeStop::kEncrypted, kName);
  }
  if (c.at.cut()) return c.stop(DecodeStop::kSnap, kName);
  const ByteView sealed = c.at.bytes().subspan(kDataHeader);
  std::uint8_t* room = c.opener->room();
  if (room == nullptr || sealed.size() > Opener::kMostBytes) {
    return c.stop(DecodeStop::kDepth, kName);
  }
  std::uint64_t peers = 0;
  if (c.opener->wireguard.open(receiver, via.aux, sealed, room, peers) != Opening::kOpened) {
    return c.stop(DecodeStop::kUnauthentic, kName);
  }
  if (sealed.size() == kTag) return kFinished;  // a keepalive
  c.enter_zone(kName, peers);
  c.enter_plain_text(room, sealed.size() - kTag);
  return {ip_by_nibble};
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
// its mapping) they need no further proof; nor does a handshake that given keys prove.
bool wireguard_session_known(Context& c) {
  if (c.at.u8(0) != kData) {
    return c.opener != nullptr && !c.at.cut() &&
           c.opener->wireguard.proves(c.opener->ring(), c.at.bytes());
  }
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
      return handshake(c);
    case kResponse:
      if (!c.need(12, kName)) return kFinished;
      via->extra = load_le32(c.at.bytes(), 4);
      via->key = load_le32(c.at.bytes(), 8);
      return handshake(c);
    case kCookie:
      via->key = load_le32(c.at.bytes(), 4);
      return kFinished;
    default:
      if (!c.need(16, kName)) return kFinished;
      via->key = load_le32(c.at.bytes(), 4);
      via->aux = load_le64(c.at.bytes(), 8);
      if (!c.quoted) c.flows.seen_again(session_key(via->key), kSession);
      return data(c, *via);
  }
}

}  // namespace natlens::decode
