#include <array>

#include "said.h"

namespace natlens::stream {
namespace {

constexpr bool any(std::uint8_t) {
  return true;
}
constexpr bool capital(std::uint8_t b) {
  return b >= 'A' && b <= 'Z';
}

// Statements per connection: what one that lasts for hours may say and still be evidence rather
// than a log (FTP opens a port a file). DNS and QUIC identify, so the first ones do: most DNS
// connections are one question from a port of its own, hence few rows a tap.
constexpr auto kRows = std::to_array<SaidRow>({
    {StatementProtocol::kStun,
     true,
     true,
     true,
     {},
     [](std::uint8_t b) { return b < 4; },
     read_stun,
     32,
     100'000},
    {StatementProtocol::kPcp,
     true,
     false,
     true,
     {5351, 5350},
     [](std::uint8_t b) { return b == 2; },
     read_pcp,
     64,
     100'000},
    {StatementProtocol::kNatPmp,
     true,
     false,
     true,
     {5351, 5350},
     [](std::uint8_t b) { return b == 0; },
     read_nat_pmp,
     64,
     100'000},
    {StatementProtocol::kProxy,
     true,
     true,
     false,
     {},
     [](std::uint8_t b) { return b == 'P' || b == '\r'; },
     read_proxy,
     4,
     100'000},
    {StatementProtocol::kSocks,
     false,
     true,
     false,
     {},
     [](std::uint8_t b) { return b == 5 || b == 4 || b == 0; },
     read_socks,
     4,
     100'000},
    {StatementProtocol::kHttpConnect,
     false,
     true,
     false,
     {},
     [](std::uint8_t b) { return b == 'C' || b == 'H'; },
     read_http_connect,
     4,
     100'000},
    {StatementProtocol::kFtp, false, true, true, {21}, any, read_ftp, 64, 100'000},
    {StatementProtocol::kSip, true, false, true, {}, capital, read_sip, 64, 100'000},
    {StatementProtocol::kSip, false, true, true, {5060}, capital, read_sip, 64, 100'000},
    {StatementProtocol::kDns, true, false, false, {53}, any, read_dns, 8, 10'000},
    {StatementProtocol::kQuic,
     true,
     false,
     false,
     {},
     [](std::uint8_t b) { return b >= 0xc0; },
     read_quic,
     8,
     10'000},
});
static_assert(kRows.size() <= 16);

constexpr SaidIndex kIndex = [] {
  SaidIndex index;
  const auto set = [](std::uint16_t& bits, std::size_t row) {
    bits = static_cast<std::uint16_t>(bits | 1U << row);
  };
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    const SaidRow& row = kRows[i];
    for (std::size_t byte = 0; byte < 256; ++byte) {
      if (!row.may_start(static_cast<std::uint8_t>(byte))) continue;
      if (row.udp) set(index.udp_by_byte[byte], i);
      if (row.tcp) set(index.tcp_by_byte[byte], i);
    }
    if (row.lasts) set(index.lasting, i);
    if (row.ports[0] == 0) set(index.any_port, i);
    for (const std::uint16_t port : row.ports) {
      if (port != 0) set(index.by_port[port & 0xffU], i);
    }
  }
  return index;
}();

}  // namespace

std::span<const SaidRow> said_rows() {
  return kRows;
}

const SaidIndex& said_index() {
  return kIndex;
}

Address address_from(ByteView bytes) {
  if (bytes.size() == 4) return Address::v4(bytes.first<4>());
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    return Address::v4(bytes.subspan<12, 4>());
  }
  return Address::v6(bytes.first<16>());
}

}  // namespace natlens::stream
