#include "engine.h"

#include <algorithm>

namespace natlens::conntrack {
namespace {

// Bytes of a transport header that its tracker reads; with fewer captured nothing can be said.
std::size_t header_needed(std::uint8_t protocol) {
  switch (protocol) {
    case protocol::kTcp:
      return 20;
    case protocol::kSctp:
      return 12;
    case protocol::kUdp:
    case protocol::kUdpLite:
      return 8;
    default:
      return 0;
  }
}

void set_invalid(Verdict& verdict, const InvalidDetail& detail) {
  verdict.packet_class = PacketClass::kInvalid;
  verdict.invalid = detail;
}

void set_invalid(Verdict& verdict, InvalidReason reason) {
  InvalidDetail detail;
  detail.reason = reason;
  set_invalid(verdict, detail);
}

bool has_partial_zones(const Options::Values& values) {
  return values.partial_zones ||
         std::any_of(values.zones.begin(), values.zones.end(),
                     [](const ZoneRule& rule) { return !rule.original || !rule.reply; });
}

}  // namespace

Engine::Engine(const Options& options, Sink& sink)
    : options_(options),
      values_(options_.values()),
      sink_(sink),
      table_(!has_partial_zones(values_)),
      wheel_(table_),
      expectations_(table_, sink_, values_),
      checksums_(values_.checksum),
      dccp_(values_.kernel.dccp_tracked ? Dccp::kPorts : Dccp::kAddressesOnly) {}

void Engine::set_key(LookupKey& key, const Tuple& tuple, std::uint32_t zone) const {
  key.tuple = tuple;
  key.has_inverse = invert(tuple, key.inverse);
  key.zone_original = key.zone_reply = zone;
  for (const ZoneRule& rule : values_.zones) {
    if (rule.selector.matches(tuple)) {
      // Within an encapsulation the rule's zone is one of that encapsulation's.
      const std::uint32_t chosen =
          zone == 0 ? rule.zone : static_cast<std::uint32_t>(mix(zone, rule.zone));
      key.zone_original = rule.original ? chosen : zone;
      key.zone_reply = rule.reply ? chosen : zone;
      break;
    }
  }
  key.hash = table_.hash_of(tuple, key.zone_original);
}

void Engine::set_key(LookupKey& key, const Tuple& tuple, const Packet& packet) const {
  set_key(key, tuple, packet.zone);
  key.zone_original = packet.zone_original ? key.zone_original : 0;
  key.zone_reply = packet.zone_reply ? key.zone_reply : 0;
}

void Engine::prepare(const Packet& packet, Prepared& out) const {
  const decode::Layer& layer = *packet.layer;
  out.packet = &packet;
  // The IP layer keeps fragments until they are whole and drops broken headers. A header
  // checksum of zero may have been left to the network card.
  const bool bad_header = layer.ip_checksum == decode::ChecksumState::kBad ||
                          (layer.ip_checksum == decode::ChecksumState::kAbsent &&
                           values_.checksum != kChecksumAuto);
  out.dropped_before = layer.fragment || bad_header;
  if (out.dropped_before) {
    return;
  }
  out.view = view_packet(layer, dccp_);
  if (out.view.readable == Readable::kYes &&
      out.view.transport.cut(header_needed(out.view.transport.protocol))) {
    out.view.readable = Readable::kCut;
  }
  if (out.view.readable == Readable::kYes) {
    set_key(out.key, out.view.tuple, packet);
    table_.prefetch_slot(out.key.hash);
  }
}

void Engine::track(std::span<const Packet> packets, std::span<Verdict> verdicts) {
  while (!packets.empty()) {
    const std::size_t n = std::min(packets.size(), kBatch);
    for (std::size_t i = 0; i < n; ++i) {
      prepare(packets[i], prepared_[i]);
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (!prepared_[i].dropped_before && prepared_[i].view.readable == Readable::kYes) {
        table_.prefetch_entry(prepared_[i].key.hash);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      verdicts[i] = Verdict();
      process(prepared_[i], verdicts[i]);
    }
    packets = packets.subspan(n);
    verdicts = verdicts.subspan(n);
  }
}

void Engine::clock(Timestamp time, std::uint32_t frame) {
  now_ = std::max(now_, time);
  if (wheel_.due(now_)) {
    expire();
  }
  expectations_.clock(now_, frame);
}

void Engine::process(Prepared& prepared, Verdict& verdict) {
  ++stats_.packets;
  edits_.clear();
  clock(prepared.packet->time, prepared.packet->frame);
  const PacketView& view = prepared.view;
  if (prepared.dropped_before || view.readable == Readable::kCut) {
    return;
  }
  if (view.readable == Readable::kInvalid) {
    set_invalid(verdict, view.reason);
    return;
  }
  for (const Selector& selector : values_.notrack) {
    if (selector.matches(view.tuple)) {
      verdict.packet_class = PacketClass::kUntracked;
      return;
    }
  }
  if (is_icmp_of_family(view)) {
    const IcmpCheck check = check_icmp(view, *prepared.packet->layer, checksums_);
    switch (check.kind) {
      case IcmpKind::kQuery:
        break;
      case IcmpKind::kError:
        process_icmp_error(prepared, check, verdict);
        return;
      case IcmpKind::kUntracked:
        verdict.packet_class = PacketClass::kUntracked;
        return;
      case IcmpKind::kInvalid: {
        set_invalid(verdict, check.reason);
        const auto found = table_.find(prepared.key);
        verdict.connection = found ? table_[found.record].serial : 0;
        return;
      }
    }
  }
  process_flow(prepared, verdict);
}

// nf_conntrack_inet_error: an ICMP error belongs to the entry of the packet that it quotes, and
// changes nothing of it; but it is confirmed like any packet, so events that wait go out with
// it.
void Engine::process_icmp_error(const Prepared& prepared,
                                const IcmpCheck& check,
                                Verdict& verdict) {
  const PacketView quoted =
      view_quote(check.quote, check.quote_bytes, prepared.packet->layer->version, dccp_);
  if (quoted.readable == Readable::kCut) {
    return;
  }
  LookupKey key;
  Tuple wanted;
  if (quoted.readable == Readable::kInvalid || !invert(quoted.tuple, wanted)) {
    set_invalid(verdict, InvalidReason::kErrorUnreadable);
    return;
  }
  set_key(key, wanted, prepared.packet->zone);
  key.zone_original = prepared.key.zone_original;
  key.zone_reply = prepared.key.zone_reply;
  const auto found = table_.find(key);
  if (!found) {
    set_invalid(verdict, InvalidReason::kErrorUnrelated);
    return;
  }
  Entry& entry = table_[found.record];
  verdict.connection = entry.serial;
  verdict.direction = found.direction;
  if (prepared.view.tuple.dst != wanted.dst) {
    set_invalid(verdict, InvalidReason::kErrorUnrelated);
    return;
  }
  verdict.packet_class = PacketClass::kRelated;
  deliver(entry, prepared.packet->frame);
}

// The source key of a PPTP call's GRE packet is known from its control connection. True: filled
// in.
bool Engine::fill_gre_key(Tuple& tuple) const {
  if (tuple.protocol != protocol::kGre || gre_keys_.empty()) {
    return false;
  }
  const std::uint16_t key = gre_keys_.source_key(tuple);
  tuple.src_port = key != 0 ? key : tuple.src_port;
  return key != 0;
}

void Engine::process_flow(Prepared& prepared, Verdict& verdict) {
  if (fill_gre_key(prepared.view.tuple)) {
    set_key(prepared.key, prepared.view.tuple, *prepared.packet);
  }
  // An entry is replaced at most once: the second time there is none.
  for (;;) {
    const auto found = table_.find(prepared.key);
    if (!found) {
      process_new(prepared, verdict);
      return;
    }
    if (process_found(prepared, found, verdict)) {
      return;
    }
    verdict.replaced = true;
  }
}

Outcome Engine::run_protocol(Track& track) const {
  switch (track.packet.transport.protocol) {
    case protocol::kTcp:
      return track_tcp(track);
    case protocol::kUdp:
      return track_udp(track);
    case protocol::kUdpLite:
      return track_udplite(track);
    case protocol::kIcmp:
      return track_icmp(track);
    case protocol::kIcmpv6:
      return track_icmpv6(track);
    case protocol::kSctp:
      return track_sctp(track);
    case protocol::kGre:
      return track_gre(track);
    default:
      return track_generic(track);
  }
}

bool Engine::process_found(Prepared& prepared, Table::Found found, Verdict& verdict) {
  Entry& entry = table_[found.record];
  verdict.connection = entry.serial;
  verdict.direction = found.direction;
  verdict.earlier_packets = static_cast<std::uint16_t>(std::min<std::uint32_t>(
      entry.packets[static_cast<unsigned>(found.direction)], UINT16_MAX));
  // The class is that before the protocol's tracker runs (4.1).
  verdict.packet_class = found.direction == Direction::kReply || entry.has(status::kSeenReply)
                             ? PacketClass::kEstablished
                         : entry.has(status::kExpected) ? PacketClass::kRelated
                                                        : PacketClass::kNew;
  Track track{values_,         checksums_, prepared.view,         entry,
              found.direction, now_,       prepared.packet->frame};
  if (!adjustments_.empty()) {
    const auto adjusted = adjustments_.find(entry.serial);
    track.ack_offset = adjusted == adjustments_.end() ? nullptr : &adjusted->second;
  }
  switch (run_protocol(track)) {
    case Outcome::kAccept:
      accepted(found.record, track, *prepared.packet, verdict);
      return true;
    case Outcome::kInvalid:
      invalid(found.record, track, verdict);
      return true;
    case Outcome::kRepeat:
      destroy(found.record, CloseReason::kReplaced, prepared.packet->frame);
      return false;
  }
  return true;
}

void Engine::process_new(Prepared& prepared, Verdict& verdict) {
  verdict.connection = 0;
  if (!prepared.key.has_inverse) {
    set_invalid(verdict, InvalidReason::kNoInverse);
    return;
  }
  keep_bound();
  if (!make_room()) {
    verdict.packet_class = PacketClass::kNone;
    verdict.invalid = {};
    verdict.invalid.reason = InvalidReason::kTableFull;
    return;
  }
  scratch_.clear();
  scratch_.original = prepared.key.tuple;
  const std::uint32_t zone = std::max(prepared.key.zone_original, prepared.key.zone_reply);
  scratch_.zone = zone;
  scratch_.bits = static_cast<std::uint8_t>(
      (prepared.key.zone_original == zone ? entry_bit::kZoneOriginal : 0) |
      (prepared.key.zone_reply == zone ? entry_bit::kZoneReply : 0));
  Expectation met;
  const bool expected =
      !expectations_.empty() && expectations_.meet(prepared.key.tuple, zone, met);
  if (expected) {
    scratch_.set(status::kExpected);
  }
  verdict.direction = Direction::kOriginal;
  verdict.packet_class = expected ? PacketClass::kRelated : PacketClass::kNew;
  Track track{values_,
              checksums_,
              prepared.view,
              scratch_,
              Direction::kOriginal,
              now_,
              prepared.packet->frame};
  if (run_protocol(track) != Outcome::kAccept) {
    set_invalid(verdict, track.invalid);
    return;
  }
  begin(prepared, verdict, expected ? &met : nullptr);
}

}  // namespace natlens::conntrack
