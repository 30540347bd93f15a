#include "npt.h"

#include <algorithm>

#include "natlens/net/bytes.h"

namespace natlens::ruleset {
namespace {

constexpr std::size_t kSrc = 8;
constexpr std::size_t kDst = 24;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::uint16_t kMinusZero = 0xffff;

using Bytes = std::array<std::uint8_t, 16>;

std::uint16_t prefix_sum(const Prefix& prefix) {
  Bytes bytes{};
  std::copy(prefix.address.bytes().begin(), prefix.address.bytes().end(), bytes.begin());
  for (unsigned bit = prefix.bits; bit < 128; ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  return checksum_add(bytes);
}

// The word that takes up the difference; 8: none can.
std::size_t adjusted_word(const Bytes& address, unsigned prefix_bits) {
  if (prefix_bits <= 48) return load_be16(address, 6) == kMinusZero ? 8 : 3;
  std::size_t word = 4;
  while (word < 8 && (word * 16 < prefix_bits || load_be16(address, word * 2) == kMinusZero)) {
    ++word;
  }
  return word;
}

// One address of a packet from one prefix to the other, if it is under it.
bool move(std::span<std::uint8_t> field, const Prefix& from, const Prefix& to) {
  const Address address = Address::v6(field.first<16>());
  if (!from.contains(address)) return true;
  const auto moved = under_prefix(address, from, to);
  if (!moved) return false;
  std::copy(moved->bytes().begin(), moved->bytes().end(), field.begin());
  return true;
}

}  // namespace

std::optional<Address> under_prefix(const Address& address,
                                    const Prefix& from,
                                    const Prefix& to) {
  Bytes out{};
  std::copy(address.bytes().begin(), address.bytes().end(), out.begin());
  const std::size_t word = adjusted_word(out, from.bits);
  if (word == 8) return std::nullopt;
  const auto target = to.address.bytes();
  for (unsigned bit = 0; bit < from.bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    out[bit / 8] = static_cast<std::uint8_t>((out[bit / 8] & ~mask) | (target[bit / 8] & mask));
  }
  // old prefix - new prefix + word, in one's complement.
  std::uint32_t sum = std::uint32_t{prefix_sum(from)} +
                      static_cast<std::uint16_t>(~prefix_sum(to)) + load_be16(out, word * 2);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  store_be16(out, word * 2, sum == kMinusZero ? 0 : sum);
  return Address::v6(out);
}

bool translate_prefix(std::vector<std::uint8_t>& ip,
                      std::size_t quote_at,
                      const Npt& npt,
                      NptSide side) {
  const bool enters = side == NptSide::kEnters;
  const Prefix& from = enters ? npt.outside : npt.inside;
  const Prefix& to = enters ? npt.inside : npt.outside;
  const std::span<std::uint8_t> bytes(ip);
  if (!move(bytes.subspan(enters ? kDst : kSrc), from, to)) return false;
  if (quote_at == 0 || quote_at + kIpv6Bytes > ip.size()) return true;
  return move(bytes.subspan(quote_at + (enters ? kSrc : kDst)), from, to);
}

}  // namespace natlens::ruleset
