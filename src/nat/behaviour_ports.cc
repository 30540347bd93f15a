// Port assignment (RFC 4787, 4.2): which port a new mapping gets, and what happens if another
// host has it already.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "observation.h"
#include "statistics.h"

namespace natlens::nat {
namespace {

constexpr std::uint64_t kLeastFlows = 10;  // for preservation
constexpr std::uint64_t kLeastConflicts = 3;
constexpr std::uint64_t kLeastChanged = 20;  // for range and parity
constexpr std::uint64_t kLeastOpportunities = 20;
constexpr double kSignificant = 0.01;
constexpr std::uint16_t kFirstUserPort = 1024;

Behaviour preserving(const Observed& seen) {
  Evidence kept;
  Evidence changed;
  for (const Observation* o : seen.fresh()) {
    if (o->forced) continue;
    (o->preserved() ? kept : changed).add(o->id);
  }
  const std::uint64_t n = kept.count() + changed.count();
  const std::string detail = fmt::format(
      "{} of {} new mappings kept their port, port clashes "
      "not counted",
      kept.count(), n);
  if (n < kLeastFlows) return undetermined(Property::kPortPreservation, detail, kept);
  if (kept.count() * 20 >= n * 19) {
    return verdict(Property::kPortPreservation, "preserving", kCertain, kept, changed, detail);
  }
  if (kept.count() * 20 <= n) {
    return verdict(Property::kPortPreservation, "not preserving", kCertain, changed, kept,
                   detail);
  }
  return verdict_of_both(Property::kPortPreservation, "partly", kCertain, kept, changed,
                         detail);
}

struct Clashes {
  Evidence remapped;
  Evidence moved;  // to another external address
  Evidence kept;   // the same external end for two hosts towards one remote end
};

Clashes clashes_of(const Observed& seen) {
  Clashes out;
  for (const Observation* o : seen.fresh()) {
    if (o->forced) {
      (o->preserved() ? out.kept : out.remapped).add(o->id);
    }
  }
  return out;
}

// On another address of the pool the port may be free: then the clash is told by the port that
// the NAT's other addresses show.
void count_moved(const Observed& seen, Clashes& out) {
  std::vector<Address> pool;
  for (const Observation& o : seen.all()) {
    if (pool.size() >= 16) break;
    if (std::find(pool.begin(), pool.end(), o.external.address) == pool.end()) {
      pool.push_back(o.external.address);
    }
  }
  if (pool.size() < 2) return;
  std::map<Address, Address> home;  // the address that a host has otherwise
  for (const Observation* o : seen.fresh()) {
    const auto [at, first] = home.insert({o->internal.address, o->external.address});
    if (first || o->forced || at->second == o->external.address) continue;
    if (seen.conflict(*o, {at->second, o->internal.port})) out.moved.add(o->id);
  }
}

Behaviour on_conflict(const Clashes& clashes) {
  const Evidence* most = &clashes.remapped;
  std::string value = "remaps";
  if (clashes.moved.count() > most->count()) {
    most = &clashes.moved;
    value = "other address";
  }
  if (clashes.kept.count() > most->count()) {
    most = &clashes.kept;
    value = "overloads";
  }
  const std::uint64_t all =
      clashes.remapped.count() + clashes.moved.count() + clashes.kept.count();
  const std::string detail =
      fmt::format("{} port clashes: {} got another port, {} another address, {} the same", all,
                  clashes.remapped.count(), clashes.moved.count(), clashes.kept.count());
  if (all < kLeastConflicts) return undetermined(Property::kOnConflict, detail, *most);
  const Evidence& against = most == &clashes.kept ? clashes.remapped : clashes.kept;
  return verdict(Property::kOnConflict, std::move(value),
                 most->count() == all ? kCertain : kLikely, *most, against, detail);
}

// Two hosts behind one external end at the same time: towards different remote ends (sharing,
// RFC 7857 section 3), or towards the same one, both talking (overloading).
struct Overlaps {
  Evidence overloaded;
  Evidence shared;
};

Overlaps overlaps_of(const Observed& seen) {
  Overlaps out;
  const auto by_flow = seen.by_flow();
  const Observation* last = nullptr;  // the one of this external end that lasts longest
  for (const std::uint32_t i : by_flow) {
    const Observation& o = seen.at(i);
    const bool same_end =
        last != nullptr && last->protocol == o.protocol && last->external == o.external;
    if (same_end && last->internal != o.internal && !o.fixed && !last->fixed) {
      const bool alive = o.start <= last->alive && last->start <= o.alive;
      if (alive && o.far != last->far) out.shared.add(o.id);
      const bool talking = o.start <= last->end && last->start <= o.end;
      const bool both = o.answered && last->answered;
      if (talking && o.far == last->far && both) out.overloaded.add(o.id);
    }
    if (!same_end || o.end > last->end) last = &o;
  }
  return out;
}

// Two hosts with the same port towards different remote ends, on one external address: a NAT
// that shares ports need not change any.
Evidence refused_shares(const Observed& seen) {
  Evidence out;
  auto fresh = seen.fresh();
  std::stable_sort(fresh.begin(), fresh.end(), [](const Observation* a, const Observation* b) {
    return a->internal.port < b->internal.port;
  });
  for (std::size_t i = 1; i < fresh.size(); ++i) {
    const Observation& one = *fresh[i - 1];
    const Observation& other = *fresh[i];
    if (one.internal.port != other.internal.port || one.internal == other.internal) continue;
    if (one.alive < other.start || one.far == other.far) continue;
    if (one.external.address != other.external.address || other.preserved()) continue;
    out.add(other.id);
  }
  return out;
}

Behaviour overloading(const Overlaps& overlaps, const Clashes& clashes) {
  const auto property = Property::kPortOverloading;
  if (overlaps.overloaded.count() > 0) {
    return verdict_of_both(property, "yes", kCertain, overlaps.overloaded, clashes.remapped,
                           {});
  }
  if (clashes.kept.count() == 0 && clashes.remapped.count() >= kLeastConflicts) {
    return verdict(property, "no", kCertain, clashes.remapped);
  }
  return undetermined(property, fmt::format("{} port clashes", clashes.remapped.count()),
                      clashes.remapped);
}

Behaviour sharing(const Overlaps& overlaps, const Evidence& refused) {
  const auto property = Property::kPortSharing;
  if (overlaps.shared.count() > 0) {
    return verdict_of_both(property, "yes", kCertain, overlaps.shared, refused, {});
  }
  if (refused.count() >= kLeastOpportunities) {
    return verdict(property, "no", kLikely, refused);
  }
  return undetermined(property, fmt::format("{} chances, none taken", refused.count()),
                      refused);
}

std::vector<const Observation*> changed_ports(const Observed& seen) {
  auto out = seen.fresh();
  out.erase(std::remove_if(out.begin(), out.end(),
                           [](const Observation* o) { return o->preserved(); }),
            out.end());
  return out;
}

Behaviour range(std::span<const Observation* const> changed) {
  Evidence kept;
  Evidence left;
  std::uint16_t low = 65535;
  std::uint16_t high = 0;
  for (const Observation* o : changed) {
    low = std::min(low, o->external.port);
    high = std::max(high, o->external.port);
    const bool same =
        (o->internal.port < kFirstUserPort) == (o->external.port < kFirstUserPort);
    (same ? kept : left).add(o->id);
  }
  if (changed.size() < kLeastChanged) {
    return undetermined(Property::kPortRange, fmt::format("{} changed ports", changed.size()),
                        kept);
  }
  return verdict_of_both(
      Property::kPortRange, fmt::format("{} to {}", low, high), kCertain, kept, left,
      left.count() == 0
          ? "0-1023 and 1024-65535 each kept"
          : fmt::format("{} of {} left 0-1023 or 1024-65535", left.count(), changed.size()));
}

Behaviour parity(std::span<const Observation* const> changed) {
  Evidence kept;
  Evidence turned;
  for (const Observation* o : changed) {
    ((o->internal.port ^ o->external.port) % 2 == 0 ? kept : turned).add(o->id);
  }
  const auto property = Property::kPortParity;
  const std::uint64_t n = kept.count() + turned.count();
  const std::string detail = fmt::format("{} of {} changed ports kept parity", kept.count(), n);
  if (n < kLeastChanged) return undetermined(property, detail, kept);
  if (turned.count() == 0) return verdict(property, "kept", kCertain, kept, turned, detail);
  if (binomial_half(n, kept.count()) > kSignificant) {
    return verdict_of_both(property, "not kept", kCertain, turned, kept, detail);
  }
  return verdict_of_both(property, "partly", kLikely, kept, turned, detail);
}

}  // namespace

void port_behaviours(const Observed& seen, std::vector<Behaviour>& out) {
  Clashes clashes = clashes_of(seen);
  count_moved(seen, clashes);
  const Overlaps overlaps = overlaps_of(seen);
  const auto changed = changed_ports(seen);
  out.push_back(preserving(seen));
  out.push_back(on_conflict(clashes));
  out.push_back(overloading(overlaps, clashes));
  out.push_back(sharing(overlaps, refused_shares(seen)));
  out.push_back(range(changed));
  out.push_back(parity(changed));
}

}  // namespace natlens::nat
