#include "gates.h"

#include <algorithm>
#include <array>

namespace natlens::findings {
namespace {

using std::chrono::milliseconds;

constexpr Nanoseconds kUnknownWindow = milliseconds(500);
constexpr std::uint64_t kEnoughPairs = 50;
// A connection that was open when the capture began acknowledges what came before it.
constexpr Nanoseconds kBeginning = milliseconds(1000);
constexpr double kLossyShare = 0.001;
constexpr std::size_t kLossyLeast = 3;

Nanoseconds from_ms(double ms) {
  return Nanoseconds(static_cast<std::int64_t>(ms * 1e6));
}

}  // namespace

Gates::Gates(const Picture& picture, const Parameters& parameters)
    : picture_(picture), parameters_(parameters) {
  for (const Connection& c : picture.connections()) shown_.emplace(c.tap, c.original.protocol);
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<std::uint64_t, std::int64_t>> seen;
  for (const Translation& t : picture.translations()) {
    auto& entry =
        seen[{picture.connections()[t.inside].tap, picture.connections()[t.outside].tap}];
    for (const auto& account : t.packets) {
      entry.first += account.both;
      if (account.both != 0) entry.second = std::max(entry.second, account.latency.p99_ns);
    }
  }
  for (const auto& [taps, entry] : seen) {
    const Nanoseconds window =
        entry.first < kEnoughPairs
            ? kUnknownWindow
            : std::clamp(Nanoseconds(8 * entry.second), Nanoseconds(milliseconds(50)),
                         Nanoseconds(milliseconds(2000)));
    for (const auto& pair : {taps, std::pair(taps.second, taps.first)}) {
      Nanoseconds& kept = windows_.try_emplace(pair, window).first->second;
      kept = std::max(kept, window);
    }
  }
  find_losses();
}

// Peers acknowledge what this tap never showed, and the other tap showed no such gap.
void Gates::find_losses() {
  std::map<std::int64_t, std::uint64_t> tcp;
  for (const Connection& c : picture_.connections()) {
    if (c.original.protocol == protocol::kTcp) ++tcp[c.tap];
  }
  for (const Invalid& row : picture_.invalid()) {
    if (row.reason != "ack_unseen" || row.connection == kNone) continue;
    const Connection& c = picture_.connections()[row.connection];
    const Tap* tap = picture_.tap(c.tap);
    if (tap == nullptr || !c.beginning_seen || row.frame.time - tap->first < kBeginning)
      continue;
    bool elsewhere = false;
    for (const std::uint32_t t : picture_.translations_of(row.connection)) {
      const std::uint32_t other = picture_.partner(picture_.translations()[t], row.connection);
      for (const std::uint32_t i : picture_.invalid_of(other)) {
        elsewhere = elsewhere || picture_.invalid()[i].reason == row.reason;
      }
    }
    if (elsewhere) continue;
    unseen_[c.tap].push_back(row.frame.time);
    unseen_connections_[c.tap].insert(row.connection);
  }
  for (const auto& [tap, connections] : unseen_connections_) {
    const double share = static_cast<double>(connections.size()) /
                         static_cast<double>(std::max<std::uint64_t>(tcp[tap], 1));
    if (connections.size() >= kLossyLeast && share > kLossyShare) lossy_.insert(tap);
  }
}

std::size_t Gates::connections_with_unseen_data(std::int64_t tap) const {
  const auto found = unseen_connections_.find(tap);
  return found == unseen_connections_.end() ? 0 : found->second.size();
}

bool Gates::loses_near(std::int64_t tap, Timestamp time) const {
  const auto found = unseen_.find(tap);
  if (found == unseen_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](Timestamp t) {
    return t >= time - milliseconds(1000) && t <= time + milliseconds(1000);
  });
}

Nanoseconds Gates::pair_window(std::int64_t tap, std::int64_t other) const {
  if (const double given = parameters_["pair_window_ms"]; given > 0) return from_ms(given);
  const auto found = windows_.find({tap, other});
  return found == windows_.end() ? kUnknownWindow : found->second;
}

Nanoseconds Gates::edge_guard(std::int64_t tap, std::int64_t other) const {
  if (const double given = parameters_["edge_guard_ms"]; given > 0) return from_ms(given);
  return std::max<Nanoseconds>(2 * pair_window(tap, other), milliseconds(1000));
}

bool Gates::covers(std::int64_t id, Timestamp time, Nanoseconds guard) const {
  const Tap* tap = picture_.tap(id);
  return tap != nullptr && tap->first.has_value() && time >= tap->first + guard &&
         time <= tap->last - guard;
}

bool Gates::meant_to_pass(const Tuple& tuple) {
  constexpr std::uint8_t kIgmp = 2;
  constexpr auto kLocalPorts =
      std::to_array<std::uint16_t>({67, 68, 137, 138, 546, 547, 1900, 5353, 5355});
  if (tuple.protocol == kIgmp || tuple.dst.is_multicast()) return false;
  for (const Address* address : {&tuple.src, &tuple.dst}) {
    const auto bytes = address->bytes();
    if (bytes.empty()) return false;
    if (address->is_v4()) {
      const bool local = (bytes[0] == 169 && bytes[1] == 254) || bytes[0] == 0 ||
                         bytes[0] == 127 || (bytes[3] == 255 && address == &tuple.dst);
      if (local) return false;
    } else if ((bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) ||
               std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; })) {
      return false;
    }
  }
  if (tuple.protocol != protocol::kUdp) return true;
  return std::none_of(kLocalPorts.begin(), kLocalPorts.end(), [&](std::uint16_t port) {
    return tuple.dst_port == port || tuple.src_port == port;
  });
}

Absence Gates::absence(std::int64_t seen,
                       std::int64_t missing,
                       Timestamp time,
                       const Tuple& tuple,
                       std::uint8_t ttl) const {
  Absence out;
  const Tap* tap = picture_.tap(missing);
  const Nanoseconds guard = edge_guard(seen, missing);
  out.shut_if(!covers(missing, time, guard) || !covers(seen, time, Nanoseconds(0)),
              Gate::kCoverage);
  if (tap == nullptr) return out;
  out.shut_if(tap->dropped != 0 || loses(missing) || loses_near(missing, time), Gate::kLoss);
  out.shut_if(!shown_.contains({missing, tuple.protocol}), Gate::kFilter);
  out.shut_if(tap->clock_basis == "unknown" && missing != 1, Gate::kCoverage);
  out.shut_if(Nanoseconds(tap->clock_error_ns) > pair_window(seen, missing) / 2, Gate::kClock);
  out.shut_if(ttl <= 1 || !meant_to_pass(tuple), Gate::kPlace);
  return out;
}

}  // namespace natlens::findings
