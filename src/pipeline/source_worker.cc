#include "source_worker.h"

#include <algorithm>
#include <cassert>

#include "natlens/stream/blocks.h"
#include "natlens/stream/fingerprint.h"
#include "natlens/stream/notes.h"
#include "natlens/stream/statements.h"
#include "natlens/stream/tunnel_packets.h"

#include "carrier_log.h"
#include "piece_log.h"
#include "strays.h"

namespace natlens::pipeline {
namespace {

constexpr std::size_t kBatchSightings = 1024;
// INVALID packets stored in full per connection and reason; without a connection, per reason.
constexpr std::uint32_t kInvalidKept = 100;
constexpr std::uint32_t kInvalidKeptWithoutConnection = 10'000;

std::uint64_t invalid_key(std::uint32_t connection, conntrack::InvalidReason reason) {
  return std::uint64_t{connection} << 8 | static_cast<std::uint64_t>(reason);
}

}  // namespace

// What belongs to one tap: its decoder, its tracker, and what the tracker reported in this run.
struct SourceWorker::Tap final : conntrack::Sink {
  Tap(std::uint16_t tap_index, const WorkerOptions& options, SourceWorker& owner)
      : index(tap_index),
        worker(owner),
        decoder(options.decode),
        tracker(options.conntrack, *this) {}

  void opened(const conntrack::Opened& entry) override { run_opened.push_back(entry); }
  void event(const conntrack::Event& event) override {
    batch->events.push_back({position(), index, event});
  }
  void closed(const conntrack::Closed& entry) override {
    batch->closed.push_back({position(), index, entry});
    if (finishing) carriers.take(entry, index, batch->carriers);
    if (entry.invalid_packets != 0) forget_invalid(entry.connection);
    // At the end all live entries are closed in one go: that must not make one huge batch.
    if (finishing && batch->closed.size() >= kBatchSightings && !worker.send(false)) {
      batch->clear();
    }
  }

  void close_strays() {
    for (const conntrack::Closed& entry : ended_strays) closed(entry);
    ended_strays.clear();
  }
  std::uint32_t position() const { return static_cast<std::uint32_t>(batch->sightings.size()); }
  // MACs are those of the frame: they tell who sent it.
  void place_notes(std::size_t first, const decode::DecodedFrame& frame) const {
    for (std::size_t n = first; n < batch->notes.size(); ++n) {
      stream::PacketNote& note = batch->notes[n];
      note.tap = index;
      note.position = position();
      note.src_mac = frame.src_mac;
      note.dst_mac = frame.dst_mac;
    }
  }
  void forget_invalid(std::uint32_t connection) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(conntrack::InvalidReason::kCount);
         ++r) {
      invalid_kept.erase(invalid_key(connection, static_cast<conntrack::InvalidReason>(r)));
    }
  }

  const std::uint16_t index;
  SourceWorker& worker;
  bool finishing = false;
  stream::Batch* batch = nullptr;  // the one being filled
  decode::Decoder decoder;
  decode::CopyFinder copies;
  conntrack::Tracker tracker;
  stream::StatementReader statements;
  stream::BlockReader blocks;
  stream::NoteTaker notes;
  CarrierLog carriers;
  PieceLog pieces;
  StrayFlows strays;
  std::vector<conntrack::Closed> ended_strays;
  std::vector<conntrack::Opened> run_opened;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> invalid_kept;
  Timestamp time =
      Timestamp::from_ns(0);  // of the last frame that had one, never stepping back
  TapCounters counters;
};

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

const decode::DecoderStats& SourceWorker::decoder_stats(std::size_t tap) const {
  return taps_[tap]->decoder.stats();
}
const TapCounters& SourceWorker::counters(std::size_t tap) const {
  return taps_[tap]->counters;
}

void SourceWorker::run() {
  take_batch();
  while (batch_ != nullptr) {
    if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
      stopped_ = true;
      break;
    }
    const auto frames = source_->next(kFramesAhead);
    if (frames.empty()) {
      files_ended_ = source_->files().size();
      break;
    }
    process(frames);
    bytes_read_.store(source_->bytes_read(), std::memory_order_relaxed);
    if (batch_->records.sightings.size() + batch_->records.closed.size() >= kBatchSightings) {
      send(false);
    }
  }
  if (batch_ != nullptr) finish_taps();
  if (batch_ != nullptr) send(true);
  channel_.close();
}

bool SourceWorker::send(bool last) {
  auto& records = batch_->records;
  records.source = index_;
  records.last = last;
  channel_.send(std::move(batch_));
  if (last) return true;
  return take_batch();
}

bool SourceWorker::take_batch() {
  batch_ = channel_.acquire();
  if (batch_ == nullptr) return false;
  batch_->clear();
  for (auto& tap : taps_) tap->batch = &batch_->records;
  return true;
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
  // A connection that this run both used and ended is closed behind its last sighting.
  for (std::size_t c = first_closed; c < batch_->records.closed.size(); ++c) {
    stream::ClosedRecord& closed = batch_->records.closed[c];
    closed.position = tap.position();
    tap.statements.forget(closed.entry.connection);
    tap.blocks.forget(closed.entry.connection);
    tap.notes.forget(closed.entry.connection);
    tap.carriers.take(closed.entry, tap.index, batch_->records.carriers);
  }
  batch_->records.watermark = tap.time;
}

void SourceWorker::record_opened(Tap& tap,
                                 std::size_t packet,
                                 const capture::Frame& frame,
                                 std::uint32_t position) {
  const auto entry =
      std::find_if(tap.run_opened.begin(), tap.run_opened.end(),
                   [&](const auto& o) { return o.connection == verdicts_[packet].connection; });
  assert(entry != tap.run_opened.end());
  const Origin& origin = origins_[packet];
  const decode::DecodedFrame& decoded = (*slots_)[origin.slot];
  const decode::Layer& layer = *packets_[packet].layer;
  stream::Opened opened;
  opened.position = position;
  opened.tap = tap.index;
  opened.entry = *entry;
  opened.depth = origin.layer;
  const decode::Via* step = encapsulation_of(decoded.via(layer));
  if (origin.carrier < 0 && step != nullptr && !opened.is_stray()) {
    tap.carriers.framed(opened.entry.connection, *step, origin.layer, opened.entry.time);
  }
  opened.frame_direction = frame.direction;
  opened.ttl = layer.ttl;
  opened.tos = layer.tos;
  opened.tcp_flags = layer.transport == decode::TransportKind::kTcp ? layer.tcp.flags : 0;
  opened.ip_bytes = layer.total_bytes;
  opened.src_mac = decoded.src_mac;
  opened.dst_mac = decoded.dst_mac;
  batch_->records.opened.push_back(opened);
  if (!opened.is_stray()) ++tap.counters.connections;
}

// The refused packet as one of a flow without entry.
bool SourceWorker::claim_stray(Tap& tap, std::size_t packet) {
  conntrack::Opened entry;
  const bool claimed = tap.strays.claim(packets_[packet], verdicts_[packet], entry);
  if (claimed && verdicts_[packet].opened) tap.run_opened.push_back(entry);
  return claimed;
}

void SourceWorker::record_handshake(Tap& tap, std::size_t packet) {
  const stream::SynOptions options = stream::syn_options(*packets_[packet].layer);
  if ((options.flags & stream::syn_option::kSeen) == 0) return;
  batch_->records.handshakes.push_back({tap.position(), tap.index, verdicts_[packet].connection,
                                        verdicts_[packet].direction, options});
}

void SourceWorker::record_carrier(Tap& tap, std::size_t packet) {
  const Origin& origin = origins_[packet];
  const conntrack::Verdict& verdict = verdicts_[packet];
  const auto via = (*slots_)[origin.slot].via(*packets_[packet].layer);
  tap.carriers.carried(verdict.connection, verdict.direction,
                       verdicts_[static_cast<std::size_t>(origin.carrier)].connection,
                       encapsulation_of(via), origin.layer, packets_[packet].time);
}

void SourceWorker::record_invalid(Tap& tap, std::size_t packet) {
  ++tap.counters.invalid_packets;
  const conntrack::Verdict& verdict = verdicts_[packet];
  const std::uint32_t most =
      verdict.connection != 0 ? kInvalidKept : kInvalidKeptWithoutConnection;
  auto& kept = tap.invalid_kept[invalid_key(verdict.connection, verdict.invalid.reason)];
  if (kept >= most) return;
  ++kept;
  stream::InvalidRecord record;
  record.position = tap.position();
  record.tap = tap.index;
  record.connection = verdict.connection;
  record.frame = packets_[packet].frame;
  record.time = packets_[packet].time;
  record.tuple = decode::tuple_of(*packets_[packet].layer);
  record.detail = verdict.invalid;
  batch_->records.invalid.push_back(record);
}

void SourceWorker::record_statements(Tap& tap, std::size_t packet) {
  auto& statements = batch_->records.statements;
  const std::size_t before = statements.size();
  tap.statements.read(*packets_[packet].layer, verdicts_[packet], packets_[packet].time,
                      packets_[packet].frame, statements);
  for (std::size_t s = before; s < statements.size(); ++s) {
    statements[s].tap = tap.index;
    statements[s].position = tap.position();
  }
}

void SourceWorker::record_notes(Tap& tap, std::size_t packet, std::size_t first_sighting) {
  const Origin& origin = origins_[packet];
  const decode::DecodedFrame& decoded = (*slots_)[origin.slot];
  auto& notes = batch_->records.notes;
  const std::size_t before = notes.size();
  const decode::Layer& layer = *packets_[packet].layer;
  tap.notes.read(layer, packets_[packet].quoted, verdicts_[packet],
                 std::span(batch_->records.sightings).subspan(first_sighting),
                 packets_[packet].time, packets_[packet].frame, notes);
  if (!decoded.tail().empty() && origin.layer + 1 == decoded.layer_count &&
      verdicts_[packet].connection != 0) {
    tap.notes.handshake(layer, verdicts_[packet], decoded.tail().back(), packets_[packet].time,
                        packets_[packet].frame, notes);
  }
  tap.place_notes(before, decoded);
}

void SourceWorker::record_tunnel(Tap& tap, std::size_t packet) {
  const decode::DecodedFrame& decoded = (*slots_)[origins_[packet].slot];
  const decode::Layer& layer = *packets_[packet].layer;
  auto& out = batch_->records.tunnel_packets;
  const std::size_t before = out.size();
  if (layer.reassembled && origins_[packet].layer == 0) {
    tap.pieces.take(layer, verdicts_[packet], packets_[packet].frame, packets_[packet].time,
                    out);
  }
  if (!decoded.tail().empty() && origins_[packet].layer + 1 == decoded.layer_count) {
    stream::append_tunnel_packets(decoded, verdicts_[packet], packets_[packet].time,
                                  packets_[packet].frame, out);
  }
  for (std::size_t p = before; p < out.size(); ++p) {
    out[p].tap = tap.index;
    out[p].position = tap.position();
  }
}

SourceWorker::Tap& SourceWorker::tap_of(const capture::Frame& frame) {
  while (taps_.size() <= frame.tap) {
    batch_->new_taps.push_back(source_->taps()[taps_.size()]);
    taps_.push_back(
        std::make_unique<Tap>(static_cast<std::uint16_t>(taps_.size()), options_, *this));
    taps_.back()->batch = &batch_->records;
  }
  return *taps_[frame.tap];
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
    tap->tracker.finish(tap->time);
    if (batch_ == nullptr) return;
    tap->strays.finish(tap->time, tap->ended_strays);
    tap->close_strays();
  }
}

}  // namespace natlens::pipeline
