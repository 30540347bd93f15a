// What a live source does by the clock, also while its taps are silent: entries time out, open
// connections and counters are told of, and the batch goes out with its watermark.
#include <algorithm>

#include "source_tap.h"

namespace natlens::pipeline {
namespace {

constexpr Nanoseconds kTickEvery = std::chrono::milliseconds(100);
constexpr Nanoseconds kBoundsHold = std::chrono::hours(1);
constexpr Nanoseconds kTellEvery = std::chrono::milliseconds(500);
// Open connections told of in one batch, for each tap: many more wait for the next ticks, so
// that a flood of them holds up nothing.
constexpr std::size_t kToldAtOnce = 4096;
constexpr std::uint32_t kToldAll = 0xffffffff;

}  // namespace

bool SourceWorker::tick() {
  add_taps(source_->taps().size());
  Timestamp now = source_->watermark();
  if (!now.has_value()) {
    for (const auto& tap : taps_) now = std::max(now, tap->time);
  }
  if (!now.has_value() || now - ticked_ < kTickEvery) return true;
  ticked_ = now;
  run_timers(now);
  if (!telling_ && now - began_ >= kTellEvery) {
    telling_ = true;
    began_ = now;
    tell_status();
  }
  if (telling_) tell_alive();
  batch_->messages = source_->take_messages();
  batch_->records.watermark = now;
  return send(false);
}

// What a tap keeps of one kind is bounded for a capture that ends: here for each hour.
void SourceWorker::renew_bounds(Timestamp now) {
  if (now - renewed_ < kBoundsHold) return;
  renewed_ = now;
  for (auto& tap : taps_) {
    tap->statements.renew_bound();
    tap->forget_invalid(0);
    tap->notes.forget(0);
  }
}

void SourceWorker::run_timers(Timestamp now) {
  renew_bounds(now);
  for (auto& tap : taps_) {
    tap->time = std::max(tap->time, now);
    const std::size_t first = batch_->records.closed.size();
    tap->tracker.advance(tap->time);
    tap->strays.expire(tap->time, tap->ended_strays);
    tap->close_strays();
    settle_closed(*tap, first);
  }
}

// A round tells of every entry with a packet since the round before began: by the watermark, so
// none that came later has an earlier time.
void SourceWorker::tell_alive() {
  telling_ = false;
  for (auto& tap : taps_) {
    if (tap->told_up_to == kToldAll) continue;
    tap->told_up_to = tap->tracker.alive(
        tap->told_up_to, kToldAtOnce, told_, [&](const conntrack::Closed& entry) {
          batch_->records.alive.push_back({tap->position(), tap->index, entry});
        });
    if (tap->told_up_to == 0) tap->told_up_to = kToldAll;
    telling_ = telling_ || tap->told_up_to != kToldAll;
  }
  if (telling_) return;
  for (auto& tap : taps_) tap->told_up_to = 0;
  told_ = began_;
}

void SourceWorker::tell_status() {
  for (auto& tap : taps_) {
    tap->counters.copies = tap->copies.copies();
    batch_->status.push_back(status(tap->index));
  }
}

}  // namespace natlens::pipeline
