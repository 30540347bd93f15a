// PCP (RFC 6887) and its forerunner NAT-PMP (RFC 6886): what a host asks its gateway to map,
// and what the gateway promises. Both answer from port 5351; bit 0x80 of the second byte is
// "answer".
#include "said.h"

namespace natlens::stream {
namespace {

void add_lifetime(Statement& statement, std::uint32_t seconds) {
  statement.lifetime_seconds = seconds;
  statement.has_lifetime = true;
}

// Result 0 promises for `lifetime` seconds; 0 seconds take the mapping away.
StatementKind answer_kind(std::uint32_t result, std::uint32_t lifetime) {
  if (result != 0) return StatementKind::kRefused;
  return lifetime == 0 ? StatementKind::kDeleted : StatementKind::kGranted;
}

constexpr std::size_t kPcpHeaderBytes = 24;
constexpr std::size_t kPcpMostBytes = 1100;  // RFC 6887 7: longer ones are invalid
constexpr std::uint8_t kMap = 1;
constexpr std::uint8_t kPeer = 2;

// The host that the mapping is for, if it is not the one that asks (THIRD_PARTY, RFC
// 6887 13.1).
bool third_party(ByteView options, Address& host) {
  while (options.size() >= 4) {
    const std::size_t length = load_be16(options, 2);
    if (options.size() < 4 + length) return false;
    if (options[0] == 1 && length == 16) {
      host = address_from(options.subspan(4, 16));
      return true;
    }
    options = options.subspan(std::min(options.size(), 4 + (length + 3) / 4 * 4));
  }
  return false;
}

}  // namespace

Reading read_pcp(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < kPcpHeaderBytes + 36 || bytes.size() > kPcpMostBytes) return Reading::no();
  const bool answer = (bytes[1] & 0x80U) != 0;
  const std::uint8_t operation = bytes[1] & 0x7fU;
  if (bytes[0] != 2 || (operation != kMap && operation != kPeer)) return Reading::no();
  const ByteView body = bytes.subspan(kPcpHeaderBytes);
  const std::size_t body_bytes = operation == kMap ? 36 : 56;
  if (body.size() < body_bytes) return Reading::no();
  const std::uint32_t lifetime = load_be32(bytes, 4);
  const std::uint32_t result = answer ? bytes[3] : 0U;
  Statement& statement =
      said.add(answer ? answer_kind(result, lifetime) : StatementKind::kWanted);
  add_lifetime(statement, lifetime);
  if (result != 0) set_number(statement, result);
  statement.transport = body[12];
  statement.whose.address = answer ? heard.dst.address : address_from(bytes.subspan(8, 16));
  third_party(body.subspan(body_bytes), statement.whose.address);
  statement.whose.port = load_be16(body, 16);
  statement.named = {address_from(body.subspan(20, 16)), load_be16(body, 18)};
  return Reading::read(bytes.size());
}

Reading read_nat_pmp(const Heard& heard, Said& said) {
  const ByteView bytes = heard.bytes;
  if (bytes.size() < 2 || bytes[0] != 0) return Reading::no();
  const std::uint8_t operation = bytes[1];
  if (operation == 0x80 && bytes.size() == 12) {
    if (load_be16(bytes, 2) != 0) {
      set_number(said.add(StatementKind::kRefused), load_be16(bytes, 2));
      return Reading::read(12);
    }
    Statement& statement = said.add(StatementKind::kExternal);
    statement.named.address = address_from(bytes.subspan(8, 4));
    return Reading::read(12);
  }
  const bool answer = (operation & 0x80U) != 0;
  const std::size_t size = answer ? 16 : 12;
  if (((operation & 0x7fU) != 1 && (operation & 0x7fU) != 2) || bytes.size() != size) {
    return Reading::no();
  }
  const std::size_t ports = answer ? 8 : 4;
  const std::uint32_t lifetime = load_be32(bytes, ports + 4);
  const std::uint32_t result = answer ? load_be16(bytes, 2) : 0U;
  Statement& statement =
      said.add(answer ? answer_kind(result, lifetime) : StatementKind::kWanted);
  add_lifetime(statement, lifetime);
  if (result != 0) set_number(statement, result);
  statement.transport = (operation & 0x7fU) == 1 ? protocol::kUdp : protocol::kTcp;
  statement.whose = {answer ? heard.dst.address : heard.src.address, load_be16(bytes, ports)};
  statement.named.port = load_be16(bytes, ports + 2);
  return Reading::read(size);
}

}  // namespace natlens::stream
