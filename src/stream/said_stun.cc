// STUN and TURN (RFC 8489, RFC 8656; RFC 3489 without the magic cookie on its own port).
//
// Type 2 (top bits 00), length 2 of what follows the 20-byte header, cookie 4, transaction 12;
// then attributes: type 2, length 2, value padded to 4. The XOR forms hide port and address
// from rewriting by the NAT: port ^ the cookie's upper half, address ^ cookie and transaction.
#include "said.h"

namespace natlens::stream {
namespace {

constexpr std::size_t kHeaderBytes = 20;
constexpr std::uint32_t kCookie = 0x2112a442;
constexpr std::uint16_t kPort = 3478;
constexpr std::uint16_t kBindingSuccess = 0x0101;
constexpr std::uint16_t kAllocateSuccess = 0x0103;

bool known_rfc3489_type(std::uint16_t type) {
  return type == 0x0001 || type == kBindingSuccess || type == 0x0111;
}

// One address attribute; family kNone if it cannot be read.
Endpoint read_address(ByteView value, ByteView header, bool hidden) {
  if (value.size() < 8) return {};
  const std::size_t bytes = value[1] == 1 ? 4 : value[1] == 2 ? 16 : 0;
  if (bytes == 0 || value.size() < 4 + bytes) return {};
  std::array<std::uint8_t, 16> plain{};
  for (std::size_t i = 0; i < bytes; ++i) {
    plain[i] = static_cast<std::uint8_t>(value[4 + i] ^ (hidden ? header[4 + i] : 0));
  }
  const std::uint16_t port = load_be16(value, 2);
  return {address_from(ByteView(plain).first(bytes)),
          static_cast<std::uint16_t>(port ^ (hidden ? kCookie >> 16 : 0))};
}

void read_attribute(
    std::uint16_t type, std::uint16_t message, ByteView value, const Heard& heard, Said& said) {
  StatementKind kind = StatementKind::kMapped;
  const bool success = message == kBindingSuccess || message == kAllocateSuccess;
  bool hidden = true;
  switch (type) {
    case 0x0001:
      hidden = false;
      [[fallthrough]];
    case 0x0020:
    case 0x8020:
      if (!success) return;
      break;
    case 0x0016:
      if (message != kAllocateSuccess) return;
      kind = StatementKind::kRelayed;
      break;
    case 0x0012:
      kind = StatementKind::kPeer;
      break;
    default:
      return;
  }
  const Endpoint named = read_address(value, heard.bytes, hidden);
  if (named.address.family() == Family::kNone) return;
  Statement& statement = said.add(kind);
  statement.named = named;
  if (kind != StatementKind::kPeer) statement.whose = heard.dst;
}

}  // namespace

Reading read_stun(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < 8) return unfinished(heard);
  const std::uint16_t type = load_be16(bytes, 0);
  const std::size_t body = load_be16(bytes, 2);
  if (body % 4 != 0) return Reading::no();
  if (load_be32(bytes, 4) != kCookie) {
    const bool old = !heard.stream && (heard.src.port == kPort || heard.dst.port == kPort) &&
                     known_rfc3489_type(type) && kHeaderBytes + body == bytes.size();
    if (!old) return Reading::no();
  }
  if (heard.stream && bytes.size() < kHeaderBytes + body) return Reading::more();
  const std::size_t end = std::min(bytes.size(), kHeaderBytes + body);
  for (std::size_t at = kHeaderBytes; at + 4 <= end;) {
    const std::size_t length = load_be16(bytes, at + 2);
    if (at + 4 + length > end) break;
    read_attribute(load_be16(bytes, at), type, bytes.subspan(at + 4, length), heard, said);
    at += 4 + (length + 3) / 4 * 4;
  }
  return Reading::read(end);
}

}  // namespace natlens::stream
