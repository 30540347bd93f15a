// Time stamps of pcapng: a 64-bit count in units that each interface chooses.
#pragma once

#include <cstdint>
#include <limits>

#include "natlens/net/timestamp.h"

namespace natlens::capture {

// if_tsresol and if_tsoffset of one interface, ready for use. Microseconds without them.
class TimeUnits {
 public:
  TimeUnits() = default;
  // `resolution` as in the file: bit 7 clear, 10^-n; set, 2^-n.
  TimeUnits(std::uint8_t resolution, std::int64_t offset_seconds);

  // False: a resolution that nothing can have (10^-20, 2^-64); such frames have no time.
  bool known() const { return kind_ != Kind::kUnknown; }

  // none() for a time outside of what Timestamp can hold (1677 to 2262).
  Timestamp convert(std::uint64_t units) const {
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    if (kind_ == Kind::kMultiply && offset_seconds_ == 0 && units <= kMax / factor_)
        [[likely]] {
      return Timestamp::from_ns(static_cast<std::int64_t>(units * factor_));
    }
    return convert_slowly(units);
  }

 private:
  enum class Kind : std::uint8_t {
    kMultiply,  // 10^-n, n <= 9: ns = units * factor
    kDivide,    // 10^-n, n > 9: ns = units / factor
    kShift,     // 2^-n: ns = units * 10^9 / 2^n
    kUnknown,
  };

  Timestamp convert_slowly(std::uint64_t units) const;

  Kind kind_ = Kind::kMultiply;
  std::uint8_t shift_ = 0;
  std::uint64_t factor_ = 1000;
  std::int64_t offset_seconds_ = 0;
};

}  // namespace natlens::capture
