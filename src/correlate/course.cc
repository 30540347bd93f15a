#include "course.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace natlens::correlate {
namespace {

// Fewer bytes than the first block of a stream: nothing to recognise it by.
constexpr std::uint32_t kFewBytes = 16;
constexpr std::int64_t kPrompt = 200'000;  // ns; sooner says no more

// What both became: bits for the client's side (row) and the proxy's (column).
constexpr std::array<std::array<int, 4>, 4> kBecame{{
    //  unanswered, refused, open, ended
    {2, -4, kNever, kNever},  // unanswered
    {0, 2, kNever, kNever},   // refused: by the far end, or the proxy gave up
    {-2, -4, 1, -4},          // open
    {-2, -2, -4, 2},          // ended
}};

bool has_blocks(const Course& course) {
  return course.bytes[0] >= kFewBytes || course.bytes[1] >= kFewBytes;
}

// Bits for the few bytes of each direction; kNever where they cannot be the same.
int bytes_bits(const Course& client, const Course& proxy) {
  if (proxy.answered == 0) return 0;  // what the client sent did not come to anything
  if (has_blocks(client) || has_blocks(proxy)) return kNever;
  if (client.bytes != proxy.bytes) return kNever;
  return client.bytes[0] + client.bytes[1] != 0 ? 3 : 0;
}

// Bits for the moments at which both were answered and ended.
int moments_bits(const Course& client, const Course& proxy, std::int64_t error) {
  int bits = 0;
  // Answered before the far end was: the proxy wants a request first, or it is another one.
  if (proxy.answered != 0 && client.answered != 0 && client.answered + error < proxy.answered)
    bits -= 2;
  if (client.ended == 0 || proxy.ended == 0) return bits;
  const std::int64_t gap = std::abs(client.ended - proxy.ended);
  if (client.answered != 0 && proxy.answered != 0) {
    // Two that were answered together and soon ended did so together, too.
    const std::int64_t lasted =
        std::min(client.ended - client.answered, proxy.ended - proxy.answered);
    const float together = std::min(closeness(gap, error) / 2, closeness(gap, error, lasted));
    return bits + (gap > kReaction ? -2 : static_cast<int>(together));
  }
  if (client.answered != 0) return bits;  // refused there, closed here whenever it liked
  if (client.ended + error < proxy.ended) return kNever;
  return bits - (gap > kReaction / 10 ? 2 : 0);
}

}  // namespace

float closeness(std::int64_t gap, std::int64_t error, std::int64_t within) {
  const auto apart = static_cast<float>(std::max<std::int64_t>(gap, 0) + kPrompt + error);
  const auto most = static_cast<float>(std::clamp<std::int64_t>(within, 1, kReaction));
  return std::max(0.0F, std::log2(most / apart));
}

int outcome_bits(const Course& client, const Course& proxy, std::int64_t error) {
  const int became = kBecame[static_cast<std::size_t>(client.outcome())]
                            [static_cast<std::size_t>(proxy.outcome())];
  const int bytes = bytes_bits(client, proxy);
  const int moments = moments_bits(client, proxy, error);
  if (became == kNever || bytes == kNever || moments == kNever) return kNever;
  return became + bytes + moments;
}

}  // namespace natlens::correlate
