// The probe's store, and the chain of taps.
//
// Each tap holds the fingerprints below its threshold with their times; when 64 Ki are held,
// the threshold halves and those above it go. The taps' thresholds differ by powers of two
// only, so two taps have in common what lies below the lower one. A fingerprint that a tap saw
// twice (a retransmission, a payload that repeats) is of no use and marked.
//
// Links between taps are joined from the strongest on (the most matches), so every tap hangs on
// the reference, or on the lowest tap of its group, by the best way.
#include "natlens/correlate/clock_probe.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "clock_fit.h"

namespace natlens::correlate {
namespace {

constexpr std::size_t kMostHeld = std::size_t{1} << 16;
constexpr std::size_t kMostTaps = 64;  // beyond, each tap is only held against the first ones

struct Print {
  std::uint64_t key = 0;  // without the bit of direction; bit 0: whether there is one
  std::int64_t time = 0;
  bool toward_server = false;
  bool repeated = false;

  bool tells_direction() const { return (key & 1U) != 0; }
};

struct Held {
  std::vector<Print> prints;
  std::uint64_t threshold = std::uint64_t{1} << 63;
  Timestamp first = Timestamp::none();

  // Sorts by key and joins repeated ones.
  static void tidy(std::vector<Print>& prints) {
    std::sort(prints.begin(), prints.end(), [](const Print& a, const Print& b) {
      return std::tie(a.key, a.time) < std::tie(b.key, b.time);
    });
    std::size_t kept = 0;
    for (const Print& p : prints) {
      if (kept != 0 && prints[kept - 1].key == p.key) {
        prints[kept - 1].repeated = true;
      } else {
        prints[kept++] = p;
      }
    }
    prints.resize(kept);
  }
  void make_room() {
    tidy(prints);
    while (prints.size() > kMostHeld / 2) {
      threshold /= 2;
      std::erase_if(prints, [&](const Print& p) { return p.key >= threshold; });
    }
  }
};

// A clock against another: what `to` shows more than `from`.
struct Link {
  std::uint16_t from = 0;
  std::uint16_t to = 0;
  ClockFit fit;
};

ClockFit fit_taps(const Held& from, const Held& to) {
  const std::uint64_t threshold = std::min(from.threshold, to.threshold);
  std::vector<ClockPoint> points;
  std::vector<ClockPoint> either_way;
  auto other = from.prints.begin();
  for (const Print& p : to.prints) {
    if (p.key >= threshold) break;
    while (other != from.prints.end() && other->key < p.key) ++other;
    if (other == from.prints.end()) break;
    if (other->key != p.key || other->repeated || p.repeated) continue;
    if (other->toward_server != p.toward_server) continue;
    (p.tells_direction() ? points : either_way)
        .push_back({p.time - to.first.ns(), p.time - other->time, p.toward_server});
  }
  const ClockFit fit = fit_clock(points);
  // Packets of unknown direction blur what the others say, but are better than nothing.
  return fit.matches != 0 ? fit : fit_clock(either_way);
}

// The same link read the other way round.
Link turned(const Link& link, const std::vector<Held>& taps) {
  Link out{link.to, link.from, link.fit};
  const auto gap = static_cast<double>(taps[link.from].first.ns() - taps[link.to].first.ns());
  // At the other tap's first frame, `to` shows gap + offset more than its own anchor.
  const double since = gap + static_cast<double>(link.fit.offset_ns);
  out.fit.offset_ns =
      -std::llround(static_cast<double>(link.fit.offset_ns) + link.fit.drift * since);
  out.fit.drift = -link.fit.drift;
  return out;
}

}  // namespace

struct ClockProbe::Impl {
  std::vector<Held> taps;

  // Every link that has an answer, strongest first.
  std::vector<Link> links() const {
    std::vector<std::uint16_t> used;
    std::vector<Held> tidy(taps.size());
    for (std::uint16_t t = 0; t < taps.size(); ++t) {
      if (taps[t].prints.empty()) continue;
      used.push_back(t);
      tidy[t] = taps[t];
      Held::tidy(tidy[t].prints);
    }
    std::vector<Link> out;
    for (std::size_t i = 0; i < std::min(used.size(), kMostTaps); ++i) {
      for (std::size_t k = i + 1; k < used.size(); ++k) {
        const Link link{used[i], used[k], fit_taps(tidy[used[i]], tidy[used[k]])};
        if (link.fit.matches != 0) out.push_back(link);
      }
    }
    std::stable_sort(out.begin(), out.end(), [](const Link& a, const Link& b) {
      return a.fit.matches > b.fit.matches;
    });
    return out;
  }
};

ClockProbe::ClockProbe() : impl_(std::make_unique<Impl>()) {}
ClockProbe::~ClockProbe() = default;

void ClockProbe::add(std::uint16_t tap, std::uint64_t fingerprint, Timestamp time) {
  if (!time.has_value()) return;
  if (tap >= impl_->taps.size()) impl_->taps.resize(tap + 1U);
  Held& held = impl_->taps[tap];
  if (!held.first.has_value()) held.first = time;
  const std::uint64_t key = fingerprint >> 1;
  if (fingerprint == 0 || key >= held.threshold) return;
  held.prints.push_back({key, time.ns(), (fingerprint & 1U) != 0, false});
  if (held.prints.size() >= kMostHeld) held.make_room();
}

namespace {

// Clock `to` seen from the reference, when `from` is known already.
ClockEstimate chained(const ClockEstimate& from, const Link& link, Timestamp anchor) {
  ClockEstimate out;
  out.tap = link.to;
  out.anchor = anchor;
  // At this tap's anchor the other tap shows anchor - offset; its own correction there is
  // added.
  const auto since = static_cast<double>((anchor - from.anchor).count() - link.fit.offset_ns);
  const double from_drift = from.drift_ppm * 1e-6;
  out.offset_ns = link.fit.offset_ns + from.offset_ns + std::llround(from_drift * since);
  out.drift_ppm = (link.fit.drift + from_drift * (1 - link.fit.drift)) * 1e6;
  out.error_ns = link.fit.error_ns + from.error_ns;
  out.matches = link.fit.matches;
  out.group = from.group;
  return out;
}

}  // namespace

std::vector<ClockEstimate> ClockProbe::estimate(std::uint16_t taps) const {
  std::vector<ClockEstimate> out(taps);
  std::vector<bool> known(taps);
  const auto anchor = [&](std::uint16_t tap) {
    return tap < impl_->taps.size() ? impl_->taps[tap].first : Timestamp::none();
  };
  const std::vector<Link> links = impl_->links();
  for (std::uint16_t root = 0; root < taps; ++root) {
    if (known[root]) continue;
    known[root] = true;
    out[root].tap = root;
    out[root].anchor = anchor(root);
    out[root].group = root;
    for (std::size_t i = 0; i < links.size();) {
      const Link& link = links[i++];
      if (std::max(link.from, link.to) >= taps || known[link.from] == known[link.to]) continue;
      const Link use = known[link.from] ? link : turned(link, impl_->taps);
      if (out[use.from].group != root) continue;
      out[use.to] = chained(out[use.from], use, anchor(use.to));
      known[use.to] = true;
      out[use.from].matches = std::max(out[use.from].matches, use.fit.matches);
      i = 0;  // the strongest link that now reaches further
    }
  }
  return out;
}

}  // namespace natlens::correlate
