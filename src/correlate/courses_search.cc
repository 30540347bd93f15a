// Where the connections are found that another may have become: by an end that they share, by
// the other side of a known frontend, by what was said, by time and volume.
#include "courses.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kSlot = kReaction;  // ns, of the index
constexpr int kMostSteps = 256;            // along a chain

}  // namespace

// Adds the likely ones among those that have `endpoint` at their end and began about `moment`.
void Courses::search(std::uint32_t slot,
                     unsigned end,
                     const Endpoint& endpoint,
                     std::int64_t moment,
                     Likely& out) {
  for (std::int64_t second = moment / kSlot - 1; second <= moment / kSlot + 1; ++second) {
    std::uint32_t course = head(end, key_of(endpoint), second);
    for (int steps = 0; course != kNoSlot && steps < kMostSteps; ++steps) {
      Found found;
      const std::uint32_t other = courses_[course].slot;
      course = courses_[course].next[end];
      if (other != slot && weigh(slot, other, found)) out.add(found);
    }
  }
}

// Those on the other side of what is known as a frontend.
void Courses::search_frontends(std::uint32_t slot, Likely& out) {
  frontends_.each(endpoint(slot, 0), [&](const Endpoint& end) {
    search(slot, 0, end, connections_[slot].opened, out);
  });
}

// Those that what was said names, or that named this one.
void Courses::search_said(std::uint32_t slot, Likely& out) {
  const Connection& connection = connections_[slot];
  if (const Request* asked = requests_.of(connection)) {
    for (const Address& address : requests_.addresses(*asked))
      search(slot, 0, {address, asked->target.port}, asked->time, out);
    if (asked->bound.port != 0) search(slot, 1, asked->bound, asked->time, out);
    if (asked->client.port != 0) search(slot, 1, asked->client, connection.opened, out);
  }
  int steps = 0;
  const auto use = [&](const ConnectionRef& who) {
    const std::uint32_t other = connections_.find(who.tap, who.serial);
    Found found;
    if (other != kNoSlot && other != slot && connections_[other].course != kNoSlot &&
        weigh(slot, other, found) && found.tie != Tie::kNone) {
      out.add(found);
    }
    return ++steps < kMostSteps;
  };
  requests_.each(connection.opened - kReaction, connection.opened + kReaction, use);
}

Courses::Likely Courses::likely(std::uint32_t slot, bool settles) {
  Likely out;
  for (unsigned end = 0; end < 2; ++end)
    search(slot, end, endpoint(slot, end), connections_[slot].opened, out);
  search_frontends(slot, out);
  search_said(slot, out);
  search_volume(slot, settles, out);
  return out;
}

}  // namespace natlens::correlate
