// nf_ip_checksum, nf_ip6_checksum and sctp_compute_cksum (net/netfilter/utils.c, net/sctp).
#include "checksum.h"

#include "natlens/net/bytes.h"

namespace natlens::conntrack {
namespace {

// One's complement zero has two forms.
constexpr bool is_zero(std::uint16_t sum) {
  return sum == 0 || sum == 0xffff;
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrcTable = make_crc_table();

// The address as a sum of 32-bit words, which folds to that of its 16-bit words (RFC
// 1071, 2.C).
std::uint64_t words_of(const Address& address) {
  const ByteView bytes = address.bytes();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 4) sum += load_be32(bytes, i);
  return sum;
}

}  // namespace

std::uint16_t pseudo_header_sum(const Tuple& tuple,
                                std::uint8_t protocol,
                                std::uint32_t bytes) {
  std::uint64_t sum = words_of(tuple.src) + words_of(tuple.dst) + protocol + bytes;
  while (sum >> 16 != 0) sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint32_t sctp_crc(ByteView bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint8_t byte = i >= 8 && i < 12 ? 0 : bytes[i];
    crc = (crc >> 8) ^ kCrcTable[(crc ^ byte) & 0xffU];
  }
  return __builtin_bswap32(~crc);  // RFC 9260 appendix A: sent in reversed byte order
}

bool ChecksumJudge::acceptable(const PacketView& view,
                               std::uint8_t protocol,
                               std::uint16_t field,
                               std::size_t covered) {
  const Transport& transport = view.transport;
  if (transport.captured.size() < covered) {
    return true;
  }
  const std::uint16_t pseudo =
      protocol == 0 ? std::uint16_t{0}
                    : pseudo_header_sum(view.tuple, protocol, transport.wire_bytes);
  const std::uint16_t sum = checksum_add(transport.captured.first(covered), pseudo);
  if (mode_ == 1) {
    return sum == 0xffff;
  }
  if (sum == 0xffff) {
    sender_of(view.tuple).seen_good = true;
    return true;
  }
  if (protocol != 0 && field == pseudo) {
    return true;
  }
  const std::uint16_t no_length =
      protocol == 0 ? std::uint16_t{0} : pseudo_header_sum(view.tuple, protocol, 0);
  return offload_habit(view, field, sum, no_length);
}

bool ChecksumJudge::offload_habit(const PacketView& view,
                                  std::uint16_t field,
                                  std::uint16_t difference,
                                  std::uint16_t pseudo_without_length) {
  Sender& sender = sender_of(view.tuple);
  if (sender.seen_good) {
    return false;
  }
  if (is_zero(field) || field == pseudo_without_length) {
    return true;
  }
  const bool same_way = !sender.seen_bad || sender.difference == difference;
  sender.seen_bad = true;
  sender.difference = difference;
  return same_way;
}

bool ChecksumJudge::acceptable_sctp(const PacketView& view) {
  const ByteView bytes = view.transport.captured;
  if (!view.transport.complete() || bytes.size() < 12) {
    return true;
  }
  const std::uint32_t field = load_be32(bytes, 8);
  if (field == sctp_crc(bytes)) {
    sender_of(view.tuple).seen_good = true;
    return true;
  }
  return mode_ != 1 && field == 0 && !sender_of(view.tuple).seen_good;
}

ChecksumJudge::Sender& ChecksumJudge::sender_of(const Tuple& tuple) {
  std::uint16_t sum = checksum_add(tuple.src.bytes());
  sum = static_cast<std::uint16_t>(sum * 0x9e37U + tuple.protocol);
  return senders_[sum >> 8];
}

}  // namespace natlens::conntrack
