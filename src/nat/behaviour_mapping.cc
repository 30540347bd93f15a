// Mapping behaviour (RFC 4787, 4.1): does X:x keep its X':x' towards another remote end?
//
// Every two flows of X:x that were alive together are a trial. A NAT that keeps ports whenever
// it can shows the same port by mere preservation, so such a pair is weak evidence; and where
// another host held the port towards the same remote end, another port is no sign of a
// symmetric NAT: the port was taken. Only what no conflict explains counts against
// independence.
#include <algorithm>

#include <fmt/format.h>

#include "observation.h"
#include "statistics.h"

namespace natlens::nat {
namespace {

// Trials of one flow: with the latest few that were alive when it began.
constexpr std::size_t kMostTrials = 32;
constexpr std::int64_t kSameRemoteWindow = 240'000'000'000;

struct Trials {
  Evidence same[2];       // [0] another port of the same address, [1] another address
  Evidence informative;   // same, another address, and not by preservation
  Evidence different[2];  // explained by a conflict or not
  Evidence unexplained[2];
  std::uint64_t same_hosts = 0;  // internal endpoints with such a pair
  std::uint64_t informative_hosts = 0;
  Evidence renewed;  // the next flow to the same remote end had another external end

  std::uint64_t all_same() const { return same[0].count() + same[1].count(); }
  std::uint64_t all_different() const { return different[0].count() + different[1].count(); }
  std::uint64_t all_unexplained() const {
    return unexplained[0].count() + unexplained[1].count();
  }
};

// Was the later flow's port, or the earlier one's, forced by another host's?
bool explained(const Observed& seen, const Observation& earlier, const Observation& later) {
  const auto taken = [&](const Observation& o, std::uint16_t port) {
    return seen.conflict(o, {later.external.address, port}) ||
           seen.conflict(o, {earlier.external.address, port});
  };
  if (taken(later, later.internal.port) || taken(later, earlier.external.port)) return true;
  return earlier.forced || taken(earlier, earlier.internal.port);
}

void count_pair(const Observed& seen,
                const Observation& earlier,
                const Observation& later,
                bool random,
                Trials& trials) {
  const std::size_t relation = earlier.far.address == later.far.address ? 0 : 1;
  if (earlier.external == later.external) {
    trials.same[relation].add(later.id);
    if (relation == 1 && (random || !earlier.preserved())) trials.informative.add(later.id);
    return;
  }
  trials.different[relation].add(later.id);
  if (!explained(seen, earlier, later)) trials.unexplained[relation].add(later.id);
}

void count_group(const Observed& seen,
                 std::span<const std::uint32_t> group,
                 bool random,
                 Trials& trials) {
  const std::uint64_t same = trials.same[1].count();
  const std::uint64_t informative = trials.informative.count();
  for (std::size_t j = 1; j < group.size(); ++j) {
    const Observation& later = seen.at(group[j]);
    const std::size_t from = j > kMostTrials ? j - kMostTrials : 0;
    for (std::size_t i = from; i < j; ++i) {
      const Observation& earlier = seen.at(group[i]);
      if (earlier.far == later.far) {
        if (i + 1 == j && earlier.external != later.external &&
            later.start - earlier.end <= kSameRemoteWindow &&
            !explained(seen, earlier, later)) {
          trials.renewed.add(later.id);
        }
      } else if (earlier.alive >= later.start) {
        count_pair(seen, earlier, later, random, trials);
      }
    }
  }
  trials.same_hosts += trials.same[1].count() > same ? 1 : 0;
  trials.informative_hosts += trials.informative.count() > informative ? 1 : 0;
}

Evidence joined(const Evidence (&two)[2]) {
  Evidence out;
  for (const Evidence& one : two) {
    for (const std::int64_t id : one.examples()) out.add(id);
    for (std::size_t i = one.examples().size(); i < one.count(); ++i) out.add(0);
  }
  return out;
}

std::string figures(const Trials& t) {
  return fmt::format(
      "pairs of flows of one inside port: {} the same and {} different towards another port, "
      "{} "
      "the same and {} different towards another address; {} explained by a port clash",
      t.same[0].count(), t.different[0].count(), t.same[1].count(), t.different[1].count(),
      t.all_different() - t.all_unexplained());
}

// A NAT that draws ports from a narrow range gives the same one twice now and then.
void forget_chance(const Observed& seen, Trials& t) {
  constexpr double kSignificant = 0.01;
  std::uint16_t low = 65535;
  std::uint16_t high = 0;
  for (const Observation* o : seen.fresh()) {
    low = std::min(low, o->external.port);
    high = std::max(high, o->external.port);
  }
  const double width = high < low ? 1 : static_cast<double>(high) - low + 1;
  const double expected = static_cast<double>(t.all_same() + t.all_different()) / width;
  if (poisson_or_more(t.all_same(), expected) > kSignificant)
    t.same[0] = t.same[1] = Evidence();
}

Behaviour dependent(const Trials& t, std::uint8_t protocol) {
  const auto made = [&](std::string value, std::string_view confidence) {
    return verdict_of_both(Property::kMapping, std::move(value), confidence,
                           joined(t.unexplained), joined(t.same), figures(t));
  };
  const bool no_port_pair = t.same[0].count() + t.different[0].count() == 0;
  if (t.same[1].count() == 0 && t.unexplained[1].count() >= 2) {
    if (no_port_pair) return made("endpoint-dependent (address or port)", kCertain);
    if (t.different[0].count() == 0 && t.same[0].count() >= 2) {
      return made("address-dependent", kCertain);
    }
    if (t.same[0].count() == 0 && t.unexplained[0].count() >= 2) {
      const bool renewed = protocol == protocol::kTcp && t.renewed.count() >= 2;
      return made(renewed ? "connection-dependent" : "address-and-port-dependent", kCertain);
    }
  }
  if (t.all_same() > 0 && t.all_unexplained() > 0) {
    return verdict_of_both(Property::kMapping, "mixed",
                           t.all_unexplained() >= 2 ? kCertain : kLikely, joined(t.unexplained),
                           joined(t.same), figures(t));
  }
  return undetermined(Property::kMapping, figures(t), joined(t.unexplained));
}

}  // namespace

Behaviour mapping_behaviour(const Observed& seen, std::uint8_t protocol) {
  Trials t;
  const bool random = preservation(seen).none();
  seen.each_internal(
      [&](std::span<const std::uint32_t> group) { count_group(seen, group, random, t); });
  if (random && t.all_unexplained() > 0 && t.all_same() > 0) forget_chance(seen, t);
  if (t.all_unexplained() > 0) return dependent(t, protocol);
  if (t.all_different() > 0) {
    if (t.all_same() == 0) return undetermined(Property::kMapping, figures(t));
    return verdict_of_both(Property::kMapping, "endpoint-independent until conflict",
                           t.all_same() >= 3 ? kCertain : kLikely, joined(t.same),
                           joined(t.different), figures(t));
  }
  if (t.informative.count() >= 2 && t.informative_hosts >= 2) {
    return verdict(Property::kMapping, "endpoint-independent", kCertain, t.informative, {},
                   figures(t));
  }
  if (t.same[1].count() >= 3 && t.same_hosts >= 2) {
    return verdict(
        Property::kMapping, "endpoint-independent", kLikely, t.same[1], {},
        figures(t) + "; every port was kept, and a mapping used again looks like that");
  }
  return undetermined(Property::kMapping, figures(t), joined(t.same));
}

}  // namespace natlens::nat
