// Rows about single packets, and about what is not as usual among those of a translation.
#include <array>
#include <string_view>

#include "binding.h"
#include "file_writer.h"
#include "names.h"

namespace natlens::store {
namespace {

constexpr auto kDirections = std::to_array<std::string_view>({"original", "reply"});

std::string_view list_reasons(std::uint32_t reasons, TextBuffer& text) {
  text.clear();
  for (std::size_t i = 0; i < correlate::kNoVerdictNames.size(); ++i) {
    if ((reasons >> i & 1U) == 0) continue;
    if (!text.view().empty()) text.raw(',');
    text.raw(correlate::kNoVerdictNames[i]);
  }
  return text.view();
}

// "TTL 63 for 62; TOS 0xb8 for 0x00; DF cleared": what a changed packet has, for what it had.
void write_change(const correlate::PacketFate& fate, TextBuffer& text) {
  const auto next = [&]() -> TextBuffer& {
    return text.view().empty() ? text : text.raw("; ");
  };
  if (fate.tos[0] != fate.tos[1]) {
    next().raw("TOS ").hex8(fate.tos[0]).raw(" -> ").hex8(fate.tos[1]);
  }
  if (fate.dont_fragment[0] != fate.dont_fragment[1]) {
    next().raw(fate.dont_fragment[0] ? "DF cleared" : "DF set");
  }
  if (fate.ttl_odd) next().raw("TTL ").natural(fate.ttl[0]).raw(" -> ").natural(fate.ttl[1]);
}

}  // namespace

void FileWriter::account(const correlate::Translation& row, std::size_t direction) {
  const correlate::PacketDeviation& odd = row.packets[direction].deviation;
  if (odd == correlate::PacketDeviation()) return;
  Statement& to = inserts_.account;
  to.integer(as_integer(row.serial)).text(kDirections[direction]);
  for (const std::uint32_t count : odd.duplicated) to.integer(count);
  for (const std::uint32_t count : odd.unknown) to.integer(count);
  to.text_or_null(list_reasons(odd.why_unknown, json_)).integer(odd.reordered);
  for (const std::uint64_t bytes : odd.only_bytes) to.integer(as_integer(bytes));
  to.integer(odd.ttl_changes).integer_or_null(odd.ttl_changes != 0, odd.ttl_delta_min);
  to.integer_or_null(odd.ttl_changes != 0, odd.ttl_delta_max).integer(odd.tos_changes);
  for (const std::uint8_t tos : odd.tos) to.integer_or_null(odd.tos_changes != 0, tos);
  for (const std::uint32_t count : odd.dont_fragment_only) to.integer(count);
  insert(to.integer(odd.id_changes).integer(odd.by_ranges ? 1 : 0));
}

void FileWriter::icmp_error(const IcmpErrorRow& row) {
  if (!begin()) return;
  Statement& to = inserts_.icmp_error;
  to.integer(row.connection).integer(row.frame.file).integer(row.frame.number);
  bind_moment(to, row.time).integer(row.type).integer(row.code);
  insert(to);
}

void FileWriter::sequence_change(const correlate::SequenceChange& row) {
  if (!begin()) return;
  Statement& to = inserts_.sequence_change;
  to.integer(as_integer(row.translation)).text(kDirections[row.direction]);
  to.integer(row.inside_seq).integer(row.shift);
  insert(to);
}

void FileWriter::fate(const FateRow& row) {
  if (!begin()) return;
  Statement& to = inserts_.fate;
  const correlate::PacketFate& fate = row.fate;
  json_.clear();
  if (fate.fate == correlate::Fate::kChanged) write_change(fate, json_);
  to.null().integer(as_integer(fate.translation)).text(kDirections[fate.direction]);
  to.text(correlate::kFateNames[static_cast<std::size_t>(fate.fate)]);
  to.integer(connection_id(fate.connection.tap + 1, fate.connection.serial));
  bind_frame(to, row.frame);
  bind_frame(to, row.other_frame);
  bind_moment(to, fate.time).integer(fate.payload_bytes);
  insert(to.text_or_null(json_.view()));
}

void FileWriter::note(const NoteRow& row) {
  if (!begin()) return;
  using stream::NoteKind;
  Statement& to = inserts_.note;
  const stream::PacketNote& note = row.note;
  const bool tcp = note.tuple.protocol == protocol::kTcp;
  const bool error = note.kind == NoteKind::kIcmpError;
  const bool quoted = error && note.quoted.protocol != 0;
  TupleText text, quote;
  MacText src_mac, dst_mac;
  format_mac(note.src_mac, src_mac);
  format_mac(note.dst_mac, dst_mac);
  to.null().integer(row.tap);
  bind_reference(to, row.connection).integer(row.frame.file).integer(row.frame.number);
  to.integer_or_null(row.other_frame.file != 0, row.other_frame.number);
  bind_moment(to, row.time).text(stream::kNoteKindNames[static_cast<std::size_t>(note.kind)]);
  to.text_or_null(row.connection == 0 ? std::string_view()
                                      : kDirections[static_cast<std::size_t>(note.direction)]);
  to.text(protocol_text(note.tuple.protocol));
  bind_tuple(to, note.tuple, text);
  to.integer(note.silence_ms).integer(note.ttl).integer(note.tos).integer(note.ip_id);
  to.integer(note.ip_bytes).integer(note.payload_bytes).integer(note.dont_fragment ? 1 : 0);
  to.integer(note.refused ? 1 : 0).integer_or_null(note.number != 0, note.number);
  to.text_or_null(encapsulation_text(note.encapsulation));
  to.integer_or_null(tcp, note.tcp_flags).integer_or_null(tcp, note.seq);
  to.integer_or_null(tcp, note.ack).integer_or_null(tcp, note.window);
  to.integer_or_null(tcp, note.timestamps ? 1 : 0).integer_or_null(error, note.icmp_type);
  to.integer_or_null(error, note.icmp_code).integer_or_null(note.mtu != 0, note.mtu);
  to.text_or_null(quoted ? protocol_text(note.quoted.protocol) : std::string_view());
  format_address(note.quoted.src, quote.src);
  format_address(note.quoted.dst, quote.dst);
  to.text_or_null(quoted ? quote.src.view() : std::string_view());
  to.integer_or_null(quoted, note.quoted.src_port);
  to.text_or_null(quoted ? quote.dst.view() : std::string_view());
  to.integer_or_null(quoted, note.quoted.dst_port);
  to.integer_or_null(quoted, note.quote_checksum_bad ? 1 : 0);
  insert(to.text_or_null(src_mac.view()).text_or_null(dst_mac.view()));
}

void FileWriter::link(const LinkRow& row) {
  if (!begin()) return;
  Statement& to = inserts_.link;
  to.null().integer(id_of(row.link.connection));
  bind_frame(to, row.frame).integer(id_of(row.link.other));
  insert(bind_frame(to, row.other_frame));
}

}  // namespace natlens::store
