#include "volume.h"

#include <algorithm>
#include <cmath>

namespace natlens::correlate {
namespace {

constexpr std::uint32_t kPause = 2000;    // us between bursts
constexpr std::int64_t kHolds = 300'000;  // us that a relay may hold bytes back
constexpr float kFinest = 500;            // us; sooner says no more
// What a relay adds: a handshake with certificates, or a salt, an address and padding; to each
// record its header and tag; and there are at most a few records to a packet.
constexpr std::uint64_t kHandshake = 8192;
constexpr std::uint64_t kPerPacket = 48;
constexpr std::uint64_t kPerRecord = 48;  // one byte of so many, where frames are large
constexpr std::uint32_t kLeastAdded = 8;  // an IV
constexpr float kOctaves = 14;            // over which streams' lengths are spread
constexpr float kMostLengthBits = 7;
constexpr float kMostBurstBits = 4;
constexpr float kFirstBurstBits = 1;  // it follows from the opening
constexpr float kMissed = 3;
constexpr float kMostCourseBits = 26;
constexpr float kNoVolume = -100;

// One direction of the clear side and of the encrypted one.
struct Lane {
  const Bursts* clear = nullptr;
  const Bursts* cipher = nullptr;
  std::uint64_t clear_bytes = 0;
  std::uint64_t cipher_bytes = 0;
  std::uint64_t packets = 0;
  bool enciphers = false;  // bytes go from the clear side to the encrypted one
  std::int64_t ahead = 0;  // us that the clear side opened later
  bool whole = false;      // both sides ended: nothing is on its way
};

float length_bits(const Lane& lane) {
  const std::uint64_t clear = lane.clear_bytes;
  const std::uint64_t cipher = lane.cipher_bytes;
  const std::uint64_t most =
      clear + kHandshake + clear / kPerRecord + lane.packets * kPerPacket;
  const bool few = cipher < clear + (clear != 0 ? kLeastAdded : 0);
  const bool many = cipher > most;
  // What went in and did not come out may have been given up at the end.
  if (lane.enciphers ? many : few) return kNoVolume;
  if (few || many) return lane.whole ? -6.0F : -2.0F;
  const float width = std::log2(static_cast<float>(most + 1) / static_cast<float>(clear + 1));
  return std::clamp(std::log2(kOctaves / std::max(width, 0.01F)), 0.0F, kMostLengthBits);
}

// The mean time from one burst to the next, us.
float pace(const Bursts& bursts) {
  if (bursts.size() < 2) return kFinest;
  const std::uint32_t span = bursts[bursts.size() - 1].first - bursts[0].first;
  return static_cast<float>(span) / static_cast<float>(bursts.size() - 1);
}

// Bits for a burst so far from its own one, where others come as usual: a relay's delay is as
// likely of any order of magnitude, a stranger's of any length. So strangers come out below 0.
float step_bits(float gap, float usual, float error) {
  const float finest = kFinest + error;
  const float orders = std::max(1.0F, std::log(1 + usual / finest));
  return std::max(-kMissed, std::log2((usual + finest) / ((gap + finest) * orders)));
}

// Is each burst of the clear side one of the encrypted side, in time? Others may be there: a
// handshake, tickets.
float course_bits(const Lane& lane, std::int64_t error_us) {
  const Bursts& clear = *lane.clear;
  const Bursts& cipher = *lane.cipher;
  if (cipher.size() == 0) return clear.size() == 0 ? 0 : -kMissed;
  const std::int64_t until =
      cipher.complete() ? INT64_MAX : std::int64_t{cipher[cipher.size() - 1].last};
  const float usual = pace(cipher);
  float bits = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < clear.size(); ++i) {
    const std::int64_t first = std::int64_t{clear[i].first} + lane.ahead;
    const std::int64_t last = std::int64_t{clear[i].last} + lane.ahead;
    if (first > until) break;
    const std::int64_t from = lane.enciphers ? first - error_us : first - kHolds;
    const std::int64_t to = lane.enciphers ? last + kHolds : first + error_us;
    while (at < cipher.size() && cipher[at].last < from) ++at;
    if (at == cipher.size() || cipher[at].first > to) {
      bits -= kMissed;
      continue;
    }
    // The nearest in time among those that can be.
    std::size_t best = at;
    while (!lane.enciphers && best + 1 < cipher.size() && cipher[best + 1].first <= to) ++best;
    const std::int64_t gap = std::abs(std::int64_t{cipher[best].first} - first);
    if (cipher[best].first <= first && first <= cipher[best].last && gap > error_us) continue;
    bits += std::min(step_bits(static_cast<float>(gap), usual, static_cast<float>(error_us)),
                     i == 0 ? kFirstBurstBits : kMostBurstBits);
  }
  return bits;
}

// Of `client` and `proxy` the one is in clear, the other encrypted.
std::optional<VolumeBits> bits_if(const VolumeSide& client,
                                  const VolumeSide& proxy,
                                  bool client_clear,
                                  std::int64_t error) {
  const VolumeSide& clear = client_clear ? client : proxy;
  const VolumeSide& cipher = client_clear ? proxy : client;
  const auto microseconds = [](std::int64_t ns) { return ns / 1000; };
  float lengths = 0;
  float course = 0;
  for (const std::size_t d : {std::size_t{0}, std::size_t{1}}) {
    Lane lane;
    lane.clear = &(*clear.bursts)[d];
    lane.cipher = &(*cipher.bursts)[d];
    lane.clear_bytes = clear.bytes[d];
    lane.cipher_bytes = cipher.bytes[d];
    lane.packets = cipher.packets[d] + clear.packets[d];
    lane.enciphers = client_clear == (d == 0);
    lane.ahead = microseconds(clear.opened - cipher.opened);
    lane.whole = clear.ended && cipher.ended;
    const float length = length_bits(lane);
    if (length == kNoVolume) return std::nullopt;
    lengths += length;
    course += course_bits(lane, microseconds(error) + 1);
  }
  return VolumeBits{lengths, std::min(course, kMostCourseBits)};
}

}  // namespace

void Bursts::add(std::int64_t since_opened_ns, std::uint32_t bytes) {
  const auto time = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(since_opened_ns / 1000, 0, UINT32_MAX));
  if (count_ != 0 && time <= list_[count_ - 1U].last + std::uint64_t{kPause}) {
    list_[count_ - 1U].last = std::max(time, list_[count_ - 1U].last);
    list_[count_ - 1U].bytes = bytes;
  } else if (count_ < kMost) {
    list_[count_++] = {time, time, bytes};
  }
}

std::optional<VolumeBits> volume_bits(const VolumeSide& client,
                                      const VolumeSide& proxy,
                                      std::int64_t error) {
  if (client.bytes[0] + client.bytes[1] == 0) return std::nullopt;
  const std::optional<VolumeBits> to = bits_if(client, proxy, true, error);
  const std::optional<VolumeBits> from = bits_if(client, proxy, false, error);
  if (!to || !from) return to ? to : from;
  return to->sum() >= from->sum() ? to : from;
}

}  // namespace natlens::correlate
