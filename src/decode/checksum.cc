// Transport checksums over captured bytes. Evidence, never a gate: a sender that leaves the sum
// to its network card puts only the pseudo header's sum into the field (Linux
// CHECKSUM_PARTIAL), with the length in it or, for segments still to be cut, without.
#include <array>

#include "natlens/decode/decoder.h"
#include "natlens/net/bytes.h"

namespace natlens::decode {
namespace {

// CRC-32C (Castagnoli, reflected), eight bytes at a time.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  CrcTables t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    t[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i) {
    for (std::size_t k = 1; k < 8; ++k)
      t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xffU];
  }
  return t;
}
constexpr CrcTables kCrc = make_crc_tables();

std::uint32_t crc32c(std::uint32_t crc, ByteView bytes) {
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const std::uint32_t low = crc ^ load_le32(bytes, i);
    const std::uint32_t high = load_le32(bytes, i + 4);
    crc = kCrc[7][low & 0xff] ^ kCrc[6][low >> 8 & 0xff] ^ kCrc[5][low >> 16 & 0xff] ^
          kCrc[4][low >> 24] ^ kCrc[3][high & 0xff] ^ kCrc[2][high >> 8 & 0xff] ^
          kCrc[1][high >> 16 & 0xff] ^ kCrc[0][high >> 24];
  }
  for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ kCrc[0][(crc ^ bytes[i]) & 0xffU];
  return crc;
}

// RFC 9260 appendix A: the field counts as zero, and holds the CRC little endian.
ChecksumState sctp_state(ByteView l4) {
  constexpr std::array<std::uint8_t, 4> kZero{};
  std::uint32_t crc = crc32c(0xffffffffU, l4.first(8));
  crc = crc32c(crc, kZero);
  crc = ~crc32c(crc, l4.subspan(12));
  const std::uint32_t field = load_le32(l4, 8);
  if (field == crc) return ChecksumState::kGood;
  return field == 0 ? ChecksumState::kPartial
                    : ChecksumState::kBad;  // no pseudo header: left at 0
}

// The address that the sender's pseudo header holds: the end of a source route, if there is
// one.
Address final_ipv4(const Layer& layer) {
  const std::size_t header = (layer.ip[0] & 0xfU) * 4U;
  for (std::size_t i = 20; i + 3 <= header && header <= layer.ip.size();) {
    const std::uint8_t kind = layer.ip[i];
    if (kind == 0) break;
    if (kind == 1) {
      ++i;
      continue;
    }
    const std::size_t length = layer.ip[i + 1];
    if (length < 3 || i + length > header) break;
    const bool source_route = kind == 131 || kind == 137;
    if (source_route && length >= 7 && layer.ip[i + 2] <= length) {
      return Address::v4(layer.ip.subspan(i + length - 4).first<4>());
    }
    i += length;
  }
  return layer.dst;
}

// The last address of an IPv6 routing header with segments left (RFC 8200 8.1; RFC 8754: SRv6
// stores the list backwards).
Address final_ipv6(const Layer& layer) {
  std::uint8_t next = layer.ip[6];
  for (std::size_t i = 40; i + 8 <= layer.ip.size();) {
    if (next != 0 && next != 43 && next != 60 && next != 44 && next != protocol::kAh) break;
    const std::size_t bytes = next == 44              ? 8
                              : next == protocol::kAh ? (layer.ip[i + 1] + 2U) * 4U
                                                      : (layer.ip[i + 1] + 1U) * 8U;
    if (next == 43 && layer.ip[i + 3] != 0 && bytes >= 24 && i + bytes <= layer.ip.size()) {
      const std::size_t at = layer.ip[i + 2] == 4 ? i + 8 : i + bytes - 16;
      return Address::v6(layer.ip.subspan(at).first<16>());
    }
    next = layer.ip[i];
    i += bytes;
  }
  return layer.dst;
}

// RFC 793, RFC 8200 8.1, without the length.
std::uint16_t pseudo_header(const Layer& layer, std::uint8_t number) {
  Address dst = layer.dst;
  if (layer.version == 4 && layer.ip.size() > 20 && (layer.ip[0] & 0xf) > 5)
    dst = final_ipv4(layer);
  if (layer.version == 6 && layer.ip.size() > 48 && layer.ip[6] != number)
    dst = final_ipv6(layer);
  const std::array<std::uint8_t, 2> protocol_word{0, number};
  return checksum_add(protocol_word,
                      checksum_add(dst.bytes(), checksum_add(layer.src.bytes())));
}

std::uint16_t add_word(std::uint16_t sum, std::size_t word) {
  const std::size_t total = sum + word;
  return static_cast<std::uint16_t>((total & 0xffff) + (total >> 16));
}
std::uint16_t add_length(std::uint16_t sum, std::size_t length) {
  return add_word(add_word(sum, length >> 16), length & 0xffff);
}

struct Covered {
  std::uint8_t number;
  std::size_t field_at;
  std::size_t length;  // as the pseudo header counts it
  std::size_t bytes;   // summed
  bool pseudo;
};

ChecksumState internet_state(const Layer& layer, const Covered& covered) {
  const std::uint16_t field = load_be16(layer.l4, covered.field_at);
  std::uint16_t pseudo = 0;
  if (covered.pseudo) {
    const std::uint16_t base = pseudo_header(layer, covered.number);
    pseudo = add_length(base, covered.length);
    if (checksum_add(layer.l4.first(covered.bytes), pseudo) == 0xffff)
      return ChecksumState::kGood;
    return field == pseudo || field == base ? ChecksumState::kPartial : ChecksumState::kBad;
  }
  return checksum_add(layer.l4.first(covered.bytes)) == 0xffff ? ChecksumState::kGood
                                                               : ChecksumState::kBad;
}

ChecksumState udp_state(const Layer& layer) {
  if (load_be16(layer.l4, 6) == 0) return ChecksumState::kAbsent;
  std::size_t length = load_be16(layer.l4, 4);
  if (length == 0) length = layer.l4.size();
  if (length < 8 || length > layer.l4.size()) return ChecksumState::kBad;
  return internet_state(layer, {protocol::kUdp, 6, length, length, true});
}

// RFC 3828 3.1.
ChecksumState udp_lite_state(const Layer& layer) {
  std::size_t coverage = load_be16(layer.l4, 4);
  if (coverage == 0) coverage = layer.l4.size();
  if (coverage < 8 || coverage > layer.l4.size()) return ChecksumState::kBad;
  return internet_state(layer, {protocol::kUdpLite, 6, layer.l4.size(), coverage, true});
}

// RFC 4340 9.1, 9.2: coverage counts 32-bit words of the data, plus one; 0 is all.
ChecksumState dccp_state(const Layer& layer) {
  const std::size_t size = layer.l4.size();
  const std::size_t coverage = layer.l4[5] & 0xfU;
  std::size_t bytes = size;
  if (coverage != 0) bytes = std::min(size, layer.l4[4] * 4U + (coverage - 1) * 4U);
  return internet_state(layer, {protocol::kDccp, 6, size, bytes, true});
}

}  // namespace

ChecksumState verify_l4_checksum(const Layer& layer) {
  const std::size_t size = layer.l4.size();
  if (layer.fragment || layer.quoted || size < layer.l4_wire_bytes)
    return ChecksumState::kUnknown;
  switch (layer.transport) {
    case TransportKind::kTcp:
      return internet_state(layer, {protocol::kTcp, 16, size, size, true});
    case TransportKind::kUdp:
      return udp_state(layer);
    case TransportKind::kUdpLite:
      return udp_lite_state(layer);
    case TransportKind::kIcmp:
      return internet_state(layer, {protocol::kIcmp, 2, size, size, false});
    case TransportKind::kIcmpv6:
      return internet_state(layer, {protocol::kIcmpv6, 2, size, size, true});
    case TransportKind::kSctp:
      return sctp_state(layer.l4);
    case TransportKind::kDccp:
      return dccp_state(layer);
    case TransportKind::kNone:
      break;
  }
  return ChecksumState::kUnknown;
}

}  // namespace natlens::decode
