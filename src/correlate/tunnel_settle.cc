// The end of hypotheses and of inner connections: which one about a tap is believed, and what
// is told of a connection when it is over.
#include <algorithm>

#include "tunnel_engine.h"

namespace natlens::correlate {
namespace {

constexpr std::int64_t kIdle = 60'000'000'000;
constexpr float kLikelyBits = 10;
constexpr float kCertainBits = 40;
constexpr float kLead = 10;  // of a hypothesis over others about the same tap
constexpr float kLongEnough = 100;

}  // namespace

// One hypothesis about a tap is enough bits ahead: the others go. Forms of lengths that the
// packets seen do not tell apart serve as well as each other, after a while.
void TunnelTracker::Impl::elect(Aligners& of, std::uint16_t tap) {
  TunnelAligner* best = nullptr;
  for (const auto& aligner : of) {
    if (aligner->tap() != tap || aligner->dropped()) continue;
    if (aligner->accepted()) return;
    if (best == nullptr || aligner->bits() > best->bits()) best = aligner.get();
  }
  if (best == nullptr || best->bits() < TunnelAligner::kAccept) return;
  for (const auto& aligner : of) {
    if (aligner->tap() != tap || aligner->dropped() || aligner.get() == best) continue;
    const bool same_end = aligner->out_lane() == best->out_lane();
    if (same_end && best->bits() >= kLongEnough) continue;
    if (best->bits() < aligner->bits() + kLead) return;
  }
  best->accept();
  for (const auto& aligner : of) {
    if (aligner->tap() == tap && aligner.get() != best) aligner->drop();
  }
}

// May this tap's tuples be taken for those inside the tunnel?
bool TunnelTracker::Impl::tells(const TunnelAligner& aligner,
                                std::uint32_t number,
                                const InnerEnds& of) {
  if (taps[aligner.tap()].device) return true;
  for (const auto& other : aligners[number]) {
    if (other->accepted() && taps[other->tap()].device) return false;
  }
  const Tunnel* tunnel = table.find(number);
  return !tunnel->is_end(of.src) && !tunnel->is_end(of.dst);
}

void TunnelTracker::Impl::tell(TunnelAligner& aligner,
                               std::uint32_t number,
                               const Ended& of,
                               const InnerState& state,
                               Account& account) {
  const ConnectionRef connection{of.tap, of.serial};
  const decode::Encapsulation kind = table.find(number)->kind;
  const float bits = state.lead() + aligner.prior();
  const bool inside =
      bits >= kLikelyBits &&
      state.linked[0] + state.linked[1] + state.unsure[0] + state.unsure[1] != 0;
  aligner.decided(inside);
  std::uint8_t rank = 0;
  const auto confidence = bits >= kCertainBits ? Confidence::kCertain : Confidence::kLikely;
  for (const CarrierCount& row : state.carriers) {
    if (inside) {
      sink.carried({connection, row.carrier, row.direction, kind, row.key, row.packets,
                    Timestamp::from_ns(row.first), Timestamp::from_ns(row.last), confidence,
                    bits, row.sizes});
    } else if (rank < 8) {
      sink.candidate({connection, row.carrier, bits, ++rank});
    }
  }
  if (!inside) return;
  for (const TunnelLink& link : state.links) sink.linked(link);
  account.add(kind, bits, state);
}

void TunnelTracker::Impl::Account::add(decode::Encapsulation of,
                                       float more_bits,
                                       const InnerState& state) {
  if (more_bits > bits) {
    kind = of;
    bits = more_bits;
  }
  for (const std::size_t d : {std::size_t{0}, std::size_t{1}}) {
    linked[d] += state.linked[d];
    unsure[d] += state.unsure[d];
    unseen[d] += state.unseen[d];
    overhead[d] += state.overhead[d];
  }
}

// One account, also of a connection that was in one tunnel after the other: a client that
// reconnects, or whose NAT forgot it, may show nothing by which the second is known to be the
// first.
void TunnelTracker::Impl::close_account(const Ended& of, const Account& account) {
  if (account.bits == 0) return;
  const auto confidence =
      account.bits >= kCertainBits ? Confidence::kCertain : Confidence::kLikely;
  for (const std::size_t d : {std::size_t{0}, std::size_t{1}}) {
    if (of.packets[d] == 0) continue;
    sink.tunnelled({{of.tap, of.serial},
                    static_cast<conntrack::Direction>(d),
                    account.kind,
                    confidence,
                    account.bits,
                    of.packets[d],
                    account.linked[d],
                    account.unsure[d],
                    account.unseen[d],
                    account.overhead[d]});
  }
}

void TunnelTracker::Impl::settle(const Ended& of) {
  const std::uint32_t slot = index.find(of.tap, of.serial);
  if (slot == kNoSlot) return;
  Account account;
  for (const auto& [number, i] : inner[slot].known_to) {
    if (table.find(number) == nullptr || number >= aligners.size() ||
        i >= aligners[number].size())
      continue;
    TunnelAligner& aligner = *aligners[number][i];
    const InnerState* state = aligner.find(of.serial);
    if (state == nullptr || aligner.tap() != of.tap) continue;
    if (aligner.accepted() && tells(aligner, number, inner[slot])) {
      tell(aligner, number, of, *state, account);
    }
    aligner.forget(of.serial);
  }
  close_account(of, account);
  index.erase(of.tap, of.serial);
  inner.give(slot);
}

// Tunnels that have been silent, whose carriers and inner connections are gone.
void TunnelTracker::Impl::sweep() {
  swept = now;
  for (std::uint32_t number = 0; number < table.size(); ++number) {
    const Tunnel* tunnel = table.find(number);
    if (tunnel == nullptr || tunnel->carriers != 0 || tunnel->due || now - tunnel->last < kIdle)
      continue;
    const bool busy = number < aligners.size() &&
                      std::any_of(aligners[number].begin(), aligners[number].end(),
                                  [](const auto& aligner) { return aligner->states() != 0; });
    if (busy) continue;
    if (number < aligners.size()) aligners[number].clear();
    table.release(number);
  }
}

}  // namespace natlens::correlate
