#include "natlens/net/timestamp.h"

#include <fmt/format.h>

namespace natlens {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Split {
  std::int64_t seconds;
  std::int64_t nanoseconds;  // 0 .. 999,999,999, also before 1970
};

Split split(Timestamp time) {
  std::int64_t seconds = time.ns() / kSecond;
  std::int64_t rest = time.ns() % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return {seconds, rest};
}

}  // namespace

std::string format_iso8601(Timestamp time) {
  if (!time.has_value()) return "-";
  const auto [seconds, rest] = split(time);
  const std::chrono::sys_seconds moment{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{moment - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), rest);
}

std::string format_seconds(Timestamp time) {
  if (!time.has_value()) return "-";
  const auto [seconds, rest] = split(time);
  if (seconds < 0 && rest != 0) {  // -0.5 s is floor -1 + 0.5
    return fmt::format("-{}.{:09}", -(seconds + 1), kSecond - rest);
  }
  return fmt::format("{}.{:09}", seconds, rest);
}

}  // namespace natlens
