#include "page_tables.h"

#include <array>

namespace natlens::report {
namespace {

// Findings that are shown, root causes first.
#define NATLENS_SHOWN                                                                         \
  "ORDER BY explained_by IS NOT NULL, CASE severity WHEN 'error' THEN 0 WHEN 'warning' THEN " \
  "1 ELSE 2 END, id LIMIT 2000"

// Translations with a diagram: what findings are about, and the first ones.
#define NATLENS_CHOSEN                                                                      \
  "WITH shown AS (SELECT id, subject, subject_id FROM finding " NATLENS_SHOWN               \
  "), "                                                                                     \
  "about (id) AS (SELECT subject_id FROM shown WHERE subject = 'connection' UNION SELECT "  \
  "connection_id FROM finding_frame WHERE finding_id IN (SELECT id FROM shown)), "          \
  "chosen (id) AS (SELECT id FROM (SELECT id FROM translation ORDER BY id LIMIT :ladders) " \
  "UNION SELECT subject_id FROM shown WHERE subject = 'translation' "                       \
  "UNION SELECT t.id FROM about a JOIN translation t ON t.inside_connection_id = a.id "     \
  "UNION SELECT t.id FROM about a JOIN translation t ON t.outside_connection_id = a.id) "

constexpr auto kTables = std::to_array<PageTable>({
    {"meta", "SELECT key, CAST(value AS TEXT) AS value FROM meta ORDER BY key"},
    {"counts",
     "SELECT (SELECT sum(frames) FROM tap) AS frames, (SELECT sum(connections) FROM tap) AS "
     "connections, (SELECT count(*) FROM translation) AS translations, (SELECT count(*) FROM "
     "mapping) AS mappings, (SELECT count(*) FROM finding) AS findings, (SELECT count(DISTINCT "
     "connection_id) FROM candidate) AS ambiguous, (SELECT max(last_ns) FROM tap) - :origin AS "
     "last_ns"},
    {"taps",
     "SELECT id, name, interface, source, frames, dropped, copies, ip_packets, connections, "
     "invalid_packets, first_ns - :origin AS first_ns, last_ns - :origin AS last_ns, "
     "offset_ns, "
     "drift_ppm, clock_error_ns, clock_matches, clock_basis FROM tap ORDER BY id"},
    {"files",
     "SELECT id, source, path, format, bytes, frames, first_ordinal, complete, (SELECT "
     "group_concat(json_extract(value, '$.text'), '; ') FROM json_each(notes)) AS notes FROM "
     "file ORDER BY id"},
    {"between",
     "SELECT n.id, i.name AS inside, o.name AS outside, n.relation, n.translations, n.bridged, "
     "n.routed, n.snat, n.dnat, n.twice, n.hairpin, n.nat64, n.nat46, n.npt, n.proxy, "
     "n.tunnel, "
     "(SELECT group_concat(value, ', ') FROM json_each(n.external_addresses) WHERE key < 8) AS "
     "external FROM nat n JOIN tap i ON i.id = n.inside_tap_id JOIN tap o ON o.id = "
     "n.outside_tap_id ORDER BY n.id LIMIT 1000"},
    {"unpaired",
     "SELECT t.name AS tap, u.reason, count(*) AS connections FROM unpaired u JOIN connection "
     "c "
     "ON c.id = u.connection_id JOIN tap t ON t.id = c.tap_id GROUP BY t.id, u.reason ORDER BY "
     "t.id, connections DESC"},
    {"findings",
     "SELECT id, code, severity, confidence, subject, subject_id, variant, first_ns - :origin "
     "AS first_ns, last_ns - :origin AS last_ns, count, CAST(facts AS TEXT) AS facts, text, "
     "explained_by FROM finding " NATLENS_SHOWN},
    {"finding_frames",
     "SELECT finding_id, number, role, tap_id, file_id, frame, time_ns - :origin AS time_ns, "
     "connection_id FROM finding_frame WHERE finding_id IN (SELECT id FROM "
     "finding " NATLENS_SHOWN ") ORDER BY finding_id, number"},
    {"mappings",
     "SELECT id, nat_id, kind, protocol, internal_addr, internal_port, external_addr, "
     "external_port, first_ns - :origin AS first_ns, last_ns - :origin AS last_ns, "
     "translations, far_endpoints FROM mapping ORDER BY first_ns, id LIMIT :mappings"},
});

constexpr auto kLadderTables = std::to_array<PageTable>({
    {"states", "SELECT protocol, number, name FROM state_names ORDER BY protocol, number"},
    // Which mapping a translation used: the ends by which mappings are made of them.
    {"translations", NATLENS_CHOSEN
     "SELECT t.id, t.kind, t.confidence, t.bits, t.evidence, s.opened_from, s.turned, "
     "t.inside_connection_id, t.outside_connection_id, t.start_ns - :origin AS start_ns, "
     "t.end_ns - :origin AS end_ns, t.original_both, t.reply_both, t.original_inside_only, "
     "t.reply_inside_only, t.original_outside_only, t.reply_outside_only, "
     "t.original_latency_median_ns, t.reply_latency_median_ns, m.id AS mapping_id FROM "
     "translation t JOIN translation_tuples s ON s.translation_id = t.id LEFT JOIN nat n ON "
     "n.inside_tap_id = s.inside_tap_id AND n.outside_tap_id = s.outside_tap_id LEFT JOIN "
     "mapping m ON m.nat_id = n.id AND m.protocol = s.inside_protocol AND m.internal_addr = "
     "CASE t.kind WHEN 'dnat' THEN s.inside_dst WHEN 'hairpin' THEN s.outside_dst ELSE "
     "s.inside_src END AND m.internal_port = CASE t.kind WHEN 'dnat' THEN s.inside_dport WHEN "
     "'hairpin' THEN s.outside_dport ELSE s.inside_sport END AND m.external_addr = CASE t.kind "
     "WHEN 'dnat' THEN s.outside_dst WHEN 'hairpin' THEN s.inside_dst ELSE s.outside_src END "
     "AND m.external_port = CASE t.kind WHEN 'dnat' THEN s.outside_dport WHEN 'hairpin' THEN "
     "s.inside_dport ELSE s.outside_sport END WHERE t.id IN (SELECT id FROM chosen) ORDER BY "
     "t.start_ns, t.id"},
    {"connections", NATLENS_CHOSEN
     "SELECT c.id, c.tap_id, c.protocol, c.src, c.sport, c.dst, c.dport, c.state, c.status, "
     "c.close_reason, c.start_ns - :origin AS start_ns, c.last_ns - :origin AS last_ns, "
     "c.original_packets, c.reply_packets, c.original_bytes, c.reply_bytes, c.invalid_packets, "
     "c.first_file_id, c.first_frame, c.events FROM connection c WHERE c.id IN (SELECT "
     "inside_connection_id FROM translation WHERE id IN (SELECT id FROM chosen) UNION SELECT "
     "outside_connection_id FROM translation WHERE id IN (SELECT id FROM chosen) UNION SELECT "
     "id FROM about) ORDER BY c.id"},
    {"fates", NATLENS_CHOSEN
     "SELECT translation_id, direction, fate, connection_id, file_id, frame, time_ns - :origin "
     "AS time_ns, bytes, note FROM packet_fate WHERE translation_id IN (SELECT id FROM chosen) "
     "ORDER BY translation_id, time_ns, id"},
});

#undef NATLENS_CHOSEN
#undef NATLENS_SHOWN

}  // namespace

std::span<const PageTable> page_tables() {
  return kTables;
}

std::span<const PageTable> ladder_tables() {
  return kLadderTables;
}

}  // namespace natlens::report
