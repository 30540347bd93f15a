// Filtering behaviour (RFC 4787, 5) and timeouts as bounds (4.3): what came back in, and when.
//
// A remote end is `exact` if X:x had sent to it through this mapping before, `addr` if to
// another port of its address, else `none`. Answers are exact. What came in shows as a
// translation opened from outside, what was refused as a connection outside without partner.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "observation.h"

namespace natlens::nat {
namespace {

constexpr int kMostContacts = 256;  // looked at per inbound packet
constexpr std::int64_t kSecond = 1'000'000'000;
// No NAT in use forgets sooner: what ends sooner ended for another reason.
constexpr std::int64_t kLeastTimeout = 10 * kSecond;

enum Relation : std::size_t { kExact, kAddress, kNone, kRelations };

struct Contact {
  bool alive = false;  // a mapping of that external end was alive
  Relation relation = kNone;
  std::int64_t last = 0;  // last packet through the mapping
  Endpoint internal;
};

// Outbound observations by (protocol, X':x'), in the order of their start.
class Mappings {
 public:
  explicit Mappings(const Observed& seen) {
    for (const Observation& o : seen.all()) {
      if (!o.inbound && !o.fixed) at_[{o.protocol, o.external}].push_back(&o);
      if (o.fixed) fixed_.insert({o.protocol, o.external});
    }
  }

  // What X:x had done through X':x' before `when`.
  Contact find(std::uint8_t protocol,
               const Endpoint& external,
               const Endpoint& far,
               std::int64_t when) const {
    Contact out;
    const auto found = at_.find({protocol, external});
    if (found == at_.end() || fixed_.count({protocol, external}) != 0) return out;
    const auto& list = found->second;
    auto after = std::lower_bound(
        list.begin(), list.end(), when,
        [](const Observation* o, std::int64_t time) { return o->start < time; });
    for (int n = 0; after != list.begin() && n < kMostContacts; ++n) {
      const Observation& o = **--after;
      if (out.last == 0) out.internal = o.internal;
      if (o.internal != out.internal) break;
      out.alive |= o.alive >= when;
      out.last = std::max(out.last, o.end);
      if (o.far == far) out.relation = kExact;
      if (o.far.address == far.address && out.relation == kNone) out.relation = kAddress;
    }
    return out;
  }

 private:
  std::map<std::pair<std::uint8_t, Endpoint>, std::vector<const Observation*>> at_;
  std::set<std::pair<std::uint8_t, Endpoint>> fixed_;
};

struct Trials {
  Evidence in[kRelations];
  Evidence out[kRelations];
  std::set<Address> strangers;  // addresses that came in with relation none
};

Trials trials_of(const Observed& seen, std::span<const Refusal> refusals) {
  Trials trials;
  const Mappings mappings(seen);
  for (const Observation& o : seen.all()) {
    if (!o.inbound && !o.fixed && o.answered) trials.in[kExact].add(o.id);
    if (!o.inbound || o.fixed) continue;
    const Contact contact = mappings.find(o.protocol, o.external, o.far, o.start);
    if (!contact.alive || contact.internal != o.internal) continue;
    trials.in[contact.relation].add(o.id);
    if (contact.relation == kNone) trials.strangers.insert(o.far.address);
  }
  std::set<std::tuple<Endpoint, Endpoint>> once;
  for (const Refusal& r : refusals) {
    const Contact contact = mappings.find(r.protocol, r.external, r.far, r.start);
    if (!contact.alive || !once.insert({r.external, r.far}).second) continue;
    trials.out[contact.relation].add(r.connection);
  }
  return trials;
}

std::string figures(const Trials& t) {
  return fmt::format(
      "came in: {} answers, {} from another port of a known address, {} from an unknown "
      "address; "
      "refused: {} from another port, {} from an unknown address",
      t.in[kExact].count(), t.in[kAddress].count(), t.in[kNone].count(),
      t.out[kAddress].count(), t.out[kNone].count());
}

}  // namespace

Behaviour filtering_behaviour(const Observed& seen, std::span<const Refusal> refusals) {
  const Trials t = trials_of(seen, refusals);
  const auto made = [&](std::string value, std::string_view confidence, const Evidence& shown,
                        const Evidence& against = {}) {
    return verdict(Property::kFiltering, std::move(value), confidence, shown, against,
                   figures(t));
  };
  if (t.in[kNone].count() > 0) {
    const bool enough = t.in[kNone].count() >= 2 && t.strangers.size() >= 2;
    return made("endpoint-independent", enough ? kCertain : kLikely, t.in[kNone], t.out[kNone]);
  }
  const bool strangers_out = t.out[kNone].count() >= 2;
  if (t.in[kAddress].count() >= 2 && strangers_out) {
    return made("address-dependent", kCertain, t.in[kAddress], t.out[kAddress]);
  }
  if (t.in[kAddress].count() == 0 && t.out[kAddress].count() >= 2 &&
      t.in[kExact].count() >= 2) {
    return made("address-and-port-dependent", kCertain, t.out[kAddress]);
  }
  if (strangers_out && t.in[kAddress].count() + t.out[kAddress].count() == 0) {
    return made("address-dependent or stricter", kCertain, t.out[kNone]);
  }
  return undetermined(Property::kFiltering, figures(t), t.in[kExact]);
}

namespace {

struct Silence {
  std::int64_t from = 0;
  std::int64_t to = 0;
  Endpoint internal;
  std::int64_t id = 0;
  std::int64_t length() const { return to - from; }
};

double seconds(std::int64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kSecond);
}

// Silences that the mapping outlived, and such after which it was another one.
struct Silences {
  std::vector<Silence> survived;
  std::vector<Silence> ended;
};

// Two flows of X:x to the same remote end that follow each other.
void compare(const Observed& seen,
             const Observation& before,
             const Observation& after,
             bool random,
             Silences& out) {
  const Silence silence{before.end, after.start, after.internal, after.id};
  if (silence.length() <= 0) return;
  if (before.external == after.external) {
    // A NAT that keeps ports would give the same one to a new mapping.
    if (random) out.survived.push_back(silence);
    return;
  }
  const Endpoint wanted{after.external.address, after.internal.port};
  const Endpoint old{after.external.address, before.external.port};
  if (before.forced || seen.conflict(after, wanted) || seen.conflict(after, old)) return;
  out.ended.push_back(silence);
}

// Within one flow: what an answer ended, or would have ended, and what the opener ended.
void within(const Observation& o, bool alone, bool random, Silences& out) {
  const auto since = [&o](std::int64_t length) {
    return Silence{o.end, o.end + length, o.internal, o.id};
  };
  if (o.answered_after > 0) out.survived.push_back(since(o.answered_after));
  if (o.came_after > o.answered_after + kSecond) out.ended.push_back(since(o.came_after));
  // The opener's own packet makes a new mapping if the old one is gone: with another port,
  // where ports are not kept, and so with another translation.
  if (random && alone && o.resumed_after > 0) out.survived.push_back(since(o.resumed_after));
}

Silences silences_of(const Observed& seen, std::span<const Refusal> refusals, bool answered) {
  Silences out;
  const bool random = preservation(seen).none();
  seen.each_internal([&](std::span<const std::uint32_t> group) {
    for (std::size_t j = 0; j < group.size(); ++j) {
      const Observation& after = seen.at(group[j]);
      if (after.answered == answered) within(after, group.size() == 1, random, out);
      if (j == 0) continue;
      const Observation& before = seen.at(group[j - 1]);
      if (before.far != after.far || before.answered != answered) continue;
      if (after.protocol != protocol::kTcp) compare(seen, before, after, random, out);
    }
  });
  if (!answered) return out;
  const Mappings mappings(seen);
  for (const Observation& o : seen.all()) {
    if (!o.inbound || o.fixed) continue;
    const Contact contact = mappings.find(o.protocol, o.external, o.far, o.start);
    if (contact.last == 0 || contact.internal != o.internal || o.start <= contact.last)
      continue;
    out.survived.push_back({contact.last, o.start, o.internal, o.id});
  }
  for (const Refusal& r : refusals) {
    const Contact contact = mappings.find(r.protocol, r.external, r.far, r.start);
    if (contact.last == 0 || contact.relation != kExact || r.start <= contact.last) continue;
    if (r.protocol == protocol::kTcp) continue;  // a SYN from outside is another question
    out.ended.push_back({contact.last, r.start, contact.internal, r.connection});
  }
  return out;
}

// A NAT that lost its state at one moment ends mappings whatever their silence: if all silences
// have a moment in common, that may be what happened.
bool one_moment(const std::vector<Silence>& silences) {
  std::int64_t from = silences.front().from;
  std::int64_t to = silences.front().to;
  for (const Silence& s : silences) {
    from = std::max(from, s.from);
    to = std::min(to, s.to);
  }
  return from <= to;
}

std::size_t mappings_in(const std::vector<Silence>& silences) {
  std::set<Endpoint> internal;
  for (const Silence& s : silences) internal.insert(s.internal);
  return internal.size();
}

}  // namespace

std::int64_t timeout_at_most(const Observed& seen, std::span<const Refusal> refusals) {
  Silences found = silences_of(seen, refusals, true);
  std::erase_if(found.ended, [](const Silence& s) { return s.length() < kLeastTimeout; });
  if (mappings_in(found.ended) < 2) return 0;
  return std::min_element(
             found.ended.begin(), found.ended.end(),
             [](const Silence& a, const Silence& b) { return a.length() < b.length(); })
      ->length();
}

Behaviour timeout_bounds(const Observed& seen,
                         std::span<const Refusal> refusals,
                         bool answered) {
  const Property property = answered ? Property::kTimeout : Property::kTimeoutUnreplied;
  Silences found = silences_of(seen, refusals, answered);
  std::erase_if(found.ended, [](const Silence& s) { return s.length() < kLeastTimeout; });
  std::erase_if(found.survived, [](const Silence& s) { return s.length() < kSecond; });
  const auto shorter = [](const Silence& a, const Silence& b) {
    return a.length() < b.length();
  };
  Evidence survived;
  Evidence ended;
  for (const Silence& s : found.survived) survived.add(s.id);
  for (const Silence& s : found.ended) ended.add(s.id);
  std::int64_t least = 0;
  std::int64_t most = 0;
  if (!found.survived.empty()) {
    least = std::max_element(found.survived.begin(), found.survived.end(), shorter)->length();
  }
  if (!found.ended.empty()) {
    most = std::min_element(found.ended.begin(), found.ended.end(), shorter)->length();
  }
  const auto extreme = [](const char* which, std::int64_t ns) {
    return ns > 0 ? fmt::format(" ({} {:.1f} s)", which, seconds(ns)) : std::string();
  };
  const std::string detail =
      fmt::format("{} silences outlived{}, {} not{}", survived.count(),
                  extreme("longest", least), ended.count(), extreme("shortest", most));
  const bool lower = mappings_in(found.survived) >= 2;
  const bool upper = mappings_in(found.ended) >= 2;
  const auto sure = upper && one_moment(found.ended) ? kLikely : kCertain;
  if (lower && upper && least >= most) {
    return verdict_of_both(property, "varying", sure, survived, ended, detail);
  }
  if (lower && upper) {
    return verdict_of_both(property,
                           fmt::format("{:.0f} s to {:.0f} s", seconds(least), seconds(most)),
                           sure, survived, ended, detail);
  }
  if (lower) {
    return verdict(property, fmt::format("{:.0f} s or more", seconds(least)), kCertain,
                   survived, ended, detail);
  }
  if (upper) {
    return verdict(property, fmt::format("less than {:.0f} s", seconds(most)), sure, ended,
                   survived, detail);
  }
  return undetermined(property, detail, survived);
}

}  // namespace natlens::nat
