// How many ICMP errors a router sends (RFC 1812 4.3.2.8, RFC 4443 2.4 f): in all, and to one
// sender, as Linux limits them (net.ipv4.icmp_msgs_per_sec, icmp_ratelimit).
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "natlens/net/address.h"
#include "natlens/net/bytes.h"
#include "natlens/net/timestamp.h"

namespace natlens::ruleset {

class ErrorLimit {
 public:
  // Senders share their allowance with those of the same place, which `secret` chooses.
  explicit ErrorLimit(std::uint64_t secret) : secret_(secret) {}

  // May this sender be told now? `path_mtu`: of what it needs to be able to send at all, only
  // the sum is bounded.
  bool allow(const Address& sender, Timestamp now, bool path_mtu) {
    Bucket& own = senders_[content_hash(sender.bytes(), secret_) % senders_.size()];
    if (!path_mtu && !own.has(now, kToOne, kMostToOne)) return false;
    if (!all_.has(now, kOfAll, kMostOfAll)) return false;
    own.tokens -= path_mtu ? 0 : 1;
    all_.tokens -= 1;
    return true;
  }

 private:
  static constexpr double kToOne = 1;  // per second
  static constexpr double kMostToOne = 6;
  static constexpr double kOfAll = 1000;
  static constexpr double kMostOfAll = 50;

  struct Bucket {
    double tokens = 0;
    Timestamp filled = Timestamp::none();

    bool has(Timestamp now, double per_second, double most) {
      if (!filled.has_value()) {
        tokens = most;
        filled = now;
      } else if (now > filled) {
        const auto seconds = std::chrono::duration<double>(now - filled).count();
        tokens = std::min(most, tokens + seconds * per_second);
        filled = now;
      }
      return tokens >= 1;
    }
  };

  std::uint64_t secret_;
  Bucket all_;
  std::array<Bucket, 1024> senders_;
};

}  // namespace natlens::ruleset
