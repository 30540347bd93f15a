#include "observation.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace natlens::nat {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// Until timeouts of a NAT are known, a mapping is taken for alive this long after its last
// packet: less than any NAT in use keeps it.
constexpr std::int64_t kDatagramGrace = 20 * kSecond;
constexpr std::int64_t kTcpGrace = 60 * kSecond;
// How many holders of one external endpoint are looked at: hostile captures may have any
// number.
constexpr int kMostHolders = 64;

std::int64_t alive_until(const Observation& o) {
  if (o.protocol == protocol::kTcp) return o.closed ? o.end : o.end + kTcpGrace;
  return o.end + kDatagramGrace;
}

auto flow_key(const Observation& o) {
  return std::tie(o.protocol, o.external, o.far);
}

}  // namespace

Observed::Observed(std::vector<Observation> by_start) : all_(std::move(by_start)) {
  for (Observation& o : all_) o.alive = alive_until(o);
  find_fixed();
  sort();
  find_fresh();
}

// Inbound traffic that reached X:x before X:x had sent anything: somebody opened that port for
// good (port forward, PCP, DMZ), and nothing of it tells how the NAT maps.
void Observed::find_fixed() {
  std::vector<std::pair<std::pair<std::uint8_t, Endpoint>, std::uint32_t>> order;
  for (std::uint32_t i = 0; i < all_.size(); ++i) {
    order.push_back({{all_[i].protocol, all_[i].internal}, i});
  }
  std::sort(order.begin(), order.end());
  bool fixed = false;
  for (std::size_t k = 0; k < order.size(); ++k) {
    Observation& o = all_[order[k].second];
    if (k == 0 || order[k].first != order[k - 1].first) fixed = o.inbound;
    o.fixed = fixed;
  }
}

void Observed::sort() {
  by_flow_.resize(all_.size());
  std::iota(by_flow_.begin(), by_flow_.end(), 0U);
  std::stable_sort(by_flow_.begin(), by_flow_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return flow_key(all_[a]) < flow_key(all_[b]);
  });
  for (std::uint32_t i = 0; i < all_.size(); ++i) {
    if (!all_[i].inbound && !all_[i].fixed) by_internal_.push_back(i);
  }
  std::stable_sort(by_internal_.begin(), by_internal_.end(),
                   [this](std::uint32_t a, std::uint32_t b) {
                     return std::tie(all_[a].protocol, all_[a].internal) <
                            std::tie(all_[b].protocol, all_[b].internal);
                   });
}

void Observed::find_fresh() {
  each_internal([this](std::span<const std::uint32_t> group) {
    std::int64_t alive = 0;
    bool first = true;
    for (const std::uint32_t i : group) {
      Observation& o = all_[i];
      o.fresh = first || o.start > alive;
      o.forced = o.fresh && conflict(o, {o.external.address, o.internal.port});
      alive = std::max(alive, o.alive);
      first = false;
    }
  });
}

bool Observed::conflict(const Observation& o, const Endpoint& external) const {
  const auto wanted = std::tie(o.protocol, external, o.far);
  auto at = std::lower_bound(
      by_flow_.begin(), by_flow_.end(), wanted,
      [this](std::uint32_t a, const auto& key) { return flow_key(all_[a]) < key; });
  for (int seen = 0; at != by_flow_.end() && seen < kMostHolders; ++at, ++seen) {
    const Observation& holder = all_[*at];
    if (flow_key(holder) != wanted || holder.start > o.start) return false;
    if (holder.internal != o.internal && holder.alive >= o.start) return true;
  }
  return false;
}

std::vector<const Observation*> Observed::fresh() const {
  std::vector<const Observation*> out;
  for (const Observation& o : all_) {
    if (o.fresh && !o.inbound && !o.fixed) out.push_back(&o);
  }
  return out;
}

Preservation preservation(const Observed& seen) {
  Preservation out;
  for (const Observation* o : seen.fresh()) {
    if (o->forced) continue;
    ++out.free;
    out.kept += o->preserved() ? 1 : 0;
  }
  return out;
}

Behaviour verdict(Property property,
                  std::string value,
                  std::string_view confidence,
                  const Evidence& evidence,
                  const Evidence& against,
                  std::string detail) {
  Behaviour out;
  out.property = property;
  out.value = std::move(value);
  out.confidence = confidence == kCertain && against.count() != 0 ? kLikely : confidence;
  out.evidence_for = evidence.count();
  out.evidence_against = against.count();
  out.examples = evidence.examples();
  out.counter_examples = against.examples();
  out.detail = std::move(detail);
  return out;
}

Behaviour verdict_of_both(Property property,
                          std::string value,
                          std::string_view confidence,
                          const Evidence& evidence,
                          const Evidence& other,
                          std::string detail) {
  Behaviour out =
      verdict(property, std::move(value), confidence, evidence, {}, std::move(detail));
  out.expected = other.count();
  out.counter_examples = other.examples();
  return out;
}

Behaviour undetermined(Property property, std::string detail, const Evidence& evidence) {
  return verdict(property, {}, {}, evidence, {}, std::move(detail));
}

}  // namespace natlens::nat
