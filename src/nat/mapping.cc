// Mappings (RFC 4787, 4.1): translations with the same internal and external end at one NAT.
#include <algorithm>
#include <limits>

#include "natlens/nat/observe.h"

namespace natlens::nat {
namespace {

using correlate::TranslationKind;

constexpr std::size_t kMostFarEnds = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t kFirstSort = 64;

Endpoint source(const Tuple& tuple) {
  return {tuple.src, tuple.src_port};
}

// ICMP tuples carry type and code where others have the destination port.
Endpoint destination(const Tuple& tuple) {
  const bool icmp = tuple.protocol == protocol::kIcmp || tuple.protocol == protocol::kIcmpv6;
  return {tuple.dst, icmp ? std::uint16_t{0} : tuple.dst_port};
}

// The end that the mapping lets through: what RFC 4787 calls the destination endpoint.
Endpoint far_end(const TranslationRow& row) {
  switch (row.kind) {
    case TranslationKind::kDnat:
    case TranslationKind::kHairpin:
      return source(row.inside);
    case TranslationKind::kTwice:
    case TranslationKind::kNat64:
    case TranslationKind::kNat46:
      return destination(row.outside);
    default:
      return destination(row.inside);
  }
}

}  // namespace

bool translates(TranslationKind kind) {
  switch (kind) {
    case TranslationKind::kBridged:
    case TranslationKind::kRouted:
    case TranslationKind::kProxy:
    case TranslationKind::kTunnel:
    case TranslationKind::kCount:
      return false;
    default:
      return true;
  }
}

bool mapping_ends(const TranslationRow& row, Endpoint& internal, Endpoint& external) {
  if (!translates(row.kind) && row.kind != TranslationKind::kProxy) return false;
  if (row.kind == TranslationKind::kDnat) {
    internal = destination(row.inside);
    external = destination(row.outside);
  } else if (row.kind == TranslationKind::kHairpin) {
    internal = destination(row.outside);
    external = destination(row.inside);
  } else {
    internal = source(row.inside);
    external = source(row.outside);
  }
  return true;
}

MappingBuilder::MappingBuilder(std::function<void(const Mapping&)> emit)
    : emit_(std::move(emit)) {}

void MappingBuilder::add(const TranslationRow& row, std::int64_t nat_id) {
  Endpoint internal;
  Endpoint external;
  if (!mapping_ends(row, internal, external)) return;
  const bool same = open_ && current_.nat == nat_id &&
                    current_.protocol == row.inside.protocol && current_.internal == internal &&
                    current_.external == external;
  if (!same) {
    finish();
    current_ = Mapping{
        nat_id, row.inside.protocol, internal, external, row.kind, row.start, row.end, 0, 0};
    sort_at_ = kFirstSort;
    open_ = true;
  }
  current_.first = std::min(current_.first, row.start);
  current_.last = std::max(current_.last, row.end);
  ++current_.translations;
  add_far_end(far_end(row));
}

// Far ends are sorted out now and then, each time at twice the number of distinct ones.
void MappingBuilder::add_far_end(const Endpoint& end) {
  if (far_ends_.size() >= kMostFarEnds && sort_at_ == 0) return;
  far_ends_.push_back(end);
  if (far_ends_.size() < sort_at_) return;
  sort_far_ends();
  sort_at_ = std::max(kFirstSort, far_ends_.size() * 2);
  if (far_ends_.size() < kMostFarEnds) return;
  far_ends_.resize(kMostFarEnds);
  sort_at_ = 0;  // full
}

void MappingBuilder::sort_far_ends() {
  std::sort(far_ends_.begin(), far_ends_.end());
  far_ends_.erase(std::unique(far_ends_.begin(), far_ends_.end()), far_ends_.end());
}

void MappingBuilder::finish() {
  if (!open_) return;
  sort_far_ends();
  current_.far_endpoints = static_cast<std::uint32_t>(std::min(far_ends_.size(), kMostFarEnds));
  emit_(current_);
  far_ends_.clear();
  open_ = false;
}

}  // namespace natlens::nat
