// How entries begin, and what a packet leaves behind in them.
#include <algorithm>

#include "engine.h"
#include "helper.h"

namespace natlens::conntrack {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// No NAT forgets an established TCP connection sooner; what is shorter is not kept.
constexpr Nanoseconds kLongSilence = std::chrono::seconds(20);

}  // namespace

// Seconds left as an event tells them: rounded down, as the kernel does, but as set if that was
// just now; the kernel's clock ticks too slowly to see such a difference.
std::uint32_t Engine::seconds_left(const Entry& entry) const {
  constexpr std::int64_t kJustNow = 150'000'000;
  const std::int64_t left = (entry.expiry - now_).count();
  const std::int64_t elapsed = entry.timeout_seconds * kSecond - left;
  if (elapsed < kJustNow) {
    return entry.timeout_seconds;
  }
  return left <= 0 ? 0 : static_cast<std::uint32_t>(left / kSecond);
}

// The table is full: one entry that is not ASSURED has to go. The kernel looks through a few
// places of its secret hash; here, as many entries from where the last search ended.
bool Engine::make_room() {
  if (values_.max == 0 || table_.size() < values_.max) {
    return true;
  }
  constexpr int kLooks = 8;
  for (int looks = 0; looks < kLooks && table_.records() > 0; ++looks) {
    const RecordNumber record = eviction_cursor_++ % table_.records();
    const Entry& entry = table_[record];
    if (entry.serial != 0 && !entry.has(status::kAssured)) {
      ++stats_.early_dropped;
      destroy(record, CloseReason::kEvicted, 0);
      return true;
    }
  }
  ++stats_.table_full;
  return false;
}

// More connections than memory is given for, as in a flood. One of the next few records goes: as
// records are handed out in order, of old ones. One that is assured goes only if all of them
// are: the one that would time out first.
void Engine::keep_bound() {
  if (values_.most_entries == 0 || table_.size() < values_.most_entries) return;
  constexpr int kLooks = 64;
  RecordNumber victim = kNoRecord;
  for (int looks = 0; looks < kLooks || victim == kNoRecord; ++looks) {
    const RecordNumber record = eviction_cursor_++ % table_.records();
    const Entry& entry = table_[record];
    if (entry.serial == 0) continue;
    if (!entry.has(status::kAssured)) {
      victim = record;
      break;
    }
    if (victim == kNoRecord || entry.expiry < table_[victim].expiry) victim = record;
  }
  ++stats_.evicted;
  destroy(victim, CloseReason::kEvicted, 0);
}

// The first packet was accepted: its entry leaves the scratch place, and what is announced in
// it is seen before the entry itself is told.
void Engine::begin(const Prepared& prepared, Verdict& verdict, const Expectation* met) {
  const RecordNumber record = table_.allocate();
  Entry& entry = table_[record];
  entry = scratch_;
  entry.serial = last_serial_ + 1;
  bool by_rule = false;
  HelperKind helper = helper_for(entry.original, by_rule);
  if (helper != HelperKind::kNone && by_rule) {
    entry.set(status::kHelper);
  } else if (met != nullptr) {
    helper = met->gives_helper;
  }
  if (met != nullptr) {
    Extension& extension = table_.extension(entry);
    extension.master = met->master_serial;
  }
  if (way_ != nullptr && !pass_first(record, prepared, verdict, met, helper)) {
    verdict.dropped = true;
    table_.release(record);
    return;
  }
  if (helper != HelperKind::kNone) {
    table_.extension(entry).helper = static_cast<std::uint8_t>(helper);
    if (!help(record, prepared.view, Direction::kOriginal, verdict.packet_class)) {
      verdict.dropped = true;
      expectations_.cancel_all_of(record);
      table_.release(record);  // dropped before it was confirmed: no entry
      return;
    }
  }
  if (way_ != nullptr && reply_taken(record)) {
    expectations_.cancel_all_of(record);
    edits_.clear();
    verdict.dropped = true;
    table_.release(record);  // insert_failed: dropped
    return;
  }
  ++last_serial_;
  confirm(record, prepared, verdict);
}

void Engine::confirm(RecordNumber record, const Prepared& prepared, Verdict& verdict) {
  Entry& entry = table_[record];
  entry.set(status::kConfirmed);
  entry.first_frame = entry.last_frame = prepared.packet->frame;
  entry.last_packet = now_;
  entry.count(0, prepared.view.ip_bytes);
  account(entry, 0, prepared.view.ip_bytes);
  entry.bits &=
      static_cast<std::uint8_t>(~(entry_bit::kUpdatePending | entry_bit::kProtoInfoPending));
  table_.insert(record);
  wheel_.arm(record);
  stats_.most_live = std::max<std::uint64_t>(stats_.most_live, table_.size());
  verdict.connection = entry.serial;
  verdict.opened = true;
  Opened opened;
  opened.connection = entry.serial;
  opened.frame = prepared.packet->frame;
  opened.zone = entry.zone;
  opened.time = now_;
  opened.original = entry.original;
  opened.reply = table_.reply_of(entry);
  opened.beginning_seen = (entry.bits & entry_bit::kBeginningUnseen) == 0;
  if (const Extension* extension = table_.extension_if(entry)) {
    opened.master = extension->master;
    opened.helper = helper_name(static_cast<HelperKind>(extension->helper));
  }
  sink_.opened(opened);
  emit(entry, EventKind::kNew, prepared.packet->frame, seconds_left(entry),
       has_states(entry.original.protocol));
}

// nf_conntrack_acct: a packet counts where it refreshes the timeout, or ends the entry.
void Engine::account(Entry& entry, unsigned direction, std::uint32_t bytes) {
  if (values_.acct == 0) {
    return;
  }
  DirectionCounters& counters = table_.extension(entry).accounted[direction];
  ++counters.packets;
  counters.bytes += bytes;
}

// How long an established connection was idle, which few are for long.
void Engine::end_tcp_silence(Entry& entry, unsigned direction) {
  if (entry.original.protocol != protocol::kTcp ||
      entry.state != static_cast<std::uint8_t>(TcpState::kEstablished)) {
    return;
  }
  std::uint32_t& longest = table_.extension(entry).silence_ms[direction];
  longest = std::max(longest, silence_ms(now_ - entry.last_packet));
}

void Engine::accepted(RecordNumber record,
                      Track& track,
                      const Packet& packet,
                      Verdict& verdict) {
  Entry& entry = track.entry;
  entry.count(track.dir(), track.packet.ip_bytes);
  entry.last_frame = track.frame;
  verdict.silence_ms = silence_ms(now_ - entry.last_packet);
  if (tells_silences(entry)) {
    entry.udp.seen(track.dir(), now_, entry.last_packet);
  } else if (now_ - entry.last_packet > kLongSilence) {
    end_tcp_silence(entry, track.dir());
  }
  entry.last_packet = now_;
  if (track.destroy) {
    verdict.dropped = way_ != nullptr && !pass_known(entry, packet, verdict);
    account(entry, track.dir(), track.packet.ip_bytes);
    destroy(record, CloseReason::kReset, track.frame);
    return;
  }
  if (track.refreshed) {
    account(entry, track.dir(), track.packet.ip_bytes);
    wheel_.changed(record);
  }
  if (track.direction == Direction::kReply && !entry.has(status::kSeenReply)) {
    entry.set(status::kSeenReply);
    track.changes.update = true;
  }
  if (track.changes.proto_info) {
    entry.bits |= entry_bit::kUpdatePending | entry_bit::kProtoInfoPending;
  } else if (track.changes.update) {
    entry.bits |= entry_bit::kUpdatePending;
  }
  if (way_ != nullptr && !pass_known(entry, packet, verdict)) {
    verdict.dropped = true;  // by a rule: its events, too, go out with the next packet
    return;
  }
  if (entry.extension != 0 &&
      !help(record, track.packet, track.direction, verdict.packet_class)) {
    verdict.dropped = true;
    return;  // dropped: its events go out with the next packet
  }
  deliver(entry, track.frame);
}

void Engine::invalid(RecordNumber record, Track& track, Verdict& verdict) {
  Entry& entry = track.entry;
  verdict.packet_class = PacketClass::kInvalid;
  verdict.invalid = track.invalid;
  entry.count(track.dir(), track.packet.ip_bytes);
  entry.last_frame = track.frame;
  verdict.silence_ms = silence_ms(now_ - entry.last_packet);
  entry.last_packet = now_;
  ++table_.extension(entry).invalid_packets;
  // What earlier chunks changed is told with the next packet that is accepted.
  if (track.changes.proto_info) {
    entry.bits |= entry_bit::kUpdatePending | entry_bit::kProtoInfoPending;
  }
  wheel_.changed(record);
}

// All causes that a packet raised go out as one message.
void Engine::deliver(Entry& entry, std::uint32_t frame) {
  if ((entry.bits & entry_bit::kUpdatePending) == 0) {
    return;
  }
  const bool state = (entry.bits & entry_bit::kProtoInfoPending) != 0;
  entry.bits &=
      static_cast<std::uint8_t>(~(entry_bit::kUpdatePending | entry_bit::kProtoInfoPending));
  emit(entry, EventKind::kUpdate, frame, seconds_left(entry), state);
}

void Engine::emit(const Entry& entry,
                  EventKind kind,
                  std::uint32_t frame,
                  std::uint32_t timeout,
                  bool has_state) {
  if (values_.events == 0) {
    return;
  }
  Event event;
  event.time = kind == EventKind::kDestroy && timeout == 0 ? entry.expiry : now_;
  event.connection = entry.serial;
  event.frame = frame;
  event.timeout_seconds = timeout;
  event.kind = kind;
  event.protocol = entry.original.protocol;
  event.has_state = has_state;
  event.state = has_state ? entry.state : std::uint8_t{0};
  event.status = entry.status;
  sink_.event(event);
}

EntryView Engine::view_of(const Entry& entry) const {
  EntryView view;
  view.connection = entry.serial;
  view.protocol = entry.original.protocol;
  view.state = has_states(view.protocol) ? entry.state : std::uint8_t{0};
  view.status = entry.status;
  view.timeout_seconds = entry.timeout_seconds;
  const std::int64_t left = std::max<std::int64_t>((entry.expiry - now_).count(), 0);
  view.remaining_seconds = static_cast<std::uint32_t>((left + kSecond - 1) / kSecond);
  view.zone = entry.zone;
  view.original = entry.original;
  view.reply = table_.reply_of(entry);
  if (const Extension* extension = table_.extension_if(entry)) {
    view.master = extension->master;
    view.counters = extension->accounted;
    view.helper = helper_name(static_cast<HelperKind>(extension->helper));
  }
  if (const auto adjusted = adjustments_.find(view.connection);
      adjusted != adjustments_.end()) {
    view.offsets = adjusted->second.sides();
  }
  if (view.protocol == protocol::kTcp) {
    for (unsigned d = 0; d < 2; ++d) {
      view.window_scale[d] = static_cast<std::uint8_t>(entry.tcp.scale(d));
    }
    view.flags = entry.tcp.flags;
  } else if (view.protocol == protocol::kSctp) {
    view.vtag = entry.sctp.vtag;
  }
  return view;
}

EntryView Engine::lookup(const Tuple& tuple, std::uint32_t zone) const {
  LookupKey key;
  Tuple whole = tuple;
  fill_gre_key(whole);
  set_key(key, whole, zone);
  const auto found = table_.find(key);
  return found ? view_of(table_[found.record]) : EntryView();
}

EntryView Engine::lookup(const Packet& packet) const {
  const PacketView view = view_packet(*packet.layer, dccp_);
  if (view.readable != Readable::kYes) {
    return {};
  }
  const IcmpCheck check = find_quote(view, *packet.layer);
  if (check.kind != IcmpKind::kError) {
    Tuple whole = view.tuple;
    fill_gre_key(whole);
    LookupKey key;
    set_key(key, whole, packet);
    const auto found = table_.find(key);
    return found ? view_of(table_[found.record]) : EntryView();
  }
  const PacketView quoted =
      view_quote(check.quote, check.quote_bytes, packet.layer->version, dccp_);
  Tuple wanted;
  return quoted.readable == Readable::kYes && invert(quoted.tuple, wanted)
             ? lookup(wanted, packet.zone)
             : EntryView();
}

TrackerStats Engine::stats() const {
  TrackerStats stats = stats_;
  stats.live = table_.size();
  stats.memory_bytes = table_.memory_bytes();
  return stats;
}

}  // namespace natlens::conntrack
