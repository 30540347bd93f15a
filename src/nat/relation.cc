// What lies between two taps, told by the translations between them.
//
// Translations name an inside and an outside; for kinds that translate that is a property of
// the box, for routed and bridged ones only the way the connection went. So counts are kept for
// ordered pairs, and an order that only passed traffic on joins the one that translated.
#include <algorithm>
#include <numeric>

#include "natlens/nat/observe.h"

namespace natlens::nat {
namespace {

using correlate::TranslationKind;

constexpr std::size_t kMostExternalAddresses = 64;
constexpr std::uint16_t kMostTapsForStrangers = 64;

std::uint64_t count(const Nat& nat, TranslationKind kind) {
  return nat.by_kind[static_cast<std::size_t>(kind)];
}

std::uint64_t translated(const Nat& nat) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < nat.by_kind.size(); ++i) {
    if (translates(static_cast<TranslationKind>(i))) sum += nat.by_kind[i];
  }
  return sum;
}

// Kinds other than the two that leave the tuple alone.
std::uint64_t changed(const Nat& nat) {
  return translated(nat) + count(nat, TranslationKind::kProxy) +
         count(nat, TranslationKind::kTunnel);
}

Relation relation_of(const Nat& nat) {
  const std::uint64_t nats = translated(nat);
  const std::uint64_t tunnels = count(nat, TranslationKind::kTunnel);
  const std::uint64_t proxies = count(nat, TranslationKind::kProxy);
  if (changed(nat) != 0) {
    if (nats >= tunnels && nats >= proxies) return Relation::kNat;
    if (tunnels >= proxies) return Relation::kTunnel;
    // A NAT in user space goes where the guest wants to; a proxy is itself what clients ask.
    return nat.kept_far_end * 2 > proxies ? Relation::kUserNat : Relation::kProxy;
  }
  return count(nat, TranslationKind::kRouted) != 0 ? Relation::kRouted : Relation::kBridged;
}

// The least 64, whatever the order in which they come.
void add_address(std::vector<Address>& addresses, const Address& address) {
  const auto at = std::lower_bound(addresses.begin(), addresses.end(), address);
  if (at != addresses.end() && *at == address) return;
  addresses.insert(at, address);
  if (addresses.size() > kMostExternalAddresses) addresses.pop_back();
}

void join(Nat& into, const Nat& other) {
  into.translations += other.translations;
  into.kept_far_end += other.kept_far_end;
  for (std::size_t i = 0; i < into.by_kind.size(); ++i) into.by_kind[i] += other.by_kind[i];
  for (const auto& address : other.external_addresses) {
    add_address(into.external_addresses, address);
  }
}

// Of the two orders of a pair, the one that tells the box's own inside.
bool leads(const Nat& nat, const Nat& other) {
  if (changed(nat) != changed(other)) return changed(nat) > changed(other);
  if (nat.translations != other.translations) return nat.translations > other.translations;
  return nat.inside_tap < nat.outside_tap;
}

std::size_t root(std::vector<std::size_t>& parents, std::size_t i) {
  while (parents[i] != i) i = parents[i] = parents[parents[i]];
  return i;
}

}  // namespace

void RelationBuilder::tap(std::uint16_t id, Timestamp first, Timestamp last) {
  if (spans_.size() <= id) spans_.resize(std::size_t{id} + 1);
  spans_[id] = {first, last};
}

Nat& RelationBuilder::pair(std::uint16_t inside, std::uint16_t outside) {
  for (auto& nat : pairs_) {
    if (nat.inside_tap == inside && nat.outside_tap == outside) return nat;
  }
  Nat& nat = pairs_.emplace_back();
  nat.id = static_cast<std::int64_t>(pairs_.size());
  nat.inside_tap = inside;
  nat.outside_tap = outside;
  return nat;
}

std::int64_t RelationBuilder::add(const TranslationRow& row) {
  Nat& nat = pair(row.inside_tap, row.outside_tap);
  ++nat.translations;
  ++nat.by_kind[static_cast<std::size_t>(row.kind)];
  Endpoint internal;
  Endpoint external;
  if (row.kind == TranslationKind::kProxy && row.inside.dst.family() != Family::kNone &&
      row.inside.dst == row.outside.dst && row.inside.dst_port == row.outside.dst_port) {
    ++nat.kept_far_end;
    add_address(nat.external_addresses, row.outside.src);
  }
  if (translates(row.kind) && mapping_ends(row, internal, external)) {
    add_address(nat.external_addresses, external.address);
  }
  return nat.id;
}

std::vector<Nat> RelationBuilder::rows() const {
  std::vector<Nat> rows;
  for (const Nat& nat : pairs_) {
    const auto other = std::find_if(pairs_.begin(), pairs_.end(), [&](const Nat& n) {
      return n.inside_tap == nat.outside_tap && n.outside_tap == nat.inside_tap && &n != &nat;
    });
    const bool joins_other = other != pairs_.end() && changed(nat) == 0 && leads(*other, nat);
    if (joins_other) continue;
    rows.push_back(nat);
    if (other != pairs_.end() && changed(*other) == 0) join(rows.back(), *other);
    rows.back().relation = relation_of(rows.back());
  }
  add_strangers(rows);
  std::sort(rows.begin(), rows.end(), [](const Nat& a, const Nat& b) {
    return std::tie(a.inside_tap, a.outside_tap) < std::tie(b.inside_tap, b.outside_tap);
  });
  return rows;
}

// Pairs in different groups of related taps.
void RelationBuilder::add_strangers(std::vector<Nat>& rows) const {
  if (taps_ > kMostTapsForStrangers) return;
  std::vector<std::size_t> groups(std::size_t{taps_} + 1);
  std::iota(groups.begin(), groups.end(), std::size_t{0});
  for (const Nat& nat : rows) {
    if (std::max(nat.inside_tap, nat.outside_tap) > taps_) continue;
    groups[root(groups, nat.inside_tap)] = root(groups, nat.outside_tap);
  }
  auto id = static_cast<std::int64_t>(pairs_.size());
  const auto span = [&](std::uint16_t tap) {
    return tap < spans_.size() ? spans_[tap] : Span();
  };
  for (std::uint16_t tap = 1; tap <= taps_; ++tap) {
    for (auto other = static_cast<std::uint16_t>(tap + 1); other <= taps_; ++other) {
      if (root(groups, tap) == root(groups, other)) continue;
      Nat& nat = rows.emplace_back();
      nat.id = ++id;
      nat.inside_tap = tap;
      nat.outside_tap = other;
      const bool together = std::max(span(tap).first, span(other).first) <=
                            std::min(span(tap).last, span(other).last);
      nat.relation = together ? Relation::kIsolated : Relation::kUnrelated;
    }
  }
}

std::int64_t nat_id(std::span<const Nat> rows, const TranslationRow& row) {
  std::int64_t exchanged = 0;
  for (const Nat& nat : rows) {
    if (nat.inside_tap == row.inside_tap && nat.outside_tap == row.outside_tap) return nat.id;
    if (nat.inside_tap == row.outside_tap && nat.outside_tap == row.inside_tap)
      exchanged = nat.id;
  }
  return exchanged;
}

}  // namespace natlens::nat
