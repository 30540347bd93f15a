// In which order a NAT hands out ports (RFC 6056, RFC 7857 section 9): one after the other, at
// random, in pairs for RTP and RTCP.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "observation.h"
#include "statistics.h"

namespace natlens::nat {
namespace {

constexpr std::size_t kLeastSequential = 30;
constexpr std::size_t kLeastRandom = 50;
constexpr double kSignificant = 0.01;
constexpr std::int64_t kPairWindow = 1'000'000'000;  // RTP, then RTCP
constexpr std::uint64_t kLeastPairs = 3;

Behaviour contiguity(const Observed& seen) {
  std::map<std::pair<std::uint8_t, Endpoint>, const Observation*> latest;
  Evidence together;
  Evidence apart;
  for (const Observation* o : seen.fresh()) {
    latest[{o->protocol, o->internal}] = o;
    if (o->preserved() || o->internal.port % 2 == 0) continue;  // RTP has the even port
    Endpoint before = o->internal;
    --before.port;
    const auto found = latest.find({o->protocol, before});
    if (found == latest.end() || found->second->preserved()) continue;
    const Observation& one = *found->second;
    if (o->start - one.start > kPairWindow) continue;
    (o->external.port == one.external.port + 1 ? together : apart).add(o->id);
  }
  const auto property = Property::kPortContiguity;
  const std::uint64_t n = together.count() + apart.count();
  const std::string detail =
      fmt::format("{} of {} consecutive pairs stayed so", together.count(), n);
  if (n < kLeastPairs) return undetermined(property, detail, together);
  if (together.count() * 2 > n) {
    return verdict(property, "kept", together.count() == n ? kCertain : kLikely, together,
                   apart, detail);
  }
  return verdict_of_both(property, "not kept", kCertain, apart, together, detail);
}

// The external address with the most changed ports; others would mix their sequences in.
std::vector<const Observation*> one_address(const Observed& seen) {
  std::map<Address, std::vector<const Observation*>> by_address;
  for (const Observation* o : seen.fresh()) {
    if (!o->preserved()) by_address[o->external.address].push_back(o);
  }
  std::vector<const Observation*> most;
  for (auto& [address, list] : by_address) {
    if (list.size() > most.size()) most = std::move(list);
  }
  return most;
}

Behaviour order(const Observed& seen) {
  const auto property = Property::kPortOrder;
  const auto changed = one_address(seen);
  Evidence steps;
  Evidence jumps;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < changed.size(); ++i) {
    ports.push_back(changed[i]->external.port);
    if (i == 0) continue;
    const int step = int{ports[i]} - int{ports[i - 1]};
    (step > 0 && step <= 2 ? steps : jumps).add(changed[i]->id);
  }
  std::sort(ports.begin(), ports.end());
  const std::string detail =
      fmt::format("{} of {} changed ports are one or two above the one before", steps.count(),
                  steps.count() + jumps.count());
  if (ports.size() < kLeastSequential) return undetermined(property, detail, jumps);
  if (steps.count() > jumps.count()) {
    return verdict(property, "sequential", kCertain, steps, jumps, detail);
  }
  if (ports.size() < kLeastRandom) return undetermined(property, detail, jumps);
  const double p = uniform_probability(ports, ports.front(), ports.back());
  return verdict_of_both(property, p > kSignificant ? "random" : "other", kCertain, jumps,
                         steps,
                         fmt::format("{}; uniform over {} to {}: p = {:.2f}", detail,
                                     ports.front(), ports.back(), p));
}

}  // namespace

void port_order(const Observed& seen, std::vector<Behaviour>& out) {
  out.push_back(contiguity(seen));
  out.push_back(order(seen));
}

}  // namespace natlens::nat
