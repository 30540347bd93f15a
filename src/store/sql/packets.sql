-- Packets between two taps, version 1. Every column is described in docs/schema.md. They need
-- nothing but stock SQLite 3.40.

-- A row per translation and direction, in the direction in which its packets go: before is the tap
-- that sees them first. Where that is not known, order_known is 0, and before is the side where the
-- packets are taken to come from. What is not in packet_account is as usual.
CREATE VIEW packet_accounts AS
SELECT r.translation_id,
       r.direction,
       kind,
       confidence,
       protocol,
       CASE outward WHEN 1 THEN it.name ELSE ot.name END AS before_tap,
       CASE outward WHEN 1 THEN ot.name ELSE it.name END AS after_tap,
       order_known,
       both,
       CASE outward WHEN 1 THEN inside_only ELSE outside_only END AS only_before,
       CASE outward WHEN 1 THEN outside_only ELSE inside_only END AS only_after,
       coalesce(inside_duplicated + outside_duplicated, 0) AS duplicated,
       coalesce(reordered, 0) AS reordered,
       coalesce(CASE outward WHEN 1 THEN inside_unknown ELSE outside_unknown END, 0)
         AS unknown_before,
       coalesce(CASE outward WHEN 1 THEN outside_unknown ELSE inside_unknown END, 0)
         AS unknown_after,
       why_unknown,
       coalesce(CASE outward WHEN 1 THEN inside_only_bytes ELSE outside_only_bytes END, 0)
         AS only_before_bytes,
       coalesce(CASE outward WHEN 1 THEN outside_only_bytes ELSE inside_only_bytes END, 0)
         AS only_after_bytes,
       latency_min_ns,
       latency_median_ns,
       latency_p99_ns,
       latency_max_ns,
       coalesce(ttl_delta_min, ttl_delta) AS ttl_delta_min,
       coalesce(ttl_delta_max, ttl_delta) AS ttl_delta_max,
       coalesce(ttl_changes, 0) AS ttl_changes,
       coalesce(tos_changes, 0) AS tos_changes,
       CASE outward WHEN 1 THEN inside_tos ELSE outside_tos END AS tos_before,
       CASE outward WHEN 1 THEN outside_tos ELSE inside_tos END AS tos_after,
       coalesce(CASE outward WHEN 1 THEN inside_df_only ELSE outside_df_only END, 0) AS df_cleared,
       coalesce(CASE outward WHEN 1 THEN outside_df_only ELSE inside_df_only END, 0) AS df_set,
       coalesce(id_changes, 0) AS id_changes,
       CASE outward WHEN 1 THEN inside_mss ELSE outside_mss END AS mss_before,
       CASE outward WHEN 1 THEN outside_mss ELSE inside_mss END AS mss_after,
       CASE outward WHEN 1 THEN inside_options ELSE outside_options END AS tcp_options_before,
       CASE outward WHEN 1 THEN outside_options ELSE inside_options END AS tcp_options_after,
       coalesce(by_ranges, 0) AS by_ranges,
       CASE WHEN it.dropped + ot.dropped > 0 THEN 'possible'
            WHEN coalesce(it.filter, ot.filter) IS NOT NULL OR confidence <> 'certain'
              OR why_unknown IS NOT NULL THEN 'likely'
            ELSE 'certain' END AS certainty,
       CASE WHEN it.dropped + ot.dropped > 0 THEN 'a capture lost frames'
            WHEN coalesce(it.filter, ot.filter) IS NOT NULL THEN 'captured through a filter'
            WHEN confidence <> 'certain' THEN 'the translation is not certain'
            WHEN why_unknown IS NOT NULL THEN 'not every packet could be judged'
       END AS why_uncertain
  FROM (SELECT d.translation_id, d.direction, s.kind, s.confidence, s.inside_protocol AS protocol,
               s.inside_tap_id, s.outside_tap_id, d.entered IS NOT NULL AS order_known,
               -- The opener sends in this direction, unless the inside has the connection the
               -- other way round.
               (coalesce(d.entered, 'inside') = 'inside')
                 = ((d.direction = 'original') = (coalesce(s.turned, '') <> 'inside')) AS outward,
               d.both, d.inside_only, d.outside_only, d.latency_min_ns, d.latency_median_ns,
               d.latency_p99_ns, d.latency_max_ns, d.ttl_delta,
               CASE d.direction WHEN 'original' THEN i.original_mss ELSE i.reply_mss END
                 AS inside_mss,
               CASE d.direction WHEN 'original' THEN i.original_tcp_options
                                ELSE i.reply_tcp_options END AS inside_options,
               CASE (d.direction = 'original') = (d.reversed = 0)
                 WHEN 1 THEN o.original_mss ELSE o.reply_mss END AS outside_mss,
               CASE (d.direction = 'original') = (d.reversed = 0)
                 WHEN 1 THEN o.original_tcp_options ELSE o.reply_tcp_options END
                 AS outside_options
          FROM (SELECT id AS translation_id, entered, reversed, 'original' AS direction,
                       original_both AS both, original_inside_only AS inside_only,
                       original_outside_only AS outside_only,
                       original_latency_min_ns AS latency_min_ns,
                       original_latency_median_ns AS latency_median_ns,
                       original_latency_p99_ns AS latency_p99_ns,
                       original_latency_max_ns AS latency_max_ns,
                       original_ttl_delta AS ttl_delta
                  FROM translation
                 UNION ALL
                SELECT id, entered, reversed, 'reply', reply_both, reply_inside_only,
                       reply_outside_only, reply_latency_min_ns, reply_latency_median_ns,
                       reply_latency_p99_ns, reply_latency_max_ns, reply_ttl_delta
                  FROM translation) AS d
          JOIN translation_tuples AS s ON s.translation_id = d.translation_id
          JOIN connection AS i ON i.id = s.inside_connection_id
          JOIN connection AS o ON o.id = s.outside_connection_id) AS r
  JOIN tap AS it ON it.id = r.inside_tap_id
  JOIN tap AS ot ON ot.id = r.outside_tap_id
  LEFT JOIN packet_account AS a
    ON a.translation_id = r.translation_id AND a.direction = r.direction;

-- packet_fate for people: the frame by its tap, the tap at which it is missing or different, and how
-- sure that is.
CREATE VIEW packet_fates AS
SELECT f.id,
       f.translation_id,
       f.direction,
       f.fate,
       t.name AS tap,
       f.frame,
       x.name AS other_tap,
       f.other_frame,
       f.time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', f.time_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', f.time_ns % 1000000000) AS time,
       c.protocol,
       c.src,
       c.sport,
       c.dst,
       c.dport,
       f.bytes,
       f.note,
       CASE WHEN f.other_frame IS NOT NULL THEN tr.confidence
            WHEN x.dropped > 0 THEN 'possible'
            WHEN x.filter IS NOT NULL OR tr.confidence <> 'certain' THEN 'likely'
            ELSE 'certain' END AS certainty,
       CASE WHEN f.other_frame IS NULL AND x.dropped > 0
            THEN x.name || ' lost ' || x.dropped || ' frames'
            WHEN f.other_frame IS NULL AND x.filter IS NOT NULL
            THEN x.name || ' captured through a filter'
            WHEN tr.confidence <> 'certain' THEN 'the translation is not certain'
       END AS why_uncertain,
       f.connection_id,
       f.file_id,
       f.other_file_id
  FROM packet_fate AS f
  JOIN translation AS tr ON tr.id = f.translation_id
  JOIN connection AS c ON c.id = f.connection_id
  JOIN connection AS oc
    ON oc.id = CASE f.connection_id WHEN tr.inside_connection_id THEN tr.outside_connection_id
                                    ELSE tr.inside_connection_id END
  JOIN tap AS t ON t.id = c.tap_id
  JOIN tap AS x ON x.id = oc.tap_id;

-- Frames that are the same packet (analyze --packets), those of accepted pairs only; and packets
-- with the outer one of an encrypted tunnel that they were in.
CREATE VIEW packet_links AS
SELECT l.id,
       t.id AS translation_id,
       one.name AS tap,
       l.file_id,
       l.frame,
       other.name AS other_tap,
       l.other_file_id,
       l.other_frame
  FROM packet_link AS l
  JOIN connection AS c ON c.id = l.connection_id
  JOIN connection AS o ON o.id = l.other_connection_id
  JOIN tap AS one ON one.id = c.tap_id
  JOIN tap AS other ON other.id = o.tap_id
  LEFT JOIN translation AS t
    ON t.inside_connection_id IN (l.connection_id, l.other_connection_id)
   AND t.outside_connection_id IN (l.connection_id, l.other_connection_id)
 WHERE t.id IS NOT NULL
    OR EXISTS (SELECT 1
                 FROM encapsulation AS e
                WHERE e.connection_id = l.connection_id
                  AND e.carrier_id = l.other_connection_id);

-- Findings with their frames in one line: "cause lan:37, missing-image wan, control lan:12".
CREATE VIEW findings AS
SELECT f.id,
       f.code,
       f.variant,
       f.severity,
       f.confidence,
       f.subject,
       f.subject_id,
       strftime('%Y-%m-%dT%H:%M:%S', f.first_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', f.first_ns % 1000000000) AS first,
       strftime('%Y-%m-%dT%H:%M:%S', f.last_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', f.last_ns % 1000000000) AS last,
       f.count,
       f.text,
       (SELECT group_concat(g.role || ' ' || g.tap || coalesce(':' || g.frame, ''), ', ')
          FROM (SELECT ff.role, t.name AS tap, ff.frame
                  FROM finding_frame AS ff
                  JOIN tap AS t ON t.id = ff.tap_id
                 WHERE ff.finding_id = f.id
                 ORDER BY ff.number) AS g) AS frames,
       f.facts,
       f.explained_by,
       f.explains
  FROM finding AS f;
