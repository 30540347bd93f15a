// How each record becomes a row: the columns of sql/tables.sql, from first to last.
#include <algorithm>

#include "binding.h"
#include "file_writer.h"
#include "names.h"

namespace natlens::store {

void FileWriter::bind_tuple(Statement& to, const Tuple& tuple, TupleText& text) {
  format_address(tuple.src, text.src);
  format_address(tuple.dst, text.dst);
  to.text(text.src.view())
      .integer(tuple.src_port)
      .text(text.dst.view())
      .integer(is_icmp(tuple.protocol) ? 0 : tuple.dst_port);
}

void FileWriter::tap(const TapRow& row) {
  if (!begin()) return;
  using decode::DecodeStop;
  Statement& to = inserts_.tap;
  const auto& info = row.info;
  const auto& clock = row.clock;
  const auto stopped = [&](DecodeStop stop) {
    to.integer(as_integer(row.stops[static_cast<std::size_t>(stop)]));
  };
  TextBuffer name, interface, filter, comment;
  to.integer(row.id).text(name.utf8(info.name).view());
  to.text_or_null(interface.utf8(info.interface).view()).integer(row.source);
  to.integer_or_null(info.ifindex != 0, info.ifindex).integer(info.link_type);
  to.integer_or_null(info.snaplen != 0, info.snaplen);
  to.text_or_null(filter.utf8(info.filter).view())
      .text_or_null(comment.utf8(info.comment).view());
  bind_time(to, clock.to_reference(info.first));
  bind_time(to, clock.to_reference(info.last));
  to.integer(as_integer(info.frames)).integer(as_integer(info.dropped));
  to.integer(as_integer(row.copies)).integer(as_integer(row.ip_packets));
  to.integer(as_integer(row.connections)).integer(as_integer(row.invalid_packets));
  for (const auto stop :
       {DecodeStop::kSnap, DecodeStop::kMalformed, DecodeStop::kUnsupported, DecodeStop::kDepth,
        DecodeStop::kEncrypted, DecodeStop::kFragment, DecodeStop::kUnauthentic}) {
    stopped(stop);
  }
  // Taps linked with each other, but not with the reference, agree on a clock of their own.
  const bool linked = clock.matches != 0 && clock.group == 0;
  const bool known = clock.given || linked;
  to.integer(clock.offset_ns).real(clock.drift_ppm).integer_or_null(known, clock.error_ns);
  to.integer(clock.matches);
  bind_time(to, clock.anchor);
  to.text(clock.given ? "given" : row.id == 1 ? "reference" : linked ? "packets" : "unknown");
  insert(to);
  for (const ClockStepRow& step : row.steps) {
    Statement& set = inserts_.clock_step;
    set.integer(row.id).integer(step.frame.file).integer(step.frame.number);
    bind_time(set, step.at);
    set.integer(step.step_ns).integer(step.error_ns);
    insert(set);
  }
}

void FileWriter::file(const FileRow& row) {
  if (!begin()) return;
  Statement& to = inserts_.file;
  const auto& info = row.info;
  TextBuffer path, format, notes, comments;
  notes.raw('[');
  for (const auto& note : info.notes) {
    if (notes.view().size() > 1) notes.raw(',');
    notes.raw(R"({"offset":)").natural(note.offset).raw(R"(,"text":)").json_string(note.text);
    notes.raw(R"(,"fatal":)").raw(note.fatal ? "true}" : "false}");
  }
  notes.raw(']');
  comments.raw('[');
  for (const auto& comment : info.comments) {
    if (comments.view().size() > 1) comments.raw(',');
    comments.json_string(comment);
  }
  comments.raw(']');
  to.integer(row.id).integer(row.source).text(path.utf8(info.path).view());
  to.text(format.utf8(info.format).view());
  to.integer(as_integer(info.bytes))
      .integer(as_integer(info.frames))
      .integer(info.first_ordinal);
  bind_time(to, info.first);
  bind_time(to, info.last);
  to.integer(info.complete ? 1 : 0).text(notes.view()).integer(info.notes_dropped);
  to.text(comments.view());
  insert(to);
}

// [[ns since start, frame ordinal or 0, EventKind, state or null, timeout s, status], ...]. The
// view connection_events gives the numbers their names.
std::string_view FileWriter::events_json(const ConnectionRow& row) {
  if (row.events.empty()) return {};
  json_.clear();
  char separator = '[';
  for (const auto& event : row.events) {
    json_.raw(separator).raw('[').integer(event.time_ns - row.start.ns()).raw(',');
    json_.natural(event.frame).raw(',').natural(static_cast<std::uint8_t>(event.kind)).raw(',');
    if (event.has_state) {
      json_.natural(event.state);
    } else {
      json_.raw("null");
    }
    json_.raw(',').natural(event.timeout_seconds).raw(',').natural(event.status).raw(']');
    separator = ',';
  }
  return json_.raw(']').view();
}

void FileWriter::connection(const ConnectionRow& row) {
  if (!begin()) return;
  Statement& to = inserts_.connection;
  const bool icmp = is_icmp(row.original.protocol);
  TupleText text;
  MacText src_mac, dst_mac;
  format_mac(row.src_mac, src_mac);
  format_mac(row.dst_mac, dst_mac);
  to.integer(row.id).integer(row.tap).integer(row.zone).text(
      protocol_text(row.original.protocol));
  bind_tuple(to, row.original, text);
  to.integer_or_null(icmp, row.original.dst_port >> 8);
  to.integer_or_null(icmp, row.original.dst_port & 0xff);
  const bool tracked = row.close_reason != conntrack::CloseReason::kUntracked;
  to.text_or_null(tracked ? conntrack::state_name(row.original.protocol, row.state) : "");
  to.integer(row.status);
  to.integer(row.timeout_seconds).text(conntrack::to_string(row.close_reason));
  to.integer(row.beginning_seen ? 1 : 0);
  bind_moment(to, row.start);
  bind_moment(to, row.last);
  bind_moment(to, row.end);
  for (const auto& counters : row.counters) {
    to.integer(as_integer(counters.packets)).integer(as_integer(counters.bytes));
  }
  to.integer(row.invalid_packets);
  bind_frame(to, row.first_frame);
  bind_frame(to, row.last_frame);
  bind_reference(to, row.master).integer(row.depth);
  to.text_or_null(frame_direction_text(row.frame_direction)).integer(row.ttl).integer(row.tos);
  to.integer_or_null(row.original.protocol == protocol::kTcp, row.tcp_flags)
      .integer(row.ip_bytes);
  to.text_or_null(src_mac.view()).text_or_null(dst_mac.view());
  for (const std::uint32_t ms : row.silence_ms) to.integer_or_null(ms != 0, ms);
  constexpr std::uint32_t kWorthKeeping = 10'000;  // no NAT forgets sooner
  for (const std::uint32_t ms : row.gap_ms) to.integer_or_null(ms >= kWorthKeeping, ms);
  for (const std::uint32_t ms : row.apart_ms) to.integer_or_null(ms >= kWorthKeeping, ms);
  std::array<SynText, 2> options;
  for (std::size_t d = 0; d < options.size(); ++d) {
    const bool seen = (row.syn[d].flags & stream::syn_option::kSeen) != 0;
    format_syn_options(row.syn[d].flags, options[d]);
    to.integer_or_null(seen && row.syn[d].mss != 0, row.syn[d].mss);
    if (seen) {
      to.text(options[d].view());
    } else {
      to.null();
    }
  }
  to.text_or_null(events_json(row));
  insert(to);
}

void FileWriter::carrier(const CarrierRow& row) {
  if (!begin()) return;
  Statement& to = inserts_.encapsulation;
  to.null().integer(row.connection);
  bind_reference(to, row.carrier)
      .text(row.direction == conntrack::Direction::kReply ? "reply" : "original")
      .text(encapsulation_text(row.encapsulation));
  to.integer(as_integer(row.key)).integer(row.depth);
  to.integer_or_null(row.packets != 0, as_integer(row.packets));
  bind_moment(to, row.first);
  bind_moment(to, row.last);
  const bool aligned = row.basis == CarrierBasis::kAligned;
  to.text(aligned ? "aligned" : "clear").text(to_string(row.confidence));
  aligned ? to.real(in_tenths(row.bits)) : to.null();
  const stream::CarriedSizes& sizes = row.sizes;
  const bool told = sizes.largest_inner != 0;
  told ? to.text(sizes.back ? "reply" : "original") : to.null();
  to.integer_or_null(sizes.largest_outer != 0, sizes.largest_outer);
  to.integer_or_null(told, sizes.largest_inner);
  to.integer_or_null(sizes.overhead != 0, sizes.overhead);
  to.integer_or_null(told, sizes.fragmented);
  insert(to);
}

void FileWriter::tunnelled(const correlate::Tunnelled& row) {
  if (!begin()) return;
  Statement& to = inserts_.tunnelled;
  to.null().integer(id_of(row.inner));
  to.text(row.direction == conntrack::Direction::kReply ? "reply" : "original");
  to.text(encapsulation_text(row.kind)).text(to_string(row.confidence));
  to.real(in_tenths(row.bits)).integer(as_integer(row.packets));
  to.integer(as_integer(row.linked)).integer(as_integer(row.unsure));
  to.integer(as_integer(row.unseen)).integer(as_integer(row.lost()));
  to.integer(as_integer(row.overhead_bytes));
  insert(to);
}

void FileWriter::invalid(const InvalidRow& row) {
  if (!begin()) return;
  using conntrack::InvalidReason;
  Statement& to = inserts_.invalid;
  TupleText text;
  const InvalidReason reason = row.detail.reason;
  const bool window = reason == InvalidReason::kSeqAboveWindow ||
                      reason == InvalidReason::kAckUnseen ||
                      reason == InvalidReason::kRstOutOfWindow;
  to.null().integer(row.tap);
  bind_reference(to, row.connection);
  bind_frame(to, row.frame);
  bind_moment(to, row.time).text(protocol_text(row.tuple.protocol));
  bind_tuple(to, row.tuple, text);
  to.text(conntrack::to_string(reason)).integer_or_null(window, row.detail.value);
  to.integer_or_null(window, row.detail.bound).integer_or_null(window, row.detail.excess);
  bind_frame(to, row.bound_frame).integer(row.suspect ? 1 : 0);
  insert(to);
}

void FileWriter::statement(const StatementRow& row) {
  if (!begin()) return;
  Statement& to = inserts_.statement;
  const stream::Statement& said = row.statement;
  AddressText named, whose;
  TextBuffer text;
  format_address(said.named.address, named);
  format_address(said.whose.address, whose);
  to.null().integer(row.tap).integer(row.connection);
  to.text(stream::kStatementProtocolNames[static_cast<std::size_t>(said.protocol)]);
  to.text(said.speaker == conntrack::Direction::kOriginal ? "original" : "reply");
  bind_frame(to, row.frame);
  bind_moment(to, row.time);
  to.text(stream::kStatementKindNames[static_cast<std::size_t>(said.kind)]);
  to.text_or_null(said.transport == 0 ? std::string_view() : protocol_text(said.transport));
  to.text_or_null(named.view()).integer_or_null(said.named.port != 0, said.named.port);
  to.text_or_null(whose.view()).integer_or_null(said.whose.port != 0, said.whose.port);
  to.integer_or_null(said.has_lifetime, said.lifetime_seconds);
  to.integer_or_null(said.has_number, said.number);
  to.text_or_null(text.utf8(said.text_view()).view());
  insert(to);
}

namespace {

// What a person reads of one piece of evidence.
void write_note(TextBuffer& json, const correlate::Evidence& evidence) {
  using correlate::EvidenceField;
  const bool one = evidence.packets == 1;
  const auto count = [&](std::string_view singular, std::string_view plural) {
    json.natural(evidence.packets).raw(one ? singular : plural);
  };
  switch (evidence.field) {
    case EvidenceField::kTcpHandshake:
      json.raw("ISN ").hex32(static_cast<std::uint32_t>(evidence.value)).raw(" in ");
      return count(" handshake segment", " handshake segments");
    case EvidenceField::kTcpData:
      return count(" segment with equal bytes at the same sequence",
                   " segments with equal bytes at the same sequence");
    case EvidenceField::kTcpAck:
      return count(" equal acknowledgement", " equal acknowledgements");
    case EvidenceField::kPayload:
      return count(" equal payload", " equal payloads");
    case EvidenceField::kIcmpEcho:
      return count(" equal echo", " equal echoes");
    case EvidenceField::kIcmpQuote:
      return count(" error quoting the same packet", " errors quoting the same packets");
    case EvidenceField::kTcpStream:
      return count(" block of equal bytes at the same offset of the stream",
                   " blocks of equal bytes at the same offsets of the stream");
    case EvidenceField::kIpId:
      return count(" equal IP ID", " equal IP IDs");
    case EvidenceField::kFarEndpoint:
      json.raw("the other end is the same");
      return;
    case EvidenceField::kSourcePort:
      json.raw("the port was kept");
      return;
    case EvidenceField::kTiming:
      return count(" packet in step", " packets in step");
    case EvidenceField::kDnsQuestion:
      json.raw("the same question in ");
      return count(" message", " messages");
    case EvidenceField::kTcpShape:
      return count(" packet the same but for its numbers",
                   " packets the same but for their numbers");
    case EvidenceField::kSaid:
      json.raw(evidence.value == 2   ? "STUN, SIP, PCP or NAT-PMP names this mapping"
               : evidence.value == 1 ? "the proxy names the other side's end"
                                     : "the client's request names the server");
      return;
    case EvidenceField::kTcpOutcome:
      json.raw(to_string(static_cast<correlate::Outcome>(evidence.value >> 8 & 3U)));
      json.raw(" at the client's side, ");
      json.raw(to_string(static_cast<correlate::Outcome>(evidence.value & 3U)));
      json.raw(" at the proxy's");
      return;
    case EvidenceField::kVolume:
      json.raw("as many bytes at the same moments, and what encryption adds");
      return;
    case EvidenceField::kEngine:
      json.raw("natlens itself passed it on");
      if (evidence.value != 0) json.raw(", by the rule in line ").natural(evidence.value);
      return;
    case EvidenceField::kCount:
      return;
  }
}

void bind_account(Statement& to, const correlate::PacketAccount& account, std::int64_t shift) {
  const bool timed = account.both != 0;
  to.integer(as_integer(account.both)).integer(as_integer(account.inside_only));
  to.integer(as_integer(account.outside_only));
  to.integer_or_null(timed, account.latency.min_ns);
  to.integer_or_null(timed, account.latency.median_ns);
  to.integer_or_null(timed, account.latency.p99_ns);
  to.integer_or_null(timed, account.latency.max_ns);
  to.integer_or_null(account.ttl_known, account.ttl_delta).integer_or_null(shift != 0, shift);
}

}  // namespace

std::string_view FileWriter::evidence_json(const correlate::Translation& row) {
  json_.clear();
  json_.raw('[');
  for (std::size_t i = 0; i < std::min<std::size_t>(row.evidence_count, row.evidence.size());
       ++i) {
    const auto& evidence = row.evidence[i];
    json_.raw(i == 0 ? R"({"field":")" : R"(,{"field":")").raw(to_string(evidence.field));
    json_.raw(R"(","bits":)").tenths(evidence.bits).raw(R"(,"note":")");
    write_note(json_, evidence);
    json_.raw(R"("})");
  }
  return json_.raw(']').view();
}

void FileWriter::translation(const correlate::Translation& row) {
  if (!begin()) return;
  Statement& to = inserts_.translation;
  constexpr auto kEntered = std::to_array<std::string_view>({"", "inside", "outside"});
  to.integer(as_integer(row.serial)).integer(id_of(row.inside)).integer(id_of(row.outside));
  to.text(to_string(row.kind)).text(to_string(row.confidence));
  to.text_or_null(kEntered[static_cast<std::size_t>(row.entered)])
      .integer(row.reversed ? 1 : 0);
  bind_moment(to, row.start);
  bind_moment(to, row.end).real(in_tenths(row.bits));
  if (std::isfinite(row.margin_bits)) {
    to.real(in_tenths(row.margin_bits));
  } else {
    to.null();
  }
  to.text(evidence_json(row));
  for (std::size_t i = 0; i < row.packets.size(); ++i) {
    bind_account(to, row.packets[i], row.sequence_shift[i]);
  }
  insert(to);
  for (std::size_t i = 0; i < row.packets.size(); ++i) account(row, i);
}

void FileWriter::candidate(const correlate::Candidate& row) {
  if (!begin()) return;
  inserts_.candidate.null().integer(id_of(row.connection)).integer(row.rank);
  insert(inserts_.candidate.integer(id_of(row.other)).real(in_tenths(row.bits)));
}

void FileWriter::unpaired(const correlate::Unpaired& row) {
  if (!begin()) return;
  insert(inserts_.unpaired.integer(id_of(row.connection)).text(to_string(row.reason)));
}

void FileWriter::meta(std::string_view key, std::string_view value) {
  if (!begin()) return;
  json_.clear();
  const std::string clean_key(json_.utf8(key).view());
  json_.clear();
  insert(inserts_.meta.text(clean_key).text(json_.utf8(value).view()));
}

}  // namespace natlens::store
