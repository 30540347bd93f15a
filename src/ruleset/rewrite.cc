#include "rewrite.h"

#include <algorithm>

#include "packet_layer.h"

namespace natlens::ruleset {
namespace {

constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;

std::uint16_t fold(std::uint32_t sum) {
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>((sum & 0xffffU) + (sum >> 16));
}

// RFC 1624, equation 3, for a word of 16 bits.
std::uint16_t updated(std::uint16_t field, std::uint16_t from, std::uint16_t to) {
  const std::uint32_t sum = static_cast<std::uint16_t>(~field) +
                            std::uint32_t{static_cast<std::uint16_t>(~from)} + to;
  return static_cast<std::uint16_t>(~fold(sum));
}
// The same for a field that holds a sum, not its complement.
std::uint16_t updated_sum(std::uint16_t field, std::uint16_t from, std::uint16_t to) {
  return static_cast<std::uint16_t>(~updated(static_cast<std::uint16_t>(~field), from, to));
}

// CRC32c (RFC 9260, appendix A), bit by bit: SCTP through NAT is rare.
std::uint32_t crc32c(ByteView bytes) {
  std::uint32_t crc = ~0U;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
  }
  return ~crc;
}

}  // namespace

Rewriter::Rewriter(std::vector<std::uint8_t>& ip,
                   std::size_t transport_at,
                   std::uint8_t protocol)
    : ip_(ip), at_(std::min(transport_at, ip.size())), protocol_(protocol) {
  if (const std::size_t at = checksum_at(); at != 0) {
    absent_ = protocol_ == protocol::kUdp && load_be16(ip_, at) == 0;
    partial_ = !absent_ && partial();
  }
}

std::size_t Rewriter::checksum_at() const {
  std::size_t offset = 0;
  switch (protocol_) {
    case protocol::kTcp:
      offset = 16;
      break;
    case protocol::kUdp:
    case protocol::kUdpLite:
      offset = 6;
      break;
    case protocol::kIcmp:
    case protocol::kIcmpv6:
      offset = 2;
      break;
    default:
      return 0;
  }
  return at_ + offset + 2 <= ip_.size() ? at_ + offset : 0;
}

std::uint16_t Rewriter::pseudo_sum() const {
  const std::size_t length = ip_.size() - at_;
  const auto addresses = v6() ? ByteView(ip_).subspan(8, 32) : ByteView(ip_).subspan(12, 8);
  const std::uint32_t total = v6() ? load_be16(ip_, 4) + kIpv6Bytes : load_be16(ip_, 2);
  const std::uint32_t bytes = total > at_ ? static_cast<std::uint32_t>(total - at_)
                                          : static_cast<std::uint32_t>(length);
  return fold(std::uint32_t{checksum_add(addresses)} + protocol_ + bytes);
}

// Is the field what a sender leaves to its network card?
bool Rewriter::partial() const {
  const std::size_t at = checksum_at();
  const std::uint16_t field = load_be16(ip_, at);
  if (protocol_ == protocol::kIcmp || protocol_ == protocol::kUdpLite ||
      field != pseudo_sum()) {
    return false;
  }
  // It may be right by chance.
  const std::size_t total = v6() ? load_be16(ip_, 4) + kIpv6Bytes : load_be16(ip_, 2);
  if (ip_.size() != total) {
    return true;
  }
  return fold(std::uint32_t{checksum_add(ByteView(ip_).subspan(at_))} + pseudo_sum()) != 0xffff;
}

// One word of 16 bits that the transport checksum covers, changed.
void Rewriter::fix_transport(std::uint32_t from, std::uint32_t to, bool pseudo) {
  const std::size_t at = checksum_at();
  if (at == 0 || absent_ || (partial_ && !pseudo)) {
    return;
  }
  const auto old_word = static_cast<std::uint16_t>(from);
  const auto new_word = static_cast<std::uint16_t>(to);
  const std::uint16_t field = load_be16(ip_, at);
  std::uint16_t next =
      partial_ ? updated_sum(field, old_word, new_word) : updated(field, old_word, new_word);
  if (next == 0 && protocol_ == protocol::kUdp) {
    next = 0xffff;
  }
  store_be16(ip_, at, next);
}

void Rewriter::set16(std::size_t at, std::uint16_t value, bool pseudo) {
  const std::uint16_t old = load_be16(ip_, at);
  store_be16(ip_, at, value);
  fix_transport(old, value, pseudo);
}

void Rewriter::set32(std::size_t at, std::uint32_t value) {
  set16(at, static_cast<std::uint16_t>(value >> 16), false);
  set16(at + 2, static_cast<std::uint16_t>(value), false);
}

void Rewriter::set_address(std::size_t at, const Address& address) {
  const auto bytes = address.bytes();
  for (std::size_t i = 0; i + 1 < bytes.size() && at + i + 1 < ip_.size(); i += 2) {
    const std::uint16_t old = load_be16(ip_, at + i);
    const std::uint16_t word = load_be16(bytes, i);
    store_be16(ip_, at + i, word);
    if (!v6()) {
      store_be16(ip_, 10, updated(load_be16(ip_, 10), old, word));
    }
    if (protocol_ != protocol::kIcmp) {
      fix_transport(old, word, true);
    }
  }
}

void Rewriter::addresses(const Address& src, const Address& dst) {
  if (ip_.size() < (v6() ? kIpv6Bytes : kIpv4Bytes) || src.is_v6() != v6()) {
    return;
  }
  set_address(v6() ? 8 : 12, src);
  set_address(v6() ? 24 : 16, dst);
}

void Rewriter::set_ports(const Tuple& from, const Tuple& to) {
  const std::size_t left = ip_.size() - at_;
  if (is_icmp(protocol_)) {
    if (left >= 6 && from.src_port != to.src_port) set16(at_ + 4, to.src_port, false);
  } else if (protocol_ == protocol::kGre) {
    if (left >= 8 && from.dst_port != to.dst_port) store_be16(ip_, at_ + 6, to.dst_port);
  } else if (protocol_ == protocol::kTcp || protocol_ == protocol::kUdp ||
             protocol_ == protocol::kUdpLite || protocol_ == protocol::kSctp) {
    if (left >= 4) {
      set16(at_, to.src_port, false);
      set16(at_ + 2, to.dst_port, false);
    }
  }
}

void Rewriter::translate(const Tuple& from, const Tuple& to) {
  if (from == to) {
    return;
  }
  addresses(to.src, to.dst);
  set_ports(from, to);
  if (protocol_ == protocol::kSctp) {
    recompute_sctp();
  }
}

// A field of zero was left to the network card.
void Rewriter::recompute_sctp() {
  if (ip_.size() < at_ + 12 || load_be32(ip_, at_ + 8) == 0) {
    return;
  }
  store_be32(ip_, at_ + 8, 0);
  store_be32(ip_, at_ + 8, __builtin_bswap32(crc32c(ByteView(ip_).subspan(at_))));
}

// nf_nat_icmp_reply_translation: what is quoted is changed as a packet of its own, then the
// error's checksum is computed anew.
void Rewriter::translate_quote(const Tuple& from, const Tuple& to) {
  constexpr std::size_t kHeader = 8;
  const std::size_t quote_at = at_ + kHeader;
  const std::size_t minimum = v6() ? kIpv6Bytes : kIpv4Bytes;
  if (ip_.size() < quote_at + minimum) {
    return;
  }
  std::vector<std::uint8_t> quote(ip_.begin() + static_cast<std::ptrdiff_t>(quote_at),
                                  ip_.end());
  const std::size_t header = v6() ? kIpv6Bytes : (quote[0] & 15U) * 4U;
  const std::size_t needed = from.protocol == protocol::kTcp ? header + 20 : header + 8;
  Rewriter inner(quote, header, from.protocol);
  inner.partial_ = false;
  if (quote.size() < needed) {
    inner.absent_ = true;  // a checksum that is only half there stays
  }
  inner.translate(from, to);
  std::copy(quote.begin(), quote.end(), ip_.begin() + static_cast<std::ptrdiff_t>(quote_at));
  if (ip_.size() >= at_ + 4) {
    recompute_transport();
  }
}

void Rewriter::recompute_transport() {
  const std::size_t at = checksum_at();
  if (at == 0 || absent_) {
    return;
  }
  const std::uint16_t pseudo = protocol_ == protocol::kIcmp ? std::uint16_t{0} : pseudo_sum();
  store_be16(ip_, at, 0);
  if (partial_) {
    store_be16(ip_, at, pseudo);
    return;
  }
  std::uint16_t sum = checksum(ByteView(ip_).subspan(at_), pseudo);
  if (sum == 0 && protocol_ == protocol::kUdp) {
    sum = 0xffff;
  }
  store_be16(ip_, at, sum);
}

void Rewriter::edit(std::span<const conntrack::PayloadEdit> edits) {
  const std::size_t needed = protocol_ == protocol::kTcp ? 20 : 8;
  if (edits.empty() || ip_.size() < at_ + needed) {
    return;
  }
  const std::size_t payload =
      at_ + (protocol_ == protocol::kTcp ? (ip_[at_ + 12] >> 4) * 4U : 8U);
  const std::size_t before = ip_.size();
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
    const std::size_t begin = payload + edit->offset;
    if (begin + edit->length > ip_.size()) {
      return;
    }
    const auto first = ip_.begin() + static_cast<std::ptrdiff_t>(begin);
    ip_.erase(first, first + edit->length);
    ip_.insert(ip_.begin() + static_cast<std::ptrdiff_t>(begin), edit->text.begin(),
               edit->text.end());
  }
  const auto growth = static_cast<std::uint32_t>(ip_.size() - before);
  const std::size_t length_at = v6() ? 4 : 2;
  const std::uint16_t old = load_be16(ip_, length_at);
  const auto length = static_cast<std::uint16_t>(old + growth);
  store_be16(ip_, length_at, length);
  if (!v6()) {
    store_be16(ip_, 10, updated(load_be16(ip_, 10), old, length));
  }
  if (protocol_ == protocol::kUdp) {
    store_be16(ip_, at_ + 4, static_cast<std::uint16_t>(load_be16(ip_, at_ + 4) + growth));
  }
  recompute_transport();
}

void Rewriter::shift_sequence(const conntrack::SequenceOffsets& own,
                              const conntrack::SequenceOffsets& other) {
  if (protocol_ != protocol::kTcp || ip_.size() < at_ + 20) {
    return;
  }
  const std::uint32_t seq = load_be32(ip_, at_ + 4);
  const std::uint32_t ack = load_be32(ip_, at_ + 8);
  set32(at_ + 4, seq + static_cast<std::uint32_t>(conntrack::sequence_offset(own, seq)));
  if ((ip_[at_ + 13] & 0x10U) != 0) {
    set32(at_ + 8,
          ack - static_cast<std::uint32_t>(conntrack::acknowledged_offset(other, ack)));
    shift_sack(other);
  }
}

// The edges of selective acknowledgements (RFC 2018).
void Rewriter::shift_sack(const conntrack::SequenceOffsets& other) {
  const std::size_t end = std::min(at_ + (ip_[at_ + 12] >> 4) * 4U, ip_.size());
  for (std::size_t at = at_ + 20; at + 1 < end && ip_[at] != 0;) {
    if (ip_[at] == 1) {
      ++at;
      continue;
    }
    const std::size_t length = ip_[at + 1];
    if (length < 2 || at + length > end) {
      return;
    }
    if (ip_[at] == 5) {
      for (std::size_t edge = at + 2; edge + 4 <= at + length; edge += 4) {
        const std::uint32_t value = load_be32(ip_, edge);
        const auto next =
            value - static_cast<std::uint32_t>(conntrack::acknowledged_offset(other, value));
        // An edge at an odd place crosses the words that are summed.
        const bool odd = ((edge - at_) & 1U) != 0;
        for (unsigned half = 0; half < 2; ++half) {
          const unsigned shift = half == 0 ? 16 : 0;
          auto from = static_cast<std::uint16_t>(value >> shift);
          auto to = static_cast<std::uint16_t>(next >> shift);
          fix_transport(odd ? __builtin_bswap16(from) : from, odd ? __builtin_bswap16(to) : to,
                        false);
        }
        store_be32(ip_, edge, next);
      }
    }
    at += length;
  }
}

bool Rewriter::decrement_ttl() {
  const std::size_t at = v6() ? 7 : 8;
  if (ip_.size() < (v6() ? kIpv6Bytes : kIpv4Bytes) || ip_[at] <= 1) {
    return false;
  }
  --ip_[at];
  if (!v6()) {
    const std::uint32_t sum = load_be16(ip_, 10) + 0x0100U;
    store_be16(ip_, 10, sum + (sum >= 0xffffU ? 1 : 0));
  }
  return true;
}

}  // namespace natlens::ruleset
