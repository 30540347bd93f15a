// Connections through a relay that encrypts them, by time and volume.
//
// Where a proxy encrypts what it passes on, or deciphers it, neither an end nor a byte is the
// same on both sides. There remain: that the one was opened a moment after the other, that the
// bytes of both came at the same moments, and that there are as many but for what encryption
// adds (volume.h). So a connection that settles is held against all that began at other taps
// within a second and have no partner there; each of them could fit by chance, so their number
// counts against the one that does. Never certain.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "courses.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kSlot = kReaction;  // ns, of the index
constexpr int kMostSteps = 512;            // along the chains of all taps
// Below this a candidate is not looked at again.
constexpr float kLeastBits = 6;
// Taps whose captures have nothing in common have clocks that nobody compared: they may be one.
constexpr std::int64_t kUncompared = 1'000'000;  // ns
constexpr float kMostEndBits = 4;
constexpr float kNotTogether = -4;
// The taps are known to pass connections on in clear.
constexpr float kClearPrior = -8;

// Bits for the moments at which both ended, or were last heard of.
float end_bits(const Course& one,
               std::int64_t last_of_one,
               const Course& other,
               std::int64_t last_of_other,
               std::int64_t error) {
  if (one.ended == 0 && other.ended == 0) return 0;
  const std::int64_t end = one.ended != 0 ? one.ended : last_of_one;
  const std::int64_t other_end = other.ended != 0 ? other.ended : last_of_other;
  const std::int64_t gap = std::abs(end - other_end);
  if (one.ended == 0 || other.ended == 0) return gap > kReaction ? kNoVolume : kNotTogether;
  return gap > kReaction ? kNotTogether : std::min(kMostEndBits, closeness(gap, error) / 2);
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

// REQUIRES: both moved bytes.
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
  const float volume = volume_bits(volume_side(client), volume_side(proxy), error);
  const float end = end_bits(before, first.last, after, second.last, error);
  if (volume == kNoVolume || end == kNoVolume) return false;
  const TapPair& taps = taps_.pair(first.tap, second.tap);
  out.slot = other;
  out.timing = closeness(gap, error);
  out.volume = volume + end + (taps.passes || taps.relays ? kClearPrior : 0);
  return out.volume > 0 && out.volume + out.timing >= kLeastBits;
}

void Courses::search_volume(std::uint32_t slot, Likely& out) {
  if (!moved_bytes(slot)) return;
  const Connection& connection = connections_[slot];
  int steps = 0;
  for (std::uint16_t tap = 0; tap < taps_.size() && steps < kMostSteps; ++tap) {
    if (tap == connection.tap || has_partner(slot, tap)) continue;
    Likely here;
    int rivals = 0;
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
        ++rivals;
        Found candidate;
        if (weigh_volume(slot, other, candidate)) here.add(candidate);
      }
    }
    const float chance = std::log2(static_cast<float>(std::max(rivals, 1)));
    for (std::size_t i = 0; i < here.count; ++i) {
      here.list[i].volume -= chance;
      if (here.list[i].volume > 0) out.add(here.list[i]);
    }
  }
}

void Courses::join_volume(const Found& found, Pair& pair) {
  pair.by_volume = true;
  pair.field(EvidenceField::kVolume) = found.volume;
  for (const EvidenceField end : {EvidenceField::kFarEndpoint, EvidenceField::kSourcePort})
    pair.field(end) = 0;  // a relay's ends are its own
  pair.prior = 0;
  pair.field(EvidenceField::kTcpOutcome) = 0;
}

}  // namespace natlens::correlate
