// What a tracked packet leaves in the batch, besides its sightings.
#include <algorithm>
#include <cassert>

#include "natlens/stream/fingerprint.h"
#include "natlens/stream/tunnel_packets.h"

#include "source_tap.h"

namespace natlens::pipeline {
namespace {

// INVALID packets stored in full per connection and reason; without a connection, per reason.
constexpr std::uint32_t kInvalidKept = 100;
constexpr std::uint32_t kInvalidKeptWithoutConnection = 10'000;

}  // namespace

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
  const auto outer = static_cast<std::size_t>(origin.carrier);
  const decode::Layer& around = *packets_[outer].layer;
  stream::CarriedSizes sizes;
  sizes.back = verdicts_[outer].direction == conntrack::Direction::kReply;
  // A datagram put together was in several packets, each in an outer one of its own.
  if (const decode::Layer& inner = *packets_[packet].layer; !inner.reassembled)
    sizes.add(around.total_bytes, inner.total_bytes, around.reassembled);
  tap.carriers.carried(verdict.connection, verdict.direction, verdicts_[outer].connection,
                       encapsulation_of(via), origin.layer, packets_[packet].time, sizes);
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

}  // namespace natlens::pipeline
