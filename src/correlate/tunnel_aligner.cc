#include "tunnel_aligner.h"

#include <algorithm>

namespace natlens::correlate {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
// Lags below this are alike: what a capture's time stamps can tell.
constexpr std::int64_t kFinest = 50'000;
constexpr float kMissed = 4;        // bits against: an outer packet without inner one
constexpr float kPassedOver = 1.5;  // ... an inner packet that was not in the tunnel
constexpr float kMostBitsOfOne = 10;
constexpr float kMostBits = 400;
constexpr std::int64_t kDormant = 30 * kSecond;
// Packets that waited for a handshake leave at once when it is done.
constexpr std::int64_t kBurst = 50 * kMillisecond;
constexpr std::int64_t kLongestHandshake = 10 * kSecond;
// What Nagle's algorithm, a delayed acknowledgement and a retransmission make of a record.
constexpr std::int64_t kStreamDelay = 5 * kMillisecond;
constexpr std::int64_t kLongestStreamDelay = 1 * kSecond;
constexpr std::uint64_t kMostHoles = 32;

}  // namespace

void TunnelAligner::drop() {
  dropped_ = true;
  states_.clear();
  near_.clear();
}

float TunnelAligner::prior() const {
  const float odds = static_cast<float>(inside_ + 1) / static_cast<float>(outside_ + 1);
  return std::clamp(std::log2(odds), -3.0F, 6.0F);
}

AlignedOuter TunnelAligner::row_of(const Context& context, const OuterPacket& outer) const {
  AlignedOuter row;
  row.earliest = outer.earliest;
  row.latest = outer.latest;
  row.bytes = outer.bytes;
  row.typical = usual_ns_;
  row.reach = std::clamp((accepted_ ? 64 : 256) * usual_ns_, 5 * kMillisecond, 2 * kSecond);
  if (outer.in_stream) {
    row.typical = std::max(row.typical, kStreamDelay);
    row.reach = std::max(row.reach, kLongestStreamDelay);
  }
  const Tunnel& tunnel = *context.tunnels.find(context.tunnel);
  if (tunnel.announced == INT64_MIN) return row;
  const std::int64_t waited = outer.earliest - tunnel.announced;
  const std::int64_t begun = context.tunnels.session(outer.session).first;
  if (outer.earliest - begun < kBurst && waited >= 0 && waited < kLongestHandshake &&
      !lags_.outer_first) {
    row.typical = std::max(row.typical, waited);
    row.reach = std::max(row.reach, waited + 100 * kMillisecond);
  }
  return row;
}

// Counters that no tap showed, between the last one that was and this one: inner packets may
// have been in them.
void TunnelAligner::add_holes(const Context& context,
                              const OuterPacket& outer,
                              const AlignedOuter& row) {
  std::uint64_t before = 0;
  if (!outer_packets_.empty() && outer_packets_.back() != nullptr &&
      outer_packets_.back()->session == outer.session) {
    before = outer_packets_.back()->counter;
  } else if (const auto& session = context.tunnels.session(outer.session); session.aligned) {
    before = session.last_counter;
  } else {
    return;
  }
  if (outer.counter <= before + 1) return;
  const std::uint64_t missing = outer.counter - before - 1;
  if (missing > kMostHoles) return;
  for (std::uint64_t i = 0; i < missing; ++i) {
    AlignedOuter hole = row;
    hole.hole = true;
    if (!outer_.empty()) hole.earliest = std::min(hole.earliest, outer_.back().earliest);
    outer_.push_back(hole);
    outer_packets_.push_back(nullptr);
  }
}

void TunnelAligner::gather_outer(const Context& context, std::span<OuterPacket* const> rows) {
  outer_.clear();
  outer_packets_.clear();
  for (OuterPacket* outer : rows) {
    const AlignedOuter row = row_of(context, *outer);
    if (outer->numbered) add_holes(context, *outer, row);
    outer_.push_back(row);
    outer_packets_.push_back(outer);
  }
}

// Above 0: its opener is on the tap's side of the tunnel; below: on the other.
int TunnelAligner::side(const InnerEnds& ends) const {
  const auto vote = [&](std::uint64_t address) {
    const auto found = near_.find(address);
    return address == 0 || found == near_.end() ? 0 : found->second;
  };
  return vote(ends.src) - vote(ends.dst);
}

void TunnelAligner::learn_side(const InnerEnds& ends, const InnerState& state) {
  if (near_.size() > kMostStates) near_.clear();
  const int vote = state.lane_of_original() == out_lane_ ? 1 : -1;
  for (const auto& [address, sign] : {std::pair(ends.src, vote), std::pair(ends.dst, -vote)}) {
    if (address == 0) continue;
    int& votes = near_[address];
    votes = std::clamp(votes + sign, -16, 16);
  }
}

void TunnelAligner::add_inner(const Context& context, unsigned lane, std::uint64_t number) {
  const InnerPacket& packet = context.ring[number];
  if (packet.taken) return;
  const InnerEnds& ends = context.ends_at(tap_, packet.connection);
  if (ends.carrier || (ends.owner != UINT32_MAX && ends.owner != context.tunnel)) return;
  const auto reply = static_cast<unsigned>(packet.direction);
  const InnerState* state = find(packet.connection);
  float skip = 0.5F;
  if (state != nullptr && state->oriented()) {
    if ((state->lane_of_original() ^ reply) != lane) return;
    if (accepted_) skip = 3;
  } else if (const int known = side(ends); known > 1 || known < -1) {
    const unsigned original = known > 0 ? out_lane_ : 1 - out_lane_;
    if ((original ^ reply) != lane) return;
    if (accepted_) skip = 2;
  }
  inner_.push_back({packet.time, packet.bytes, packet.connection * 2 + reply, skip});
  inner_numbers_.push_back(number);
  ++inner_sizes_[rule_.padded(packet.bytes)];
}

void TunnelAligner::gather_inner(const Context& context, unsigned lane) {
  inner_.clear();
  inner_numbers_.clear();
  inner_sizes_.clear();
  std::uint64_t next = std::max(cursor_[lane], context.ring.begin());
  for (const AlignedOuter& row : outer_) {
    const std::int64_t from =
        lags_.outer_first ? row.latest - lags_.slack : row.earliest - row.reach;
    const std::int64_t to =
        lags_.outer_first ? row.latest + row.reach : row.earliest + lags_.slack;
    next = std::max(next, context.ring.at(from));
    for (; next < context.ring.end() && context.ring[next].time <= to; ++next) {
      if (inner_.size() == kMostInner) return;
      add_inner(context, lane, next);
    }
  }
}

// How unlikely it is, in bits, that a packet of this length lies so near by chance.
float TunnelAligner::surprise(const AlignedOuter& row, std::int64_t lag) const {
  const auto same = inner_sizes_.find((row.bytes - rule_.fixed + rule_.block - 1U) /
                                      rule_.block * rule_.block);
  const float count = same != inner_sizes_.end() ? static_cast<float>(same->second) : 1.0F;
  const auto span =
      static_cast<float>(std::max(kSecond, inner_.back().time - inner_.front().time));
  const auto around = static_cast<float>(2 * ((lag < 0 ? -lag : lag) + kFinest));
  const float chance = -std::expm1(-count * around / span);
  return std::min(kMostBitsOfOne, -std::log2(chance)) - (lag < 0 ? 3.0F : 0.0F);
}

void TunnelAligner::passed_over(const Context& context, unsigned lane, std::uint64_t until) {
  const std::int64_t since = context.tunnels.find(context.tunnel)->first;
  for (std::uint64_t n = std::max(cursor_[lane], context.ring.begin()); n < until; ++n) {
    const InnerPacket& packet = context.ring[n];
    if (packet.taken || packet.time < since) continue;
    InnerState* state = find(packet.connection);
    if (state == nullptr || !state->oriented()) continue;
    const unsigned original = state->lane_of_original();
    if ((original ^ static_cast<unsigned>(packet.direction)) != lane) continue;
    state->bits[original] -= kPassedOver;
  }
  cursor_[lane] = until + 1;
}

void TunnelAligner::seen_again(const OuterLink& link,
                               const OuterPacket& outer,
                               const OuterSeen& seen,
                               std::uint64_t key,
                               bool keep_links) {
  InnerState* state = find(link.connection);
  if (state == nullptr) return;
  const ConnectionRef carrier{seen.tap, seen.connection};
  if (keep_links && link.frame != 0) {
    state->links.push_back(
        {{tap_, link.connection}, carrier, link.direction, link.frame, seen.frame});
  }
  auto known = std::find_if(state->carriers.begin(), state->carriers.end(), [&](const auto& c) {
    return c.carrier == carrier && c.direction == link.direction && c.key == key;
  });
  if (known == state->carriers.end()) {
    if (state->carriers.size() == kMostCarriers) return;
    state->carriers.push_back({carrier, link.direction, key, 0, seen.time, seen.time, {}});
    known = state->carriers.end() - 1;
  }
  ++known->packets;
  known->sizes.back = seen.back;
  // In a stream no IP packet is one record.
  if (link.bytes != 0)
    known->sizes.add(outer.in_stream ? 0 : outer.ip_bytes, link.bytes, outer.in_fragments);
  known->first = std::min(known->first, seen.time);
  known->last = std::max(known->last, seen.time);
}

void TunnelAligner::link(const Context& context,
                         unsigned lane,
                         std::size_t row,
                         std::uint64_t number,
                         bool sure,
                         float bits) {
  InnerPacket& packet = context.ring[number];
  InnerEnds& ends = context.ends_at(tap_, packet.connection);
  const auto reply = static_cast<unsigned>(packet.direction);
  if (states_.size() >= kMostStates && !states_.contains(packet.connection)) return;
  const auto [found, made] = states_.try_emplace(packet.connection);
  if (made && !rehearsing_) ends.known_to.emplace_back(context.tunnel, context.number);
  InnerState& state = found->second;
  float& of_lane = state.bits[lane ^ reply];
  of_lane = std::min(kMostBits, of_lane + bits);
  ++(sure ? state.linked : state.unsure)[reply];
  OuterPacket& outer = *outer_packets_[row];
  state.overhead[reply] += outer.ip_bytes - std::min(outer.ip_bytes, packet.bytes);
  if (state.oriented()) learn_side(ends, state);
  if (rehearsing_) return;
  if (accepted_ && sure) packet.taken = true;
  const OuterLink link{context.number, packet.connection, sure ? packet.frame : 0,
                       sure ? packet.bytes : 0, packet.direction};
  const std::uint64_t key = context.tunnels.session(outer.session).key;
  for (std::size_t s = 0; s < outer.seen_count; ++s) {
    seen_again(link, outer, outer.seen[s], key, context.keep_links);
  }
  if (outer.link_count < outer.links.size()) outer.links[outer.link_count++] = link;
}

// Its outer packet was sent, says the counter, and no tap has it.
void TunnelAligner::unseen(const Context& context, const Choice& choice) {
  if (choice.inner == Choice::kNone || choice.margin < kMargin || !accepted_) return;
  InnerPacket& packet = context.ring[inner_numbers_[static_cast<std::size_t>(choice.inner)]];
  InnerState* state = find(packet.connection);
  if (state == nullptr) return;
  packet.taken = true;
  ++state->unseen[static_cast<std::size_t>(packet.direction)];
}

void TunnelAligner::judge(const Context& context,
                          unsigned lane,
                          std::size_t row,
                          const Choice& choice) {
  if (outer_[row].hole) return unseen(context, choice);
  if (choice.inner == Choice::kNone) {
    // Only while the tap was capturing.
    const bool there = context.ring.begin() != context.ring.end() &&
                       context.ring[context.ring.end() - 1].time >= outer_[row].earliest;
    if (there && !rule_.is_ping(outer_[row].bytes)) bits_ -= kMissed;
    return;
  }
  const auto inner = static_cast<std::size_t>(choice.inner);
  const std::int64_t lag = lags_.lag(inner_[inner], outer_[row]);
  const float bits = surprise(outer_[row], lag);
  bits_ += bits;  // no upper bound: hypotheses that both fit are told apart by their lead
  const bool sure = choice.margin >= kMargin;
  if (sure && outer_[row].typical == usual_ns_) {
    typical_ns_ =
        std::clamp(typical_ns_ + (lag - typical_ns_) / 16, kFinest / 2, 50 * kMillisecond);
  }
  const std::uint64_t number = inner_numbers_[inner];
  if (choice.owner_margin >= kMargin) link(context, lane, row, number, sure, bits);
  passed_over(context, lane, number);
}

void TunnelAligner::rehearse(const Context& context,
                             const std::array<std::span<OuterPacket* const>, 2>& lanes) {
  const float bits = bits_;
  const auto cursor = cursor_;
  auto states = std::move(states_);
  states_.clear();
  rehearsing_ = true;
  for (const unsigned lane : {0U, 1U}) align(context, lane, lanes[lane], lanes[lane].size());
  rehearsing_ = false;
  states_ = std::move(states);
  cursor_ = cursor;
  bits_ = bits;
}

void TunnelAligner::align(const Context& context,
                          unsigned lane,
                          std::span<OuterPacket* const> rows,
                          std::size_t final_rows) {
  lags_ = {lane != out_lane_, context.slack};
  usual_ns_ = typical_ns_;
  gather_outer(context, rows);
  gather_inner(context, lane);
  const auto choices = context.alignment.align(inner_, outer_, rule_, lags_);
  std::size_t real = 0;
  for (std::size_t row = 0; row < choices.size() && real < final_rows; ++row) {
    judge(context, lane, row, choices[row]);
    if (!outer_[row].hole) ++real;
  }
  if (bits_ <= kRefuse && !accepted_ && !rehearsing_) {
    dormant_until_ = context.now + kDormant;
    bits_ = 0;
    states_.clear();
    near_.clear();
  }
}

}  // namespace natlens::correlate
