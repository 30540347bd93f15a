// Which packets keep a mapping alive (RFC 4787 REQ-6), and how soon an external port goes to
// another host (RFC 6888 REQ-8).
//
// A mapping that saw answers further apart than it lives idle was kept alive by the packets out
// between them; one that saw an answer that long after the last packet out, by the answers
// before it. An answer that came to the outside then, and did not get through though others had
// shortly before, tells that answers do not count.
#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "observation.h"

namespace natlens::nat {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kLeastFlows = 2;
constexpr std::uint64_t kLeastReuses = 3;

struct Kept {
  Evidence by_outbound;
  Evidence by_inbound;
  Evidence not_by_inbound;
};

Kept kept_alive(const Observed& seen, std::int64_t timeout) {
  Kept out;
  for (const Observation& o : seen.all()) {
    if (o.inbound || o.fixed || !o.answered) continue;
    if (std::max(o.answered_after, o.resumed_after) >= timeout) continue;  // it lived idle
    if (o.answer_gap >= timeout) out.by_outbound.add(o.id);
    if (o.answer_apart >= timeout) {
      out.by_inbound.add(o.id);
    } else if (o.came_apart >= timeout && o.came_after < timeout) {
      out.not_by_inbound.add(o.id);
    }
  }
  return out;
}

double seconds(std::int64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kSecond);
}

}  // namespace

Behaviour refresh_behaviour(const Observed& seen, std::span<const Refusal> refusals) {
  const auto property = Property::kRefresh;
  const std::int64_t timeout = timeout_at_most(seen, refusals);
  if (timeout == 0)
    return undetermined(property, "how long an idle mapping lives is not known");
  const Kept kept = kept_alive(seen, timeout);
  const std::string detail = fmt::format(
      "mappings that outlived {:.0f} s by packets out alone: {}, by answers alone: {}; that "
      "answers alone did not keep alive: {}",
      seconds(timeout), kept.by_outbound.count(), kept.by_inbound.count(),
      kept.not_by_inbound.count());
  const bool outbound = kept.by_outbound.count() >= kLeastFlows;
  const bool inbound = kept.by_inbound.count() >= kLeastFlows;
  if (inbound) {
    return verdict(property, outbound ? "both" : "inbound", kCertain, kept.by_inbound,
                   kept.not_by_inbound, detail);
  }
  if (kept.not_by_inbound.count() >= kLeastFlows) {
    return verdict(property, "outbound only", outbound ? kCertain : kLikely,
                   kept.not_by_inbound, kept.by_inbound, detail);
  }
  if (outbound) return verdict(property, "outbound", kCertain, kept.by_outbound, {}, detail);
  return undetermined(property, detail, kept.by_outbound);
}

// Who held the port last; hosts that have it at the same time share it, which is no reuse.
Behaviour port_reuse(const Observed& seen) {
  const auto property = Property::kPortReuse;
  struct Holder {
    Address host;
    std::int64_t end = 0;
  };
  std::map<Endpoint, Holder> last;
  Evidence reused;
  std::int64_t least = 0;
  for (const Observation& o : seen.all()) {  // by start
    if (o.inbound || o.fixed) continue;
    auto [at, fresh] = last.try_emplace(o.external, Holder{o.internal.address, o.end});
    Holder& holder = at->second;
    if (!fresh && holder.host != o.internal.address && o.start > holder.end) {
      const std::int64_t pause = o.start - holder.end;
      if (reused.count() == 0 || pause < least) least = pause;
      reused.add(o.id);
    }
    if (o.end >= holder.end) holder = {o.internal.address, o.end};
  }
  const std::string detail =
      reused.count() == 0
          ? "no external port went from one host to another"
          : fmt::format(
                "{} times an external port went to another host, {:.1f} s after its "
                "last packet at the soonest",
                reused.count(), seconds(least));
  if (reused.count() < kLeastReuses) return undetermined(property, detail, reused);
  return verdict(property, fmt::format("after {:.0f} s or more", seconds(least)), kCertain,
                 reused, {}, detail);
}

}  // namespace natlens::nat
