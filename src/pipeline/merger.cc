#include "merger.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "merge_lane.h"
#include "probe.h"

namespace natlens::pipeline {
namespace {

// How often the correlator is told the time: more often costs, less often keeps pairs waiting.
constexpr Nanoseconds kAdvanceEvery = std::chrono::milliseconds(100);

constexpr std::size_t kAhead = 8;  // sightings

// IP without frames of a link: an interface that a program or the kernel made up.
bool is_device(capture::LinkType link_type) {
  constexpr auto kBare = std::to_array<capture::LinkType>({0, 12, 14, 101, 108, 228, 229});
  return std::find(kBare.begin(), kBare.end(), link_type) != kBare.end();
}

}  // namespace

Merger::Merger(std::vector<std::unique_ptr<Channel<SourceBatch>>>& channels,
               const AnalysisOptions& options,
               correlate::Correlator& correlator,
               correlate::TunnelTracker& tunnels,
               Recorder& recorder,
               StoreThread& store)
    : channels_(channels),
      options_(options),
      correlator_(correlator),
      tunnels_(tunnels),
      recorder_(recorder),
      store_(store),
      global_(channels.size()),
      announced_(channels.size()),
      frame_names_(channels.size()) {
  for (std::uint16_t s = 0; s < channels.size(); ++s) {
    lanes_.push_back(std::make_unique<Lane>());
    lanes_.back()->source = s;
  }
}

Merger::~Merger() {
  for (auto& channel : channels_) channel->abandon();
}

void Merger::set_files(const std::vector<std::size_t>& counts) {
  std::int64_t next = 1;
  for (const std::size_t count : counts) {
    first_file_.push_back(next);
    next += static_cast<std::int64_t>(count);
  }
}

void Merger::add_tap(std::uint16_t source,
                     std::uint16_t local,
                     const correlate::ClockEstimate& clock) {
  assert(global_[source].size() == local);
  MergedTap tap{source, local, clock};
  tap.clock.tap = static_cast<std::uint16_t>(taps_.size());
  global_[source].push_back(tap.clock.tap);
  taps_.push_back(tap);
  recorder_.add_tap(frame_names_[source]);
  correlator_.add_tap(tap.clock);
  tunnels_.add_tap(tap.clock);
}

std::uint16_t Merger::global(std::uint16_t source, std::uint16_t local) const {
  return global_[source][local];
}

// Taps that the probe did not reach keep the clock of their source's first tap: interfaces of
// one file were stamped by one machine.
void Merger::announce(Lane& lane) {
  const SourceBatch& batch = *lane.batch;
  for (const auto& start : batch.file_starts) {
    frame_names_[lane.source].add(file_id(lane.source, start.file), start.first_ordinal);
  }
  std::size_t seen = 0;
  for (const auto& info : batch.new_taps) {
    const std::size_t local = announced_[lane.source] + seen;
    ++seen;
    if (local >= global_[lane.source].size()) {
      correlate::ClockEstimate clock;
      if (local > 0) clock = taps_[global_[lane.source][0]].clock;
      clock.steps.clear();  // nothing takes them off
      clock.given = options_.live && !taps_.empty();
      apply_given(options_, info.name, clock);
      add_tap(lane.source, static_cast<std::uint16_t>(local), clock);
    }
    if (is_device(info.link_type)) tunnels_.set_device(global_[lane.source][local]);
  }
  announced_[lane.source] += seen;
  for (const std::string& message : batch.messages) options_.live->tell(message);
}

// The next batch of a lane, waiting for it; false at the source's end.
bool Merger::refill(Lane& lane) {
  if (lane.ended) return false;
  auto& channel = *channels_[lane.source];
  if (lane.batch) channel.release(std::move(lane.batch));
  lane.batch = channel.receive();
  lane.sighting = lane.opened = lane.handshake = lane.event = lane.closed = lane.invalid =
      lane.statement = lane.tunnel_packet = lane.note = 0;
  if (!lane.batch) {
    lane.ended = true;
    for (const std::uint16_t tap : global_[lane.source]) correlator_.end(tap);
    return false;
  }
  announce(lane);
  for (const auto& row : lane.batch->records.carriers) {
    const std::uint16_t tap = global(lane.source, row.tap);
    recorder_.carrier(tap, row, taps_[tap].clock);
  }
  return true;
}

// The corrected time of the lane's next sighting; of its watermark if the batch has no more.
void Merger::key(Lane& lane) {
  const auto& records = lane.batch->records;
  if (lane.sighting < records.sightings.size()) {
    const auto& next = records.sightings[lane.sighting];
    const std::size_t ahead = std::min(lane.sighting + kAhead, records.sightings.size() - 1);
    prefetch_line(&records.sightings[ahead]);  // another core wrote it
    lane.corrected = taps_[global(lane.source, next.tap)].clock.to_reference(next.time);
    lane.time = std::max(lane.time, lane.corrected);
  } else if (lane.batch->live) {
    lane.time = std::max(lane.time, reference(lane.source, records.watermark));
  }
}

void Merger::apply_until(Lane& lane, std::uint32_t position) {
  const auto& r = lane.batch->records;
  for (; lane.opened < r.opened.size() && r.opened[lane.opened].position <= position;
       ++lane.opened) {
    const auto& opened = r.opened[lane.opened];
    const std::uint16_t tap = global(lane.source, opened.tap);
    recorder_.open(tap, opened);
    correlator_.open(tap, opened);
    tunnels_.open(tap, opened);
  }
  for (; lane.tunnel_packet < r.tunnel_packets.size() &&
         r.tunnel_packets[lane.tunnel_packet].position <= position;
       ++lane.tunnel_packet) {
    const auto& packet = r.tunnel_packets[lane.tunnel_packet];
    const std::uint16_t tap = global(lane.source, packet.tap);
    tunnels_.packet(tap, packet, taps_[tap].clock.to_reference(packet.time));
  }
  for (; lane.handshake < r.handshakes.size() &&
         r.handshakes[lane.handshake].position <= position;
       ++lane.handshake) {
    const auto& handshake = r.handshakes[lane.handshake];
    recorder_.handshake(global(lane.source, handshake.tap), handshake);
  }
  for (; lane.event < r.events.size() && r.events[lane.event].position <= position;
       ++lane.event) {
    const auto& event = r.events[lane.event];
    recorder_.event(global(lane.source, event.tap), event.event);
  }
  for (; lane.invalid < r.invalid.size() && r.invalid[lane.invalid].position <= position;
       ++lane.invalid) {
    const auto& invalid = r.invalid[lane.invalid];
    const std::uint16_t tap = global(lane.source, invalid.tap);
    recorder_.invalid(tap, invalid, taps_[tap].clock, frame_names_[lane.source]);
  }
  for (; lane.statement < r.statements.size() &&
         r.statements[lane.statement].position <= position;
       ++lane.statement) {
    const auto& statement = r.statements[lane.statement];
    const std::uint16_t tap = global(lane.source, statement.tap);
    correlator_.say(tap, statement);
    recorder_.statement(tap, statement, taps_[tap].clock, frame_names_[lane.source]);
  }
  for (; lane.note < r.notes.size() && r.notes[lane.note].position <= position; ++lane.note) {
    const auto& note = r.notes[lane.note];
    const std::uint16_t tap = global(lane.source, note.tap);
    recorder_.note(tap, note, taps_[tap].clock, frame_names_[lane.source]);
  }
  close_until(lane, position);
}

void Merger::close_until(Lane& lane, std::uint32_t position) {
  const auto& r = lane.batch->records;
  for (; lane.closed < r.closed.size() && r.closed[lane.closed].position <= position;
       ++lane.closed) {
    const auto& closed = r.closed[lane.closed];
    const std::uint16_t tap = global(lane.source, closed.tap);
    correlator_.close(tap, closed.entry);
    tunnels_.close(tap, closed.entry);
    recorder_.close(tap, closed.entry, taps_[tap].clock, frame_names_[lane.source]);
  }
}

void Merger::step(Lane& lane) {
  const auto& records = lane.batch->records;
  apply_until(lane, static_cast<std::uint32_t>(lane.sighting));
  if (lane.sighting == records.sightings.size()) {
    if (lane.batch->live) {
      take_live(lane);
      advance(lane.time);
    }
    refill(lane);
    return;
  }
  const auto& sighting = records.sightings[lane.sighting++];
  const std::uint16_t tap = global(lane.source, sighting.tap);
  correlator_.sight(tap, sighting);
  if (sighting.kind == stream::SightingKind::kIcmpError) {
    recorder_.icmp_error(tap, sighting, taps_[tap].clock);
  }
  if (sighting.fingerprint < watch_below_) watch(tap, sighting);
  tunnels_.sight(tap, sighting, lane.corrected);
  advance(lane.time);
}

void Merger::advance(Timestamp now) {
  if (advanced_.has_value() && now - advanced_ < kAdvanceEvery) return;
  advanced_ = now;
  correlator_.advance(advanced_);
}

// The fingerprint as one of the probe: with the way that the packet went in bit 0.
void Merger::watch(std::uint16_t tap, const stream::Sighting& sighting) {
  if (sighting.fingerprint == 0) return;
  const bool toward_server = sighting.direction == conntrack::Direction::kOriginal;
  const std::uint64_t print = (sighting.fingerprint | 3U) - (toward_server ? 0U : 1U);
  watch_.add(tap, sighting.frame, print, sighting.time);
}

bool Merger::clocks_stepped() const {
  const auto clocks = watch_.estimate(static_cast<std::uint16_t>(taps_.size()));
  return std::any_of(clocks.begin(), clocks.end(),
                     [](const auto& clock) { return !clock.steps.empty(); });
}

void Merger::run() {
  for (auto& lane : lanes_) refill(*lane);
  while (!store_.failed()) {
    Lane* first = nullptr;
    Lane* second = nullptr;
    for (auto& lane : lanes_) {
      if (lane->ended) continue;
      key(*lane);
      if (first == nullptr || lane->time < first->time) {
        second = first;
        first = lane.get();
      } else if (second == nullptr || lane->time < second->time) {
        second = lane.get();
      }
    }
    if (first == nullptr) return;
    // The first lane goes on until another one's turn comes.
    do {
      step(*first);
      if (!first->ended) key(*first);
    } while (!first->ended &&
             (second == nullptr || first->time < second->time ||
              (first->time == second->time && first->source < second->source)) &&
             !store_.failed());
  }
}

}  // namespace natlens::pipeline
