// OpenVPN packets (over UDP; encap_openvpn_tcp.cc finds them in streams): opcode and key id in
// the first byte, session ids in control packets, peer id and packet id in data. Via: flags =
// first byte; control: key = session id, aux = the peer's session id if it is in clear, next =
// where the message id is, from the packet's start (0: not in clear); data v2: key = peer id,
// aux = packet id.
#include <array>

#include "tables.h"

namespace natlens::decode {
namespace {

constexpr auto kName = Encapsulation::kOpenvpn;
constexpr unsigned kAck = 5;
constexpr unsigned kDataV1 = 6;
constexpr unsigned kResetClientV2 = 7;
constexpr unsigned kResetServerV2 = 8;
constexpr unsigned kDataV2 = 9;
constexpr unsigned kLastOpcode = 11;
constexpr std::size_t kMaxAcks = 8;
// HMAC lengths of tls-auth: none, SHA-1, SHA-256, MD5, SHA-512.
constexpr std::array<std::size_t, 5> kHmacBytes{0, 20, 32, 16, 64};

unsigned opcode_of(const Cursor& at) {
  return at.u8(0) >> 3U;
}

// Where the list of acknowledgements would start with an HMAC of `hmac` bytes; with one, packet
// id and time stand before the list.
struct Control {
  std::size_t acks_at = 0;
  std::size_t acks = 0;
  std::size_t remote_at = 0;   // 0: none
  std::size_t message_at = 0;  // 0: none
  std::size_t end = 0;
};

bool read_control(const Cursor& at, std::size_t hmac, Control& control) {
  const std::size_t acks_at = 9 + (hmac == 0 ? 0 : hmac + 8);
  if (acks_at >= at.captured || at.u8(acks_at) > kMaxAcks) return false;
  control.acks_at = acks_at;
  control.acks = at.u8(acks_at);
  std::size_t i = acks_at + 1 + control.acks * 4;
  control.remote_at = control.acks != 0 ? i : 0;
  if (control.acks != 0) i += 8;
  const bool ack_only = opcode_of(at) == kAck;
  if (ack_only && control.acks == 0) return false;
  control.message_at = ack_only ? 0 : i;
  control.end = i + (ack_only ? 0 : 4);
  return ack_only ? control.end == at.wire : control.end <= at.captured;
}

// The HMAC length under which the packet makes sense; tls-auth's packet ids count from 1, its
// times are plausible seconds, and message ids are small.
bool find_control(const Cursor& at, Control& control) {
  for (const std::size_t hmac : kHmacBytes) {
    if (!read_control(at, hmac, control)) continue;
    if (hmac != 0 && at.be32(9 + hmac) > 0x00ffffffU) continue;
    if (control.message_at != 0 && at.be32(control.message_at) > 0x00ffffffU) continue;
    return true;
  }
  return false;
}

}  // namespace

bool openvpn_record_fits(std::uint8_t first, std::size_t wire) {
  const unsigned opcode = first >> 3U;
  if (opcode == 0 || opcode > kLastOpcode) return false;
  return wire >= (opcode == kDataV1 || opcode == kDataV2 ? 20 : 14);
}

bool openvpn_fits(const Context& c) {
  return c.at.captured >= 2 && openvpn_record_fits(c.at.u8(0), c.at.wire);
}

// Any port: a hard reset of one of the sizes that resets have.
bool openvpn_shape(const Context& c) {
  if (c.at.captured < 14) return false;
  const unsigned opcode = opcode_of(c.at);
  if ((opcode != kResetClientV2 && opcode != kResetServerV2) || (c.at.u8(0) & 7U) != 0 ||
      c.at.wire > 200)
    return false;
  Control control;
  return c.at.be64(1) != 0 && find_control(c.at, control) && control.end == c.at.wire &&
         c.at.be32(control.message_at) == 0;
}

bool describe_openvpn(const Cursor& at, Via& via) {
  via.flags = at.u8(0);
  const unsigned opcode = opcode_of(at);
  if (opcode == kDataV1) return false;
  if (opcode == kDataV2) {
    if (at.captured < 8) return false;
    via.key = at.be24(1);
    via.aux = at.be32(4);
    return false;
  }
  if (at.captured < 9) return true;
  via.key = at.be64(1);
  Control control;
  if (!find_control(at, control)) return true;  // tls-crypt: the rest is closed
  // A snap length may cut an acknowledgement, which is recognised by its length on the wire.
  if (control.remote_at != 0 && control.remote_at + 8 <= at.captured)
    via.aux = at.be64(control.remote_at);
  via.next = static_cast<std::uint16_t>(control.message_at);
  return true;
}

Step openvpn(Context& c) {
  Via* via = c.add_via(kName);
  if (via == nullptr || !c.need(1, kName)) return kFinished;
  const unsigned opcode = opcode_of(c.at);
  const std::size_t wanted = opcode == kDataV1 ? 1 : opcode == kDataV2 ? 8 : 9;
  if (describe_openvpn(c.at, *via)) {
    c.need(wanted, kName);
    return kFinished;
  }
  return c.need(wanted, kName) ? c.stop(DecodeStop::kEncrypted, kName) : kFinished;
}

}  // namespace natlens::decode
