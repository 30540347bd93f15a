#include "nat64.h"

#include <algorithm>
#include <chrono>

#include "natlens/decode/records.h"

namespace natlens::ruleset {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// RFC 6146 4.
constexpr Nanoseconds kUdp = minutes(5);
constexpr Nanoseconds kTcpOpen = minutes(124);
constexpr Nanoseconds kTcpTransitory = minutes(4);
constexpr Nanoseconds kIcmp = seconds(60);
constexpr Nanoseconds kSweep = seconds(10);
constexpr std::size_t kMostSessions = 1U << 20;
constexpr std::uint32_t kFirstFreePort = 1024;
constexpr std::uint32_t kPorts = 65536;

std::uint32_t v4_of(const Number& number) {
  return static_cast<std::uint32_t>(low_bits(number));
}

Tuple end_of(const Address& address, std::uint16_t port, std::uint8_t protocol) {
  Tuple end;
  end.src = address;
  end.src_port = port;
  end.protocol = protocol == protocol::kIcmpv6 ? protocol::kIcmp : protocol;
  return end;
}

// ICMP queries of one family in the other: the tuple's type and code.
std::uint16_t query_to_v4(std::uint16_t type_code) {
  return static_cast<std::uint16_t>((type_code >> 8) == 129 ? 0 : 8 << 8);
}
std::uint16_t query_to_v6(std::uint16_t type_code) {
  return static_cast<std::uint16_t>((type_code >> 8) == 0 ? 129 << 8 : 128 << 8);
}

}  // namespace

Nat64Table::Nat64Table(const Nat64& rule)
    : rule_(rule), form_(*embedded_form(rule.prefix.bits)) {}

bool Nat64Table::serves(const Nat64& rule) const {
  return rule.prefix.address == rule_.prefix.address && rule.prefix.bits == rule_.prefix.bits &&
         std::equal(
             rule.pool.begin(), rule.pool.end(), rule_.pool.begin(), rule_.pool.end(),
             [](const Range& a, const Range& b) { return a.low == b.low && a.high == b.high; });
}

void Nat64Table::take(Nat64Table& other) {
  by_inner_.swap(other.by_inner_);
  by_outer_.swap(other.by_outer_);
  sessions_.swap(other.sessions_);
  swept_ = other.swept_;
}

bool in_pool(const Nat64& nat64, const Address& address) {
  return address.is_v4() &&
         std::any_of(nat64.pool.begin(), nat64.pool.end(), [&](const Range& range) {
           const std::uint32_t value = address.v4_host_order();
           return value >= v4_of(range.low) && value <= v4_of(range.high);
         });
}

const Nat64Table::Binding* Nat64Table::find(const Tuple& inner, Timestamp now) const {
  const auto found = by_inner_.find(inner);
  return found != by_inner_.end() && found->second.until >= now ? &found->second : nullptr;
}

const Tuple* Nat64Table::find_inner(const Tuple& outer, Timestamp now) const {
  const auto found = by_outer_.find(outer);
  return found != by_outer_.end() && find(found->second, now) != nullptr ? &found->second
                                                                         : nullptr;
}

bool Nat64Table::bound(const Tuple& v4, Timestamp now) const {
  const bool icmp = v4.protocol == protocol::kIcmp;
  return find_inner(end_of(v4.dst, icmp ? v4.src_port : v4.dst_port, v4.protocol), now) !=
         nullptr;
}

// A host always gets the same address of the pool.
std::size_t Nat64Table::address_of(const Address& host) const {
  std::size_t size = 0;
  for (const Range& range : rule_.pool) size += v4_of(range.high) - v4_of(range.low) + 1U;
  return size == 0 ? 0 : content_hash(host.bytes()) % size;
}

std::optional<Tuple> Nat64Table::free_outer(const Tuple& inner, Timestamp now) const {
  std::size_t skip = address_of(inner.src);
  Address address;
  for (const Range& range : rule_.pool) {
    const std::size_t size = v4_of(range.high) - v4_of(range.low) + 1U;
    if (skip < size) {
      address = Address::v4(v4_of(range.low) + static_cast<std::uint32_t>(skip));
      break;
    }
    skip -= size;
  }
  // An ICMP id has neither range nor parity.
  const bool icmp = inner.protocol == protocol::kIcmp;
  const bool system = !icmp && inner.src_port < kFirstFreePort;
  const std::uint32_t first = icmp || system ? 0 : kFirstFreePort;
  const std::uint32_t count = (system ? kFirstFreePort : kPorts) - first;
  const std::uint32_t step = icmp ? 1 : 2;
  for (std::uint32_t offset = 0; offset < count; offset += step) {
    const auto port =
        static_cast<std::uint16_t>(first + (inner.src_port - first + offset) % count);
    const Tuple outer = end_of(address, port, inner.protocol);
    const bool usable = icmp || port != 0;
    if (usable && find_inner(outer, now) == nullptr) return outer;
  }
  return std::nullopt;
}

std::optional<Tuple> Nat64Table::bind(const Tuple& inner, Timestamp now) {
  if (const Binding* known = find(inner, now)) return known->outer;
  if (by_inner_.size() >= kMostSessions) return std::nullopt;
  const auto outer = free_outer(inner, now);
  if (!outer) return std::nullopt;
  if (const auto old = by_inner_.find(inner); old != by_inner_.end()) {
    by_outer_.erase(old->second.outer);
  }
  by_inner_[inner] = {*outer, now};
  by_outer_[*outer] = inner;
  return outer;
}

// A packet of a session (RFC 6146 3.5.1 to 3.5.3). False: it belongs to none and opens none.
bool Nat64Table::seen(
    const Tuple& inner, const Tuple& v4, bool from_v6, unsigned flags, Timestamp now) {
  using namespace decode;
  Session& session = sessions_[v4];
  if (session.until < now) session = {};
  Nanoseconds life = v4.protocol == protocol::kUdp ? kUdp : kIcmp;
  if (v4.protocol == protocol::kTcp) {
    const bool syn = (flags & tcp_flag::kSyn) != 0;
    const bool fin = (flags & tcp_flag::kFin) != 0;
    const bool rst = (flags & tcp_flag::kRst) != 0;
    const TcpState mine = from_v6 ? TcpState::kV6Init : TcpState::kV4Init;
    const TcpState theirs = from_v6 ? TcpState::kV4Init : TcpState::kV6Init;
    const TcpState my_fin = from_v6 ? TcpState::kV6Fin : TcpState::kV4Fin;
    life = kTcpOpen;
    switch (session.state) {
      case TcpState::kClosed:
        if (!syn) {
          sessions_.erase(v4);
          return false;
        }
        session.state = mine;
        break;
      case TcpState::kV4Init:
      case TcpState::kV6Init:
        if (syn && session.state == theirs) session.state = TcpState::kOpen;
        break;
      case TcpState::kOpen:
        if (fin) session.state = my_fin;
        if (rst) session.state = TcpState::kGoing;
        break;
      case TcpState::kV4Fin:
      case TcpState::kV6Fin:
        if (fin && session.state != my_fin) session.state = TcpState::kFins;
        break;
      case TcpState::kFins:
        return true;  // only time ends it
      case TcpState::kGoing:
        if (!rst) session.state = TcpState::kOpen;
        break;
    }
    const bool open = session.state == TcpState::kOpen || session.state == TcpState::kV4Fin ||
                      session.state == TcpState::kV6Fin;
    life = open ? kTcpOpen : kTcpTransitory;
  }
  session.until = now + life;
  Binding& binding = by_inner_[inner];
  binding.until = std::max(binding.until, session.until);
  return true;
}

void Nat64Table::sweep(Timestamp now) {
  if (now < swept_ + kSweep) return;
  swept_ = now;
  absl::flat_hash_map<Tuple, Timestamp, TupleHash> lasting;  // by outer end
  absl::erase_if(sessions_, [&](const auto& entry) {
    if (entry.second.until < now) return true;
    Timestamp& until =
        lasting[end_of(entry.first.src, entry.first.src_port, entry.first.protocol)];
    until = std::max(until, entry.second.until);
    return false;
  });
  absl::erase_if(by_inner_, [&](auto& entry) {
    const auto found = lasting.find(entry.second.outer);
    if (found == lasting.end()) {
      by_outer_.erase(entry.second.outer);
      return true;
    }
    entry.second.until = found->second;
    return false;
  });
}

std::optional<Tuple> Nat64Table::outward(const Tuple& v6, unsigned flags, Timestamp now) {
  sweep(now);
  const bool icmp = v6.protocol == protocol::kIcmpv6;
  // RFC 6146 3.5: nobody calls from behind the prefix.
  if (rule_.prefix.contains(v6.src) || !rule_.prefix.contains(v6.dst)) return std::nullopt;
  const bool opens = v6.protocol != protocol::kTcp || (flags & decode::tcp_flag::kSyn) != 0;
  const Tuple inner = end_of(v6.src, v6.src_port, v6.protocol);
  if (sessions_.size() >= kMostSessions || (!opens && find(inner, now) == nullptr)) {
    return std::nullopt;
  }
  const auto outer = bind(inner, now);
  if (!outer) return std::nullopt;
  Tuple v4 = *outer;
  v4.dst = extract_embedded(v6.dst, form_);
  v4.dst_port = icmp ? 0 : v6.dst_port;
  if (!seen(inner, v4, true, flags, now)) return std::nullopt;
  if (icmp) v4.dst_port = query_to_v4(v6.dst_port);
  return v4;
}

std::optional<Tuple> Nat64Table::inward(const Tuple& v4, unsigned flags, Timestamp now) {
  sweep(now);
  const bool icmp = v4.protocol == protocol::kIcmp;
  const Tuple outer = end_of(v4.dst, icmp ? v4.src_port : v4.dst_port, v4.protocol);
  const Tuple* found = find_inner(outer, now);
  if (found == nullptr || sessions_.size() >= kMostSessions) return std::nullopt;
  const Tuple inner = *found;
  Tuple session = outer;
  session.dst = v4.src;
  session.dst_port = icmp ? 0 : v4.src_port;
  if (!seen(inner, session, false, flags, now)) return std::nullopt;
  Tuple v6;
  v6.protocol = icmp ? protocol::kIcmpv6 : v4.protocol;
  v6.src = embed(rule_.prefix.address, v4.src, form_);
  v6.dst = inner.src;
  v6.src_port = icmp ? inner.src_port : v4.src_port;
  v6.dst_port = icmp ? query_to_v6(v4.dst_port) : inner.src_port;
  return v6;
}

// Quoted by the IPv4 side: what this translator sent there.
std::optional<Tuple> Nat64Table::quoted_inward(const Tuple& v4, Timestamp now) const {
  const bool icmp = v4.protocol == protocol::kIcmp;
  const Tuple* inner = find_inner(end_of(v4.src, v4.src_port, v4.protocol), now);
  if (inner == nullptr) return std::nullopt;
  Tuple v6;
  v6.protocol = icmp ? protocol::kIcmpv6 : v4.protocol;
  v6.src = inner->src;
  v6.src_port = inner->src_port;
  v6.dst = embed(rule_.prefix.address, v4.dst, form_);
  v6.dst_port = icmp ? query_to_v6(v4.dst_port) : v4.dst_port;
  return v6;
}

// Quoted by the IPv6 side: what came from the prefix.
std::optional<Tuple> Nat64Table::quoted_outward(const Tuple& v6, Timestamp now) const {
  const bool icmp = v6.protocol == protocol::kIcmpv6;
  if (!rule_.prefix.contains(v6.src)) return std::nullopt;
  const Binding* binding =
      find(end_of(v6.dst, icmp ? v6.src_port : v6.dst_port, v6.protocol), now);
  if (binding == nullptr) return std::nullopt;
  Tuple v4;
  v4.protocol = icmp ? protocol::kIcmp : v6.protocol;
  v4.src = extract_embedded(v6.src, form_);
  v4.dst = binding->outer.src;
  v4.src_port = icmp ? binding->outer.src_port : v6.src_port;
  v4.dst_port = icmp ? query_to_v4(v6.dst_port) : binding->outer.src_port;
  return v4;
}

}  // namespace natlens::ruleset
