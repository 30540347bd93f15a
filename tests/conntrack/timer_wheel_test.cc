#include "timer_wheel.h"

#include <map>
#include <random>
#include <set>

#include "support/catch.h"

namespace natlens::conntrack {
namespace {

// The obviously right twin: entries in a set, by expiry and serial.
class Twin {
 public:
  void arm(std::uint32_t serial, Timestamp expiry) {
    disarm(serial);
    by_time_.insert({expiry, serial});
    of_serial_[serial] = expiry;
  }
  void disarm(std::uint32_t serial) {
    const auto found = of_serial_.find(serial);
    if (found == of_serial_.end()) return;
    by_time_.erase({found->second, serial});
    of_serial_.erase(found);
  }
  std::vector<std::uint32_t> expired(Timestamp now) {
    std::vector<std::uint32_t> out;
    while (!by_time_.empty() && by_time_.begin()->first <= now) {
      out.push_back(by_time_.begin()->second);
      disarm(out.back());
    }
    return out;
  }
  std::size_t size() const { return of_serial_.size(); }

 private:
  std::set<std::pair<Timestamp, std::uint32_t>> by_time_;
  std::map<std::uint32_t, Timestamp> of_serial_;
};

class Both {
 public:
  explicit Both(Timestamp start) : now_(start) { (void)wheel_.next_expired(now_); }

  void add(Nanoseconds after) {
    const RecordNumber record = table_.allocate();
    Entry& entry = table_[record];
    entry.serial = ++last_serial_;
    entry.expiry = now_ + after;
    wheel_.arm(record);
    twin_.arm(entry.serial, entry.expiry);
    records_.push_back(record);
  }
  void refresh(std::size_t which, Nanoseconds after) {
    Entry& entry = table_[records_[which]];
    entry.expiry = now_ + after;
    wheel_.changed(records_[which]);
    twin_.arm(entry.serial, entry.expiry);
  }
  void remove(std::size_t which) {
    const RecordNumber record = records_[which];
    wheel_.disarm(record);
    twin_.disarm(table_[record].serial);
    forget(which);
  }
  void pass(Nanoseconds time) {
    now_ = now_ + time;
    std::vector<std::uint32_t> expired;
    if (wheel_.due(now_)) {
      for (RecordNumber r = wheel_.next_expired(now_); r != kNoRecord;
           r = wheel_.next_expired(now_)) {
        expired.push_back(table_[r].serial);
        forget(static_cast<std::size_t>(std::find(records_.begin(), records_.end(), r) -
                                        records_.begin()));
      }
    }
    REQUIRE(expired == twin_.expired(now_));
  }
  std::size_t size() const { return records_.size(); }

 private:
  void forget(std::size_t which) {
    table_.release(records_[which]);
    records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  Table table_{true};
  TimerWheel wheel_{table_};
  Twin twin_;
  Timestamp now_;
  std::uint32_t last_serial_ = 0;
  std::vector<RecordNumber> records_;
};

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

TEST_CASE("timer wheel: expires what a sorted set expires, in its order",
          "[conntrack][timer]") {
  const auto seed = GENERATE(range(1, 25));
  INFO("seed " << seed);
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  // Delays as timeouts are: nothing, seconds, days, years; and the odd nanosecond.
  const auto delay = [&] {
    static constexpr std::array<std::int64_t, 9> kTimeouts{0,   1,    3,      10,         30,
                                                           120, 3600, 432000, 100'000'000};
    return Nanoseconds(kTimeouts[random() % kTimeouts.size()] * kSecond +
                       static_cast<std::int64_t>(random() % 3));
  };
  Both both(Timestamp::from_ns(static_cast<std::int64_t>(random() >> 2)));
  for (int i = 0; i < 3000; ++i) {
    const auto choice = random() % 10;
    if (choice < 3 || both.size() == 0) {
      both.add(delay());
    } else if (choice < 6) {
      both.refresh(random() % both.size(), delay());
    } else if (choice < 7) {
      both.remove(random() % both.size());
    } else {
      static constexpr std::array<std::int64_t, 6> kSteps{
          0, 1000, kSecond / 15, kSecond, 100 * kSecond, 500'000 * kSecond};
      both.pass(Nanoseconds(kSteps[random() % kSteps.size()] +
                            static_cast<std::int64_t>(random() % 1000)));
    }
  }
  both.pass(Nanoseconds(200'000'000 * kSecond));
  CHECK(both.size() == 0);
}

TEST_CASE("timer wheel: expiry is exact to the nanosecond", "[conntrack][timer]") {
  Both both(Timestamp::from_ns(kSecond));
  both.add(Nanoseconds(30 * kSecond));
  both.pass(Nanoseconds(30 * kSecond - 1));
  CHECK(both.size() == 1);
  both.pass(Nanoseconds(1));
  CHECK(both.size() == 0);
}

TEST_CASE("timer wheel: the ends of time do no harm", "[conntrack][timer]") {
  Both early(Timestamp::from_ns(std::numeric_limits<std::int64_t>::min() + 5));
  early.add(Nanoseconds(kSecond));
  early.pass(Nanoseconds(std::numeric_limits<std::int64_t>::max()));
  CHECK(early.size() == 0);
  Both late(Timestamp::from_ns(std::numeric_limits<std::int64_t>::max() - 5));
  late.add(Nanoseconds(kSecond));
  late.pass(Nanoseconds(100));
  CHECK(late.size() == 0);  // the last moment there is
}

}  // namespace natlens::conntrack
