// Time as captures have it: signed nanoseconds since 1970-01-01T00:00:00Z.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <string>

namespace natlens {

using Nanoseconds = std::chrono::nanoseconds;

// A moment. Timestamp::none() is a frame without time (pcapng simple packet block); it orders
// before every other value.
class Timestamp {
 public:
  constexpr Timestamp() = default;
  static constexpr Timestamp from_ns(std::int64_t ns) { return Timestamp(ns); }
  static constexpr Timestamp none() {
    return Timestamp(std::numeric_limits<std::int64_t>::min());
  }
  static constexpr Timestamp max() {
    return Timestamp(std::numeric_limits<std::int64_t>::max());
  }

  constexpr std::int64_t ns() const { return ns_; }
  constexpr bool has_value() const { return ns_ != none().ns_; }

  constexpr auto operator<=>(const Timestamp&) const = default;
  // Saturate instead of overflowing: capture files may hold any 64-bit number.
  constexpr Timestamp operator+(Nanoseconds d) const { return Timestamp(add(ns_, d.count())); }
  constexpr Timestamp operator-(Nanoseconds d) const {
    return d.count() == std::numeric_limits<std::int64_t>::min()
               ? max()
               : Timestamp(add(ns_, -d.count()));
  }
  constexpr Nanoseconds operator-(Timestamp other) const {
    std::int64_t out = 0;
    if (__builtin_sub_overflow(ns_, other.ns_, &out)) {
      out = ns_ < other.ns_ ? std::numeric_limits<std::int64_t>::min()
                            : std::numeric_limits<std::int64_t>::max();
    }
    return Nanoseconds(out);
  }

 private:
  explicit constexpr Timestamp(std::int64_t ns) : ns_(ns) {}
  static constexpr std::int64_t add(std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    if (__builtin_add_overflow(a, b, &out)) {
      return b < 0 ? std::numeric_limits<std::int64_t>::min() + 1
                   : std::numeric_limits<std::int64_t>::max();
    }
    return out;
  }

  std::int64_t ns_ = std::numeric_limits<std::int64_t>::min();
};

// "2026-11-21T10:15:00.123456789Z"; "-" for none().
std::string format_iso8601(Timestamp time);
// "1795249854.501156772" (seconds, 9 digits); "-" for none().
std::string format_seconds(Timestamp time);

}  // namespace natlens
