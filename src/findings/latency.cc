// Slow passage through a box. Clocks that are not known to a part of what is told of say
// nothing, and neither do proxies and tunnels, which hold packets back by design.
#include <algorithm>
#include <array>
#include <vector>

#include "between.h"
#include "passage.h"
#include "traffic.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>({"PATH-LATENCY"});

double ms(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-6;
}

std::int64_t clock_error(const Picture& picture, const Nat& nat) {
  std::int64_t out = 0;
  for (const std::int64_t id : {nat.inside_tap, nat.outside_tap}) {
    if (const Tap* tap = picture.tap(id)) out += tap->clock_error_ns;
  }
  return out;
}

bool clocks_known(const Picture& picture, const Nat& nat) {
  const Tap* inside = picture.tap(nat.inside_tap);
  const Tap* outside = picture.tap(nat.outside_tap);
  return inside != nullptr && outside != nullptr &&
         (inside->id == 1 || inside->clock_basis != "unknown") &&
         (outside->id == 1 || outside->clock_basis != "unknown");
}

Draft draft_of(std::string_view variant, const AtNat& at) {
  Draft draft;
  draft.code = "PATH-LATENCY";
  draft.variant = variant;
  draft.severity = Severity::kWarning;
  draft.subject = Subject::kNat;
  draft.subject_id = at.nat->id;
  return draft;
}

// ---- slow all the time, or now and then

struct Slow {
  const Translation* translation = nullptr;
  unsigned direction = 0;
};

void report_steady(const Case& of, const AtNat& at, bool outward) {
  constexpr std::uint64_t kLeast = 20;
  constexpr std::int64_t kJitter = 30'000'000;
  constexpr std::int64_t kQuick = 2'000'000;
  const Picture& picture = of.picture;
  const std::int64_t error = clock_error(picture, *at.nat);
  const auto high = static_cast<std::int64_t>(of.parameters["latency_high_ms"] * 1e6);
  std::vector<Slow> slow, uneven;
  std::uint64_t judged = 0;
  for (const Translation* t : at.translations) {
    for (unsigned d = 0; d < 2; ++d) {
      const auto& account = t->packets[d];
      // Several hops between the taps are several boxes, and the links between them.
      const bool one_box = !account.ttl_known || account.ttl_delta >= -1;
      if (account.both < kLeast || !one_box || passage(picture, *t, d).outward != outward) {
        continue;
      }
      ++judged;
      const correlate::Latency& took = account.latency;
      if (took.median_ns - error > high) slow.push_back({t, d});
      if (took.p99_ns - took.median_ns > kJitter && took.median_ns < kQuick) {
        uneven.push_back({t, d});
      }
    }
  }
  for (const auto* list : {&slow, &uneven}) {
    // One slow flow may be a queue of its own; most of them are the box.
    if (list->empty() || (list == &slow && list->size() * 2 < judged)) continue;
    Draft draft = draft_of(list == &slow ? "high" : "jitter", at);
    draft.confidence = error == 0 ? Confidence::kCertain : Confidence::kLikely;
    const correlate::Latency& took =
        list->front().translation->packets[list->front().direction].latency;
    draft.count = list->size();
    draft.facts = {{"direction", outward ? "out" : "in"},
                   {"min_ms", ms(took.min_ns)},
                   {"p50_ms", ms(took.median_ns)},
                   {"p99_ms", ms(took.p99_ns)},
                   {"max_ms", ms(took.max_ns)},
                   {"clock_error_ms", ms(error)},
                   {"latency_high_ms", of.parameters["latency_high_ms"]}};
    draft.text = fmt::format(
        "{}: {} of {} flows take {:.3g} ms through the box (median), {:.3g} ms at the 99th "
        "percentile",
        outward ? "outwards" : "inwards", list->size(), judged, ms(took.median_ns),
        ms(took.p99_ns));
    for (const Slow& one : *list) {
      for (const std::uint32_t c : {one.translation->inside, one.translation->outside}) {
        draft.frame(Role::kExample, picture.connections()[c].first_frame);
        draft.connections.push_back(c);
      }
    }
    of.report.raise(std::move(draft));
  }
}

// ---- first packets

// How long the first packet of a flow took, if both taps show it.
struct Opening {
  const Translation* translation = nullptr;
  std::int64_t took = 0;
};

// Both taps were capturing by then, or the later one may show the second packet.
bool first_is_same(const Case& of, const Passage& way) {
  const Picture& picture = of.picture;
  const Connection& before = picture.connections()[way.before];
  const Connection& after = picture.connections()[way.after];
  const auto& account = way.translation->packets[way.direction];
  return way.known && before.beginning_seen && after.beginning_seen &&
         way.before_direction == 0 && way.after_direction == 0 && account.inside_only == 0 &&
         account.outside_only == 0 && account.deviation.reordered == 0 &&
         account.deviation.unknown == std::array<std::uint32_t, 2>{} &&
         picture.translations_of(way.before).size() == 1 && after.start >= before.start &&
         of.gates.covers(after.tap, before.start, of.gates.edge_guard(before.tap, after.tap));
}

std::int64_t middle(std::vector<std::int64_t> all) {
  if (all.empty()) return 0;
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), at, all.end());
  return *at;
}

void report_spikes(const Case& of, const AtNat& at) {
  constexpr std::size_t kLeast = 10;
  constexpr std::int64_t kTimes = 20;
  const Picture& picture = of.picture;
  const std::int64_t error = clock_error(picture, *at.nat);
  const auto spike = static_cast<std::int64_t>(of.parameters["latency_spike_ms"] * 1e6);
  std::vector<Opening> openings;
  std::vector<std::int64_t> took;
  for (const Translation* t : at.translations) {
    const Passage way = passage(picture, *t, 0);
    if (!first_is_same(of, way)) continue;
    const Nanoseconds transit =
        picture.connections()[way.after].start - picture.connections()[way.before].start;
    openings.push_back({t, transit.count()});
    took.push_back(transit.count());
  }
  if (openings.size() < kLeast) return;
  const std::int64_t usual = middle(took);
  const std::int64_t bound = std::max(spike, kTimes * usual) + error;
  Draft draft = draft_of("spike", at);
  draft.count = 0;
  std::int64_t longest = 0;
  for (const Opening& one : openings) {
    if (one.took <= bound) continue;
    longest = std::max(longest, one.took);
    ++draft.count;
    const Passage way = passage(picture, *one.translation, 0);
    draft.frame(Role::kCause, picture.connections()[way.before].first_frame);
    draft.frame(Role::kCause, picture.connections()[way.after].first_frame);
    draft.connections.insert(draft.connections.end(), {way.before, way.after});
  }
  if (draft.count == 0) return;
  draft.facts = {{"max_ms", ms(longest)},
                 {"p50_ms", ms(usual)},
                 {"clock_error_ms", ms(error)},
                 {"latency_spike_ms", of.parameters["latency_spike_ms"]}};
  draft.text = fmt::format(
      "the first packet of {} took up to {:.3g} ms through the box, {:.3g} ms is usual",
      count_text(draft.count, "flow", "flows"), ms(longest), ms(usual));
  of.report.raise(std::move(draft));
}

void run(const Case& of) {
  for (const AtNat& at : by_nat(of.picture, hands_on)) {
    if (!clocks_known(of.picture, *at.nat) || at.nat->inside_tap == at.nat->outside_tap)
      continue;
    report_steady(of, at, true);
    report_steady(of, at, false);
    report_spikes(of, at);
  }
}

}  // namespace

const Family kLatency{kCodes, run};

}  // namespace natlens::findings
