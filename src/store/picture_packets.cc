// The picture of a capture for diagnosis: translations and single packets.
#include <algorithm>

#include "names.h"
#include "picture.h"

namespace natlens::store {
namespace {

constexpr auto kDirections = std::to_array<std::string_view>({"original", "reply"});

std::uint8_t direction(std::string_view text) {
  return text == kDirections[1] ? 1 : 0;
}

correlate::FirstSeen side(std::string_view text) {
  if (text == "inside") return correlate::FirstSeen::kInside;
  return text == "outside" ? correlate::FirstSeen::kOutside : correlate::FirstSeen::kUnknown;
}

void read_account(Columns& column, findings::Translation& row, std::size_t d) {
  correlate::PacketAccount& account = row.packets[d];
  account.both = column.number<std::uint64_t>();
  account.inside_only = column.number<std::uint64_t>();
  account.outside_only = column.number<std::uint64_t>();
  account.latency = {column.integer(), column.integer(), column.integer(), column.integer()};
  account.ttl_known = !column.null();
  account.ttl_delta = column.number<std::int16_t>();
  row.sequence_shift[d] = column.integer();
}

}  // namespace

bool PictureReader::read_translations() {
  return each(
      "SELECT t.id, t.inside_connection_id, t.outside_connection_id, t.kind, t.confidence,"
      " t.entered, t.reversed, t.start_ns, t.end_ns,"
      " original_both, original_inside_only, original_outside_only, original_latency_min_ns,"
      " original_latency_median_ns, original_latency_p99_ns, original_latency_max_ns,"
      " original_ttl_delta, original_sequence_shift,"
      " reply_both, reply_inside_only, reply_outside_only, reply_latency_min_ns,"
      " reply_latency_median_ns, reply_latency_p99_ns, reply_latency_max_ns,"
      " reply_ttl_delta, reply_sequence_shift"
      " FROM translation AS t"
      " JOIN temp.chosen AS w ON w.id = t.inside_connection_id ORDER BY t.id",
      [&](Columns& column) {
        findings::Translation row;
        row.id = column.integer();
        row.inside = index_of(column.integer());
        row.outside = index_of(column.integer());
        row.kind =
            named<correlate::TranslationKind>(correlate::kTranslationKindNames, column.text());
        row.confidence = column.text() == "certain" ? correlate::Confidence::kCertain
                                                    : correlate::Confidence::kLikely;
        row.entered = side(column.text());
        row.reversed = column.integer() != 0;
        row.start = column.time();
        row.end = column.time();
        read_account(column, row, 0);
        read_account(column, row, 1);
        if (row.inside == findings::kNone || row.outside == findings::kNone) return;
        translations_.emplace(row.id, static_cast<std::uint32_t>(rows_.translations.size()));
        rows_.translations.push_back(row);
      });
}

bool PictureReader::read_accounts() {
  return each(
      "SELECT translation_id, direction, inside_duplicated, outside_duplicated,"
      " inside_unknown, outside_unknown, why_unknown, reordered, inside_only_bytes,"
      " outside_only_bytes, ttl_changes, ttl_delta_min, ttl_delta_max, tos_changes, inside_tos,"
      " outside_tos, inside_df_only, outside_df_only, id_changes, by_ranges"
      " FROM packet_account",
      [&](Columns& column) {
        const auto found = translations_.find(column.integer());
        const std::uint8_t d = direction(column.text());
        if (found == translations_.end()) return;
        auto& odd = rows_.translations[found->second].packets[d].deviation;
        for (auto& count : odd.duplicated) count = column.number<std::uint32_t>();
        for (auto& count : odd.unknown) count = column.number<std::uint32_t>();
        const std::string_view why = column.text();
        for (std::size_t i = 0; i < correlate::kNoVerdictNames.size(); ++i) {
          if (why.find(correlate::kNoVerdictNames[i]) != std::string_view::npos) {
            odd.why_unknown |= 1U << i;
          }
        }
        odd.reordered = column.number<std::uint32_t>();
        for (auto& bytes : odd.only_bytes) bytes = column.number<std::uint64_t>();
        odd.ttl_changes = column.number<std::uint32_t>();
        odd.ttl_delta_min = column.number<std::int16_t>();
        odd.ttl_delta_max = column.number<std::int16_t>();
        odd.tos_changes = column.number<std::uint32_t>();
        for (auto& tos : odd.tos) tos = column.number<std::uint8_t>();
        for (auto& count : odd.dont_fragment_only) count = column.number<std::uint32_t>();
        odd.id_changes = column.number<std::uint32_t>();
        odd.by_ranges = column.integer() != 0;
      });
}

bool PictureReader::read_fates() {
  return each(
      "SELECT f.translation_id, f.direction, f.fate, f.connection_id, f.file_id, f.frame,"
      " f.other_file_id, f.other_frame, f.time_ns, f.bytes, f.note FROM packet_fate AS f"
      " JOIN temp.chosen AS w ON w.id = f.connection_id"
      " ORDER BY f.translation_id, f.time_ns, f.id",
      [&](Columns& column) {
        findings::Fate row;
        row.translation = column.integer();
        row.direction = direction(column.text());
        row.fate = named<correlate::Fate>(correlate::kFateNames, column.text());
        const std::int64_t connection = column.integer();
        row.frame = read_frame(column);
        row.other = read_frame(column);
        row.frame.time = row.other.time = column.time();
        row.payload_bytes = column.number<std::uint32_t>();
        row.note = column.text();
        row.frame.connection = connection;
        const auto found = translations_.find(row.translation);
        if (found == translations_.end()) return;
        const auto& t = rows_.translations[found->second];
        const bool inside = rows_.connections[t.inside].id == connection;
        const auto& here = rows_.connections[inside ? t.inside : t.outside];
        const auto& there = rows_.connections[inside ? t.outside : t.inside];
        row.frame.tap = here.tap;
        row.other.tap = there.tap;
        row.other.connection = there.id;
        rows_.fates.push_back(std::move(row));
      });
}

bool PictureReader::read_notes() {
  return each(
      "SELECT id, tap_id, connection_id, file_id, frame, other_frame, time_ns, kind, direction,"
      " protocol, src, sport, dst, dport, silence_ms, ttl, tos, ip_id, ip_bytes, payload_bytes,"
      " dont_fragment, refused, number, encapsulation, tcp_flags, seq, ack, window, timestamps,"
      " icmp_type, icmp_code, mtu, quoted_protocol, quoted_src, quoted_sport, quoted_dst,"
      " quoted_dport, quote_checksum_bad, src_mac, dst_mac"
      " FROM packet_note WHERE connection_id IS NULL"
      " OR connection_id IN (SELECT id FROM temp.chosen) ORDER BY time_ns, id",
      [&](Columns& column) { rows_.notes.push_back(read_note(column)); });
}

findings::Note PictureReader::read_note(Columns& column) const {
  findings::Note row;
  stream::PacketNote& packet = row.packet;
  row.id = column.integer();
  row.frame.tap = column.integer();
  row.frame.connection = column.integer();
  row.connection = index_of(row.frame.connection);
  const std::int64_t tap = row.frame.tap;
  const std::int64_t connection = row.frame.connection;
  row.frame = read_frame(column);
  row.frame.tap = tap;
  row.frame.connection = connection;
  row.other = row.frame;
  row.other.number = column.number<std::uint32_t>();
  if (row.other.number == 0) row.other.file = 0;
  row.frame.time = column.time();
  packet.kind = named<stream::NoteKind>(stream::kNoteKindNames, column.text());
  packet.direction = static_cast<conntrack::Direction>(direction(column.text()));
  packet.tuple = column.tuple();
  packet.silence_ms = column.number<std::uint32_t>();
  row.other.time = row.frame.time - std::chrono::milliseconds(packet.silence_ms);
  packet.ttl = column.number<std::uint8_t>();
  packet.tos = column.number<std::uint8_t>();
  packet.ip_id = column.number<std::uint32_t>();
  packet.ip_bytes = column.number<std::uint32_t>();
  packet.payload_bytes = column.number<std::uint32_t>();
  packet.dont_fragment = column.integer() != 0;
  packet.refused = column.integer() != 0;
  packet.number = column.number<std::uint16_t>();
  packet.encapsulation = encapsulation_of(column.text());
  packet.tcp_flags = column.number<std::uint16_t>();
  packet.seq = column.number<std::uint32_t>();
  packet.ack = column.number<std::uint32_t>();
  packet.window = column.number<std::uint16_t>();
  packet.timestamps = column.integer() != 0;
  packet.icmp_type = column.number<std::uint8_t>();
  packet.icmp_code = column.number<std::uint8_t>();
  packet.mtu = column.number<std::uint16_t>();
  packet.quoted = column.tuple();
  packet.quote_checksum_bad = column.integer() != 0;
  packet.src_mac = parse_mac(column.text());
  packet.dst_mac = parse_mac(column.text());
  return row;
}

bool PictureReader::read_invalid() {
  return each(
      "SELECT tap_id, connection_id, file_id, frame, time_ns, protocol, src, sport, dst, dport,"
      " reason, value, bound, excess, bound_file_id, bound_frame FROM invalid"
      " WHERE connection_id IS NULL OR connection_id IN (SELECT id FROM temp.chosen)"
      " ORDER BY time_ns, id",
      [&](Columns& column) {
        findings::Invalid row;
        const std::int64_t tap = column.integer();
        const std::int64_t connection = column.integer();
        row.connection = index_of(connection);
        row.frame = read_frame(column);
        row.frame.tap = tap;
        row.frame.connection = connection;
        row.frame.time = column.time();
        row.tuple = column.tuple();
        row.reason = column.text();
        row.value = column.number<std::uint32_t>();
        row.bound = column.number<std::uint32_t>();
        row.excess = column.number<std::uint32_t>();
        row.bound_frame = read_frame(column);
        row.bound_frame.tap = tap;
        row.bound_frame.connection = connection;
        row.bound_frame.time = row.frame.time;
        rows_.invalid.push_back(std::move(row));
      });
}

}  // namespace natlens::store
