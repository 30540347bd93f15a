// Connections through a relay that encrypts them, by time and volume.
//
// Where a proxy encrypts what it passes on, or deciphers it, neither an end nor a byte is the
// same on both sides. There remain: that the one was opened a moment after the other, that the
// bytes of both came at the same moments, and that there are as many but for what encryption
// adds (volume.h). So a connection that settles is held against all that began at other taps
// within a second and have no partner there. Never certain.
//
// Each of them could fit by chance, and chance is measured where it acts: how many were opened
// how near, on both sides, for a busy moment makes many openings coincide; whether the two
// lasted long enough for their ends to say more than their openings did; and whether a fit is
// the rule between these two taps. Behind a relay nearly every connection has one, between
// strangers few, so that until some were seen, and where few have one, more is asked for.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "courses.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kSlot = kReaction;  // ns, of the index
constexpr int kMostSteps = 512;            // along the chains of all taps
// Below this a candidate is not looked at again.
constexpr float kLeastBits = 6;
// From here on it fits, as far as is known without the others.
constexpr float kFit = 14;
// Taps whose captures have nothing in common have clocks that nobody compared: they may be one.
constexpr std::int64_t kUncompared = 1'000'000;  // ns
constexpr float kMostEndBits = 4;
// Bits for there being a relay between two taps: before any connection told, for each that has
// a fit and each that has none (of a relay's half have one, of strangers one in twenty), and
// what they come to at most.
constexpr float kNoRelayKnown = -11;
constexpr float kOneFits = 3;
constexpr float kNoneFits = -1;
constexpr float kLeastUsual = -14;
constexpr float kMostUsual = 2;
constexpr float kNotTogether = -4;
constexpr float kNotTheSame = -100;
// The taps are known to pass connections on in clear.
constexpr float kClearPrior = -8;

// Bits for the moments at which both ended, or were last heard of.
float end_bits(const Course& one,
               const Connection& of_one,
               const Course& other,
               const Connection& of_other,
               std::int64_t error) {
  if (one.ended == 0 && other.ended == 0) return 0;
  const std::int64_t end = one.ended != 0 ? one.ended : of_one.last;
  const std::int64_t other_end = other.ended != 0 ? other.ended : of_other.last;
  const std::int64_t gap = std::abs(end - other_end);
  if (one.ended == 0 || other.ended == 0) return gap > kReaction ? kNotTheSame : kNotTogether;
  if (gap > kReaction) return kNotTogether;
  // Two that were opened together and soon ended did so together, too.
  const std::int64_t lasted = std::min(end - of_one.opened, other_end - of_other.opened);
  return std::min(kMostEndBits, closeness(gap, error, lasted));
}

// How many connections of a tap were opened how near to a moment.
class Crowd {
 public:
  void add(std::int64_t gap) {
    const auto steps = static_cast<std::uint64_t>(std::max<std::int64_t>(gap, 0) / kNearest);
    ++count_[std::min<std::size_t>(std::bit_width(steps), kWidths - 1)];
  }
  // What one of them that is so near (bits of closeness) loses because others could be.
  float bits(float timing) const {
    const float apart = static_cast<float>(kReaction) / std::exp2(timing);
    float most = 0;
    float all = 0;
    float width = kNearest;
    for (const std::uint32_t count : count_) {
      all += static_cast<float>(count);
      if (width >= apart)
        most = std::max(most, (all - 1) * static_cast<float>(kReaction) / width);
      width *= 2;
    }
    return std::log2(std::max({most, all, 1.0F}));
  }

 private:
  static constexpr std::int64_t kNearest = 200'000;  // ns
  static constexpr std::size_t kWidths = 14;         // up to over a second
  std::array<std::uint32_t, kWidths> count_{};
};

// Bits for as many bytes as `model` finds surprising, where `fitting` of `others` have as
// fitting a number; they count as four that the model speaks of.
float lengths_bits(float model, std::uint32_t fitting, std::uint32_t others) {
  constexpr float kModel = 4;
  const float chance = (static_cast<float>(fitting) + kModel * std::exp2(-model)) /
                       (static_cast<float>(others) + kModel);
  return std::min(model, -std::log2(chance));
}

// Bits for a connection of a tap having its like at the other tap.
float usual_bits(const TapPair::Fits& fits) {
  const auto misses = static_cast<float>(fits.searched - fits.found);
  const float told = static_cast<float>(fits.found) * kOneFits + misses * kNoneFits;
  return std::clamp(kNoRelayKnown + told, kLeastUsual, kMostUsual);
}

}  // namespace

void Courses::note_bytes(Course& course, std::size_t direction, std::int64_t time) {
  if (course.volume == kNoSlot) course.volume = volumes_.take();
  volumes_[course.volume][direction].add(time - connections_[course.slot].opened,
                                         course.bytes[direction]);
}

bool Courses::moved_bytes(std::uint32_t slot) const {
  const std::uint32_t number = connections_[slot].course;
  return number != kNoSlot && courses_[number].volume != kNoSlot &&
         courses_[number].answered != 0;
}

VolumeSide Courses::volume_side(std::uint32_t slot) const {
  const Connection& connection = connections_[slot];
  const Course& course = courses_[connection.course];
  return {&volumes_[course.volume], course.bytes, connection.packets, connection.opened,
          course.ended != 0};
}

// REQUIRES: both moved bytes. Sets `slot` if the moments allow it, `by_volume` if the bytes do.
bool Courses::weigh_volume(std::uint32_t one, std::uint32_t other, Found& out) const {
  const bool earlier = connections_[one].opened <= connections_[other].opened;
  const std::uint32_t client = earlier ? one : other;
  const std::uint32_t proxy = earlier ? other : one;
  const Connection& first = connections_[client];
  const Connection& second = connections_[proxy];
  const bool related = taps_.related(first.tap, second.tap);
  const std::int64_t error = related ? taps_.error_ns(first.tap, second.tap) : kUncompared;
  const Request* asked = requests_.of(first);
  const bool waits = asked != nullptr && asked->target.port != 0;
  const std::int64_t gap = second.opened - (waits ? asked->time : first.opened);
  if (gap > kReaction || gap < -error) return false;
  const Course& before = courses_[first.course];
  const Course& after = courses_[second.course];
  if (before.ended != 0 && second.opened > before.ended + error) return false;
  out.slot = other;
  const auto volume = volume_bits(volume_side(client), volume_side(proxy), error);
  const float end = end_bits(before, first, after, second, error);
  if (!volume || end == kNotTheSame) return false;
  const TapPair& taps = taps_.pair(first.tap, second.tap);
  out.by_volume = true;
  out.timing = closeness(gap, error);
  out.lengths = volume->lengths;
  out.volume = volume->sum() + end + (taps.passes || taps.relays ? kClearPrior : 0);
  return out.volume > 0 && out.volume + out.timing >= kLeastBits;
}

void Courses::search_volume(std::uint32_t slot, bool settles, Likely& out) {
  if (!moved_bytes(slot)) return;
  const Connection& connection = connections_[slot];
  int steps = 0;
  for (std::uint16_t tap = 0; tap < taps_.size() && steps < kMostSteps; ++tap) {
    if (tap == connection.tap || has_partner(slot, tap)) continue;
    Likely here;
    Crowd crowd;
    bool met = false;
    std::uint32_t others = 0;
    std::uint32_t fitting = 0;
    const std::int64_t second = connection.opened / kSlot;
    for (std::int64_t s = second - 1; s <= second + 1; ++s) {
      std::uint32_t course = head(kByTap, tap, s);
      for (; course != kNoSlot && steps < kMostSteps; ++steps) {
        const std::uint32_t other = courses_[course].slot;
        course = courses_[course].next[kByTap];
        const std::int64_t gap = std::abs(connections_[other].opened - connection.opened);
        if (connections_[other].tap != tap || gap > 2 * kReaction || !moved_bytes(other) ||
            has_partner(other, connection.tap))
          continue;
        crowd.add(gap);
        met = true;
        Found candidate;
        if (weigh_volume(slot, other, candidate)) here.add(candidate);
        others += candidate.slot != kNoSlot ? 1 : 0;
        fitting += candidate.by_volume && candidate.lengths > 0 ? 1 : 0;
      }
    }
    if (!met) continue;
    TapPair& taps = taps_.pair(connection.tap, tap);
    if (settles) ++taps.fits[connection.tap < tap ? 0 : 1].searched;
    const float usual = std::max(usual_bits(taps.fits[0]), usual_bits(taps.fits[1]));
    for (std::size_t i = 0; i < here.count; ++i) {
      Found& found = here.list[i];
      const std::uint32_t itself = found.lengths > 0 ? 1 : 0;
      found.volume -= crowd.bits(found.timing) + found.lengths -
                      lengths_bits(found.lengths, fitting - itself, others - 1);
      found.usual = usual;
      found.volume += usual;
      out.add(found);
    }
  }
}

// Where one of the two is a single one, the other may be in a crowd: as either side has it.
Courses::Found Courses::agreed(Found found, std::uint32_t slot, const Likely& others) {
  const Found* back = others.find(slot);
  if (!found.by_volume) return found;
  found.volume = back == nullptr || !back->by_volume ? std::min(found.usual, 0.0F)
                                                     : std::min(found.volume, back->volume);
  return found;
}

void Courses::count_fit(std::uint32_t slot, const Found& found) {
  if (!found.by_volume || found.volume - found.usual + found.timing < kFit) return;
  const std::uint16_t tap = connections_[slot].tap;
  const std::uint16_t other = connections_[found.slot].tap;
  TapPair::Fits& fits = taps_.pair(tap, other).fits[tap < other ? 0 : 1];
  fits.found = std::min(fits.found + 1, fits.searched);
}

// More is known of a pair each time that one of the two is looked at.
void Courses::join_volume(const Found& found, Pair& pair) {
  pair.by_volume = true;
  pair.field(EvidenceField::kVolume) = found.volume;
  pair.field(EvidenceField::kTiming) = found.timing;
  for (const EvidenceField end : {EvidenceField::kFarEndpoint, EvidenceField::kSourcePort})
    pair.field(end) = 0;  // a relay's ends are its own
  pair.prior = 0;
  pair.field(EvidenceField::kTcpOutcome) = 0;
  for (const std::uint32_t slot : pair.connection)
    pair.end = std::max(pair.end, connections_[slot].last);
  pair.sum();
}

}  // namespace natlens::correlate
