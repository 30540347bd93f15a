// Connections that go on, for who reads while a capture runs: their pairs as they stand. Told
// of under the serial that the translation keeps, or taken back when the pair is settled
// otherwise. Nothing is decided by it.
#include "settle.h"
#include "translate.h"

namespace natlens::correlate {

Provisional::Ends Settler::ends_of(const Pair& pair) const {
  Provisional::Ends ends;
  for (unsigned e = 0; e < 2; ++e) {
    const Connection& connection = connections_[pair.connection[e]];
    ends[e] = {connection.tap, connection.serial};
  }
  return ends;
}

std::uint64_t Settler::serial_of(std::uint32_t pair) {
  const std::uint64_t told = provisional_.find(pair, ends_of(pairs_[pair]));
  return told != 0 ? told : ++serial_;
}

void Settler::tell(std::uint32_t slot, std::int64_t since) {
  open_.clear();
  pairs_.each(slot, [&](std::uint32_t p, const Pair& pair) {
    // What rests on odds may still turn out to be one of many.
    const bool settled = !pair.lost && !pair.stray && !pair.by_odds();
    if (pair.end_of(slot) == 0 && pair.end >= since && settled) open_.push_back(p);
  });
  if (open_.empty()) return;
  if (taps_.size() > 2) neighbours_.mark_long(slot);
  for (const std::uint32_t p : open_) {
    Pair& pair = pairs_[p];
    if (pair.is_long || !matcher_.judge().acceptable(p)) continue;
    auto [out, ways] = translate(pair, connections_, taps_);
    out.serial = serial_of(p);
    for (unsigned d = 0; d < 2; ++d) out.packets[d] = accounts_.summary(pair, ways[d]);
    out.margin_bits = matcher_.judge().margin(p);
    out.confidence = pair.total >= static_cast<float>(options_.certain_bits)
                         ? Confidence::kCertain
                         : Confidence::kLikely;
    const std::uint64_t stale = provisional_.set(p, ends_of(pair), out.serial);
    if (stale != 0) sink_.taken_back(stale);
    sink_.provisional(out);
  }
}

// REQUIRES: the pair is judged. Told of, and not handed out: it was none.
void Settler::take_back(std::uint32_t pair, bool handed_out) {
  const std::uint64_t told = provisional_.find(pair, ends_of(pairs_[pair]));
  if (told != 0 && !handed_out) sink_.taken_back(told);
  provisional_.forget(pair);
}

}  // namespace natlens::correlate
