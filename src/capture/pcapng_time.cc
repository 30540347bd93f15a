// 128-bit arithmetic keeps every resolution exact down to the nanosecond; what is finer is cut
// off.

#include "pcapng_time.h"

namespace natlens::capture {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr unsigned kMaxDecimal = 19;  // 10^19 is the largest power of ten in 64 bits
constexpr unsigned kMaxBinary = 63;

std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t power = 1;
  for (unsigned i = 0; i < exponent; ++i) power *= 10;
  return power;
}

}  // namespace

TimeUnits::TimeUnits(std::uint8_t resolution, std::int64_t offset_seconds)
    : offset_seconds_(offset_seconds) {
  const bool binary = (resolution & 0x80) != 0;
  const unsigned exponent = resolution & 0x7f;
  if (exponent > (binary ? kMaxBinary : kMaxDecimal)) {
    kind_ = Kind::kUnknown;
  } else if (binary) {
    kind_ = Kind::kShift;
    shift_ = static_cast<std::uint8_t>(exponent);
  } else if (exponent <= 9) {
    kind_ = Kind::kMultiply;
    factor_ = power_of_ten(9 - exponent);
  } else {
    kind_ = Kind::kDivide;
    factor_ = power_of_ten(exponent - 9);
  }
}

Timestamp TimeUnits::convert_slowly(std::uint64_t units) const {
  Wide ns = 0;
  switch (kind_) {
    case Kind::kMultiply:
      ns = Wide{units} * Wide{factor_};
      break;
    case Kind::kDivide:
      ns = Wide{units / factor_};
      break;
    case Kind::kShift:
      ns = (Wide{units} * kNsPerSecond) >> shift_;
      break;
    case Kind::kUnknown:
      return Timestamp::none();
  }
  ns += Wide{offset_seconds_} * kNsPerSecond;
  if (ns > std::numeric_limits<std::int64_t>::max() ||
      ns <= std::numeric_limits<std::int64_t>::min()) {
    return Timestamp::none();
  }
  return Timestamp::from_ns(static_cast<std::int64_t>(ns));
}

}  // namespace natlens::capture
