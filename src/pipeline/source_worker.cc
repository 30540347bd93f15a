#include "source_worker.h"

#include <algorithm>
#include <cassert>

#include "natlens/stream/fingerprint.h"

#include "source_tap.h"

namespace natlens::pipeline {

SourceWorker::SourceWorker(std::uint16_t index,
                           std::unique_ptr<capture::Source> source,
                           const WorkerOptions& options,
                           Channel<SourceBatch>& channel)
    : index_(index),
      source_(std::move(source)),
      options_(options),
      channel_(channel),
      slots_(std::make_unique<std::array<decode::DecodedFrame, kFramesAhead>>()) {}

SourceWorker::~SourceWorker() = default;

SourceBatch::TapStatus SourceWorker::status(std::size_t tap) const {
  const Tap& one = *taps_[tap];
  return {one.index, source_->taps()[tap], one.decoder.stats(), one.counters,
          source_->files().front()};
}
const TapCounters& SourceWorker::counters(std::size_t tap) const {
  return taps_[tap]->counters;
}

void SourceWorker::run() {
  take_batch();
  while (batch_ != nullptr) {
    if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
      // A line has no end that was missed.
      stopped_ = !options_.live;
      if (options_.live) files_ended_ = source_->files().size();
      break;
    }
    const auto frames = source_->next(kFramesAhead);
    if (frames.empty() && source_->ended()) {
      files_ended_ = source_->files().size();
      break;
    }
    process(frames);
    bytes_read_.store(source_->bytes_read(), std::memory_order_relaxed);
    if (options_.live && !tick()) break;
    if (batch_->records.sightings.size() + batch_->records.closed.size() >= kBatchSightings) {
      send(false);
    }
  }
  if (batch_ != nullptr) {
    source_->count();
    batch_->messages = source_->take_messages();
    finish_taps();
  }
  if (batch_ != nullptr) send(true);
  channel_.close();
}

bool SourceWorker::send(bool last) {
  auto& records = batch_->records;
  records.source = index_;
  records.last = last;
  batch_->live = options_.live && !last;
  channel_.send(std::move(batch_));
  if (last) return true;
  return take_batch();
}

bool SourceWorker::take_batch() {
  batch_ = channel_.acquire();
  // The receiver has gone: what is still told goes nowhere.
  if (batch_ != nullptr) batch_->clear();
  stream::Batch* records = batch_ != nullptr ? &batch_->records : &untold_;
  for (auto& tap : taps_) tap->batch = records;
  return batch_ != nullptr;
}

// Frames of one tap that follow each other form a run; a run also ends behind a frame whose
// layers are in the decoder's own bytes (reassembled, decrypted), which live only until the
// tap's next decode.
void SourceWorker::process(std::span<const capture::Frame> frames) {
  std::size_t begin = 0;
  while (begin < frames.size()) {
    note_files(frames[begin]);
    Tap& tap = tap_of(frames[begin]);
    const std::size_t end = decode_run(frames, begin, tap);
    track_run(tap, frames, begin);
    begin = end;
  }
}

std::size_t SourceWorker::decode_run(std::span<const capture::Frame> frames,
                                     std::size_t begin,
                                     Tap& tap) {
  packets_.clear();
  origins_.clear();
  const auto learnt =
      tap.decoder.learn(source_->secrets(), source_->files()[frames[begin].file].path);
  if (!learnt && wrong_secrets_.empty()) wrong_secrets_ = learnt.error().message;
  std::size_t end = begin;
  while (end < frames.size() && frames[end].tap == frames[begin].tap &&
         frames[end].file == frames[begin].file) {
    const auto slot = static_cast<std::uint16_t>(end - begin);
    tap.decoder.decode(frames[end], (*slots_)[slot]);
    if (frames[end].time.has_value()) tap.time = std::max(tap.time, frames[end].time);
    add_packets(slot, frames[end], tap);
    ++end;
    if ((*slots_)[slot].own_bytes) break;
  }
  return end;
}

void SourceWorker::add_packets(std::uint16_t slot, const capture::Frame& frame, Tap& tap) {
  const decode::DecodedFrame& decoded = (*slots_)[slot];
  if (tap.copies.is_copy(decoded, frame, frame.time.has_value() ? frame.time : tap.time))
    return;
  const auto layers = decoded.layers();
  std::int16_t carrier = -1;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const decode::Layer& layer = layers[i];
    // A fragment that waits for the others has no connection yet (conntrack defragments first).
    if (layer.fragment && i == 0) {
      const Timestamp time = frame.time.has_value() ? frame.time : tap.time;
      tap.pieces.hold(layer, frame.ordinal, time);
      auto& notes = batch_->records.notes;
      const std::size_t before = notes.size();
      tap.notes.fragment(layer, time, frame.ordinal, notes);
      tap.place_notes(before, decoded);
    }
    if (layer.quoted || layer.fragment) break;
    conntrack::Packet packet;
    packet.layer = &layer;
    if (i + 1 < layers.size() && layers[i + 1].quoted) packet.quoted = &layers[i + 1];
    packet.zone = layer.zone;
    packet.frame = frame.ordinal;
    packet.time = frame.time.has_value() ? frame.time : tap.time;
    origins_.push_back({slot, static_cast<std::uint8_t>(i), carrier});
    carrier = static_cast<std::int16_t>(packets_.size());
    packets_.push_back(packet);
  }
}

void SourceWorker::track_run(Tap& tap,
                             std::span<const capture::Frame> frames,
                             std::size_t begin) {
  verdicts_.assign(packets_.size(), {});
  tap.run_opened.clear();
  const std::uint32_t begin_position = tap.position();
  const std::size_t first_closed = batch_->records.closed.size();
  tap.tracker.track(packets_, verdicts_);
  for (const auto& verdict : verdicts_) tap.blocks.prefetch_index(verdict.connection);
  for (const auto& verdict : verdicts_) tap.blocks.prefetch(verdict.connection);
  auto& sightings = batch_->records.sightings;
  for (std::size_t i = 0; i < packets_.size(); ++i) {
    const conntrack::Verdict& verdict = verdicts_[i];
    ++tap.counters.ip_packets;
    const bool invalid = verdict.packet_class == conntrack::PacketClass::kInvalid;
    if (invalid) record_invalid(tap, i);
    const bool stray = invalid && verdict.connection == 0 && claim_stray(tap, i);
    const std::size_t before = sightings.size();
    if (verdict.opened) record_opened(tap, i, frames[begin + origins_[i].slot], begin_position);
    if (verdict.connection == 0) {
      record_notes(tap, i, before);
      continue;
    }
    if (const auto& layer = *packets_[i].layer;
        layer.transport == decode::TransportKind::kTcp &&
        (layer.tcp.flags & decode::tcp_flag::kSyn) != 0) {
      record_handshake(tap, i);
    }
    stream::append_sightings(*packets_[i].layer, verdict, packets_[i].time, packets_[i].frame,
                             sightings);
    if (!stray) {
      tap.blocks.read(*packets_[i].layer, verdict, packets_[i].time, packets_[i].frame,
                      sightings);
    }
    record_notes(tap, i, before);
    for (std::size_t s = before; s < sightings.size(); ++s) {
      sightings[s].tap = tap.index;
      if (origins_[i].layer != 0) sightings[s].ip_bytes = 0;
    }
    if (stray) continue;
    record_statements(tap, i);
    record_tunnel(tap, i);
    if (origins_[i].carrier >= 0) record_carrier(tap, i);
  }
  tap.strays.expire(tap.time, tap.ended_strays);
  tap.close_strays();
  settle_closed(tap, first_closed);
  batch_->records.watermark = tap.time;
}

// A connection that a run both used and ended is closed behind its last sighting.
void SourceWorker::settle_closed(Tap& tap, std::size_t first) {
  for (std::size_t c = first; c < batch_->records.closed.size(); ++c) {
    stream::ClosedRecord& closed = batch_->records.closed[c];
    closed.position = tap.position();
    tap.statements.forget(closed.entry.connection);
    tap.blocks.forget(closed.entry.connection);
    tap.notes.forget(closed.entry.connection);
    tap.carriers.take(closed.entry, tap.index, batch_->records.carriers);
  }
}

SourceWorker::Tap& SourceWorker::tap_of(const capture::Frame& frame) {
  add_taps(frame.tap + std::size_t{1});
  return *taps_[frame.tap];
}

void SourceWorker::add_taps(std::size_t count) {
  while (taps_.size() < count) {
    batch_->new_taps.push_back(source_->taps()[taps_.size()]);
    taps_.push_back(
        std::make_unique<Tap>(static_cast<std::uint16_t>(taps_.size()), options_, *this));
    taps_.back()->batch = &batch_->records;
  }
}

void SourceWorker::note_files(const capture::Frame& frame) {
  if (files_noted_ == std::size_t{frame.file} + 1) return;
  files_noted_ = std::size_t{frame.file} + 1;
  files_ended_ = frame.file;  // they are read in turn
  batch_->file_starts.push_back({frame.file, frame.ordinal - frame.number + 1});
}

void SourceWorker::finish_taps() {
  for (auto& tap : taps_) {
    if (batch_ == nullptr) return;  // the receiver has gone
    tap->finishing = true;
    tap->counters.statements_left_out = tap->statements.left_out();
    tap->counters.copies = tap->copies.copies();
    tap->counters.evicted = tap->tracker.stats().evicted;
    tap->tracker.finish(tap->time);
    if (batch_ == nullptr) return;
    tap->strays.finish(tap->time, tap->ended_strays);
    tap->close_strays();
  }
}

}  // namespace natlens::pipeline
