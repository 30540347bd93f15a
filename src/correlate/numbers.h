// TCP sequence numbers that a box shifts: how those of one connection become those of its
// partner.
//
// A SYN proxy or a box that draws initial numbers of its own shifts a direction from the
// beginning on; an ALG that changes the length of a payload (FTP, SIP) from that payload on.
// Numbers are those of pairs' end 1, which are turned into those of end 0 before anything is
// looked up: so all the rest of correlation knows one numbering only.
#pragma once

#include <array>
#include <cstdint>

#include "natlens/stream/records.h"

namespace natlens::correlate {

class NumberMap {
 public:
  // Numbers behind `after` are `shift` more here than at the partner.
  struct Change {
    std::uint32_t after = 0;
    std::int32_t shift = 0;
  };
  static constexpr std::size_t kMostChanges = 8;  // of a direction; the oldest is forgotten

  // Directions are the connection's own. What is shifted from the beginning on.
  void begin(unsigned direction, std::int32_t shift) {
    ways_[direction].first = shift;
    ways_[direction].known = true;
  }
  bool known(unsigned direction) const { return ways_[direction].known; }
  bool complete() const { return known(0) && known(1); }
  // False: nothing new, it is a packet that was sent again.
  bool change(unsigned direction, std::uint32_t after, std::int32_t shift);

  std::int32_t first(unsigned direction) const { return ways_[direction].first; }
  std::int32_t last(unsigned direction) const { return at(direction, Way::kLast); }
  std::int32_t shift_of(unsigned direction, std::uint32_t number) const;
  // The changes behind the beginning, in order.
  template <typename Use>
  void each(unsigned direction, Use&& use) const {
    for (std::size_t i = 0; i < ways_[direction].count; ++i) use(ways_[direction].changes[i]);
  }

  // The sighting as the partner's tap would have shown it. REQUIRES: complete().
  stream::Sighting applied(const stream::Sighting& shown) const;

  // Packets between these two moments may have come before the map was known.
  std::int64_t unsure_from = 0;
  std::int64_t unsure_until = 0;

 private:
  struct Way {
    static constexpr std::size_t kLast = kMostChanges;
    std::array<Change, kMostChanges> changes{};
    std::size_t count = 0;
    std::int32_t first = 0;
    bool known = false;
  };
  // Behind the first `count` changes.
  std::int32_t at(unsigned direction, std::size_t count) const {
    const Way& way = ways_[direction];
    count = count < way.count ? count : way.count;
    return count == 0 ? way.first : way.changes[count - 1].shift;
  }

  std::array<Way, 2> ways_;
};

}  // namespace natlens::correlate
