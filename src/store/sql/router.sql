-- The router's own entries, made of what two taps held, version 1. Every column is described in
-- docs/schema.md. They need nothing but stock SQLite 3.40.

-- Each translation with what both taps held of it at one moment, until_ns: the end of the shorter
-- capture, or the start of the translation that took the place of this one. Afterwards a tap's own
-- state says nothing of the router's entry. shared: the tap's connection belonged to another entry
-- of the router too, before or after. whole: the tap saw every packet that the other one saw;
-- NULL: packets could not be counted.
CREATE VIEW router_sides AS
SELECT r.translation_id,
       until_ns,
       replaced,
       inside_connection_id,
       outside_connection_id,
       inside_shared,
       outside_shared,
       CASE WHEN NOT counted THEN NULL
            WHEN i.beginning_seen < o.beginning_seen OR o.start_ns < inside_tap_first_ns THEN 0
            ELSE outside_only = 0 END AS inside_whole,
       CASE WHEN NOT counted THEN NULL
            WHEN o.beginning_seen < i.beginning_seen OR i.start_ns < outside_tap_first_ns THEN 0
            ELSE inside_only = 0 END AS outside_whole,
       apart_ns,
       i.invalid_packets + o.invalid_packets AS invalid_packets,
       CASE WHEN i.last_ns <= until_ns THEN i.state
            ELSE (SELECT v.state FROM connection_events AS v
                   WHERE v.connection_id = i.id AND v.time_ns <= until_ns AND v.state IS NOT NULL
                   ORDER BY v.number DESC LIMIT 1) END AS inside_state,
       CASE WHEN i.last_ns > until_ns
            THEN (SELECT v.flags FROM connection_events AS v
                   WHERE v.connection_id = i.id AND v.time_ns <= until_ns
                   ORDER BY v.number DESC LIMIT 1)
            WHEN i.status & 2 = 0 THEN 'UNREPLIED' WHEN i.status & 4 THEN 'ASSURED' ELSE ''
       END AS inside_flags,
       CASE WHEN i.last_ns > until_ns
            THEN (SELECT v.timeout_s FROM connection_events AS v
                   WHERE v.connection_id = i.id AND v.time_ns <= until_ns
                   ORDER BY v.number DESC LIMIT 1)
            WHEN i.close_reason = 'end' AND inside_tap_last_ns > until_ns
            THEN i.timeout_s + (inside_tap_last_ns - until_ns) / 1000000000
            WHEN i.close_reason = 'expired' AND i.end_ns > until_ns
            THEN (i.end_ns - until_ns) / 1000000000
            ELSE i.timeout_s
       END AS inside_timeout_s,
       CASE WHEN i.end_ns > until_ns THEN 'end' ELSE i.close_reason END AS inside_close_reason,
       min(i.end_ns, until_ns) AS inside_end_ns,
       min(i.last_ns, until_ns) AS inside_last_ns,
       i.start_ns AS inside_start_ns,
       CASE WHEN o.last_ns <= until_ns THEN o.state
            ELSE (SELECT v.state FROM connection_events AS v
                   WHERE v.connection_id = o.id AND v.time_ns <= until_ns AND v.state IS NOT NULL
                   ORDER BY v.number DESC LIMIT 1) END AS outside_state,
       CASE WHEN o.last_ns > until_ns
            THEN (SELECT v.flags FROM connection_events AS v
                   WHERE v.connection_id = o.id AND v.time_ns <= until_ns
                   ORDER BY v.number DESC LIMIT 1)
            WHEN o.status & 2 = 0 THEN 'UNREPLIED' WHEN o.status & 4 THEN 'ASSURED' ELSE ''
       END AS outside_flags,
       CASE WHEN o.last_ns > until_ns
            THEN (SELECT v.timeout_s FROM connection_events AS v
                   WHERE v.connection_id = o.id AND v.time_ns <= until_ns
                   ORDER BY v.number DESC LIMIT 1)
            WHEN o.close_reason = 'end' AND outside_tap_last_ns > until_ns
            THEN o.timeout_s + (outside_tap_last_ns - until_ns) / 1000000000
            WHEN o.close_reason = 'expired' AND o.end_ns > until_ns
            THEN (o.end_ns - until_ns) / 1000000000
            ELSE o.timeout_s
       END AS outside_timeout_s,
       CASE WHEN o.end_ns > until_ns THEN 'end' ELSE o.close_reason END AS outside_close_reason,
       min(o.end_ns, until_ns) AS outside_end_ns,
       min(o.last_ns, until_ns) AS outside_last_ns,
       o.start_ns AS outside_start_ns
  FROM (SELECT t.id AS translation_id,
               t.inside_connection_id,
               t.outside_connection_id,
               it.first_ns AS inside_tap_first_ns,
               ot.first_ns AS outside_tap_first_ns,
               it.last_ns AS inside_tap_last_ns,
               ot.last_ns AS outside_tap_last_ns,
               coalesce(n.next_ns, -- the last packet at one tap has time to reach the other one
                        min(it.last_ns, ot.last_ns) + 100000
                          + coalesce(it.clock_error_ns, 0) + coalesce(ot.clock_error_ns, 0)
                          + max(coalesce(t.original_latency_median_ns, 0),
                                coalesce(t.reply_latency_median_ns, 0))) AS until_ns,
               n.next_ns IS NOT NULL AS replaced,
               coalesce(n.inside_shared, 0) AS inside_shared,
               coalesce(n.outside_shared, 0) AS outside_shared,
               (t.original_both + t.original_inside_only + t.original_outside_only > 0
                 OR ic.original_packets + oc.original_packets = 0)
                 AND (t.reply_both + t.reply_inside_only + t.reply_outside_only > 0
                 OR ic.reply_packets + oc.reply_packets = 0) AS counted,
               t.original_inside_only + t.reply_inside_only AS inside_only,
               t.original_outside_only + t.reply_outside_only AS outside_only,
               -- One packet stands at the two taps at most this far apart.
               1000000 + coalesce(it.clock_error_ns, 0) + coalesce(ot.clock_error_ns, 0)
                 + max(coalesce(t.original_latency_max_ns, 0), coalesce(t.reply_latency_max_ns, 0))
                 AS apart_ns
          FROM translation AS t
          JOIN connection AS ic ON ic.id = t.inside_connection_id
          JOIN connection AS oc ON oc.id = t.outside_connection_id
          JOIN tap AS it ON it.id = ic.tap_id
          JOIN tap AS ot ON ot.id = oc.tap_id
          LEFT JOIN (-- those that share a connection with another one between the same taps
                     SELECT t.id AS translation_id,
                            min(CASE WHEN (n.start_ns, n.id) > (t.start_ns, t.id)
                                     THEN n.start_ns END) AS next_ns,
                            max(n.inside_connection_id = t.inside_connection_id) AS inside_shared,
                            max(n.outside_connection_id = t.outside_connection_id) AS outside_shared
                       FROM translation AS t
                       JOIN connection AS i ON i.id = t.inside_connection_id
                       JOIN connection AS o ON o.id = t.outside_connection_id
                       JOIN translation AS n
                         ON n.id <> t.id
                        AND (n.inside_connection_id = t.inside_connection_id
                          OR n.outside_connection_id = t.outside_connection_id)
                       JOIN connection AS ni
                         ON ni.id = n.inside_connection_id AND ni.tap_id = i.tap_id
                       JOIN connection AS no
                         ON no.id = n.outside_connection_id AND no.tap_id = o.tap_id
                      GROUP BY t.id) AS n
            ON n.translation_id = t.id) AS r
  JOIN connection AS i ON i.id = r.inside_connection_id
  JOIN connection AS o ON o.id = r.outside_connection_id;

-- Whose state is the router's. Packets that a tap missed leave its state behind, so that the tap
-- that saw all is right, unless the other one went on to another state after it. Where neither saw
-- all, the one that went on from a state that the other one stayed in; in the middle of closing
-- that is not enough, for what only the other one saw may have closed more; nor where a tap
-- refused packets, which the router may have taken. A state that one
-- packet led to at one tap and another packet at the other is not known.
CREATE VIEW router_verdicts AS
SELECT *,
       CASE WHEN inside_shared AND outside_shared THEN 'partial'
            WHEN inside_shared THEN CASE WHEN outside_whole THEN 'outside' ELSE 'partial' END
            WHEN outside_shared THEN CASE WHEN inside_whole THEN 'inside' ELSE 'partial' END
            WHEN inside_whole AND outside_whole
             AND inside_state IS outside_state AND inside_flags = outside_flags THEN 'both'
            WHEN inside_whole AND NOT outside_whole
             AND (inside_state IS outside_state
               OR inside_changed_ns >= coalesce(outside_changed_ns, 0))
            THEN 'inside'
            WHEN outside_whole AND NOT inside_whole
             AND (inside_state IS outside_state
               OR outside_changed_ns >= coalesce(inside_changed_ns, 0))
            THEN 'outside'
            WHEN inside_state IS NULL AND outside_state IS NULL THEN 'merged'
            WHEN invalid_packets > 0 THEN 'partial'
            WHEN inside_state = outside_state
            THEN CASE WHEN abs(inside_changed_ns - outside_changed_ns) <= apart_ns THEN 'merged'
                      ELSE 'partial' END
            WHEN inside_changed_ns > outside_changed_ns
             AND inside_state NOT IN ('FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK')
             AND EXISTS (SELECT 1 FROM connection_events AS v
                          WHERE v.connection_id = inside_connection_id
                            AND v.state = outside_state
                            AND abs(v.time_ns - outside_changed_ns) <= apart_ns)
            THEN 'merged'
            WHEN outside_changed_ns > inside_changed_ns
             AND outside_state NOT IN ('FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK')
             AND EXISTS (SELECT 1 FROM connection_events AS v
                          WHERE v.connection_id = outside_connection_id
                            AND v.state = inside_state
                            AND abs(v.time_ns - inside_changed_ns) <= apart_ns)
            THEN 'merged'
            ELSE 'partial'
       END AS state_basis
  FROM (SELECT *,
               (SELECT max(v.time_ns) FROM connection_events AS v
                 WHERE v.connection_id = inside_connection_id AND v.time_ns <= until_ns
                   AND v.state IS NOT NULL AND v.event <> 'DESTROY') AS inside_changed_ns,
               (SELECT max(v.time_ns) FROM connection_events AS v
                 WHERE v.connection_id = outside_connection_id AND v.time_ns <= until_ns
                   AND v.state IS NOT NULL AND v.event <> 'DESTROY') AS outside_changed_ns
          FROM router_sides);

-- The router's own entries: the original tuple from the tap where the connection entered, the
-- reply tuple from the other one, as `conntrack -L` shows both on one line.
CREATE VIEW conntrack AS
SELECT translation_id,
       kind,
       protocol,
       CASE side WHEN 'outside' THEN outside_state ELSE inside_state END AS state,
       src,
       sport,
       dst,
       dport,
       original_packets,
       original_bytes,
       reply_src,
       reply_sport,
       reply_dst,
       reply_dport,
       reply_packets,
       reply_bytes,
       icmp_type,
       icmp_code,
       CASE icmp_type
         WHEN 8 THEN 0 WHEN 0 THEN 8 WHEN 13 THEN 14 WHEN 14 THEN 13 WHEN 15 THEN 16
         WHEN 16 THEN 15 WHEN 17 THEN 18 WHEN 18 THEN 17 WHEN 128 THEN 129 WHEN 129 THEN 128
         WHEN 139 THEN 140 WHEN 140 THEN 139 ELSE icmp_type
       END AS reply_icmp_type,
       CASE WHEN state_basis = 'merged' AND 'ASSURED' IN (inside_flags, outside_flags)
            THEN 'ASSURED'
            WHEN state_basis = 'merged' AND '' IN (inside_flags, outside_flags) THEN ''
            WHEN side = 'outside' THEN outside_flags
            ELSE inside_flags END AS flags,
       CASE side WHEN 'outside' THEN outside_timeout_s ELSE inside_timeout_s END AS timeout_s,
       state_basis,
       CASE WHEN replaced THEN 'replaced'
            WHEN side = 'outside' THEN outside_close_reason
            ELSE inside_close_reason END AS close_reason,
       start_ns,
       CASE side WHEN 'outside' THEN outside_end_ns ELSE inside_end_ns END AS end_ns
  FROM (SELECT s.translation_id,
               s.kind,
               e.protocol,
               -- The side whose values are given.
               CASE WHEN v.state_basis = 'outside'
                      OR v.state_basis = 'merged'
                     AND coalesce(v.outside_changed_ns > v.inside_changed_ns,
                                  v.outside_last_ns > v.inside_last_ns)
                    THEN 'outside' ELSE 'inside' END AS side,
               v.inside_state, v.inside_flags, v.inside_timeout_s, v.inside_close_reason,
               v.inside_end_ns,
               v.outside_state, v.outside_flags, v.outside_timeout_s, v.outside_close_reason,
               v.outside_end_ns,
               v.replaced,
               v.state_basis,
               CASE WHEN s.opened_from = 'inside' THEN s.inside_src ELSE s.outside_src END AS src,
               CASE WHEN s.opened_from = 'inside' THEN s.inside_sport ELSE s.outside_sport END
                 AS sport,
               CASE WHEN s.opened_from = 'inside' THEN s.inside_dst ELSE s.outside_dst END AS dst,
               CASE WHEN s.opened_from = 'inside' THEN s.inside_dport ELSE s.outside_dport END
                 AS dport,
               CASE WHEN s.turned = s.opened_from THEN e.reply_packets ELSE e.original_packets END
                 AS original_packets,
               CASE WHEN s.turned = s.opened_from THEN e.reply_bytes ELSE e.original_bytes END
                 AS original_bytes,
               CASE WHEN s.opened_from = 'inside' THEN s.outside_dst ELSE s.inside_dst END
                 AS reply_src,
               CASE WHEN x.icmp_type IS NOT NULL THEN x.sport
                    WHEN s.opened_from = 'inside' THEN s.outside_dport
                    ELSE s.inside_dport END AS reply_sport,
               CASE WHEN s.opened_from = 'inside' THEN s.outside_src ELSE s.inside_src END
                 AS reply_dst,
               CASE WHEN x.icmp_type IS NOT NULL THEN 0
                    WHEN s.opened_from = 'inside' THEN s.outside_sport
                    ELSE s.inside_sport END AS reply_dport,
               CASE WHEN s.turned <> s.opened_from THEN x.original_packets ELSE x.reply_packets END
                 AS reply_packets,
               CASE WHEN s.turned <> s.opened_from THEN x.original_bytes ELSE x.reply_bytes END
                 AS reply_bytes,
               e.icmp_type,
               e.icmp_code,
               CASE WHEN v.inside_shared AND v.outside_shared THEN s.start_ns
                    WHEN v.inside_shared THEN v.outside_start_ns
                    WHEN v.outside_shared THEN v.inside_start_ns
                    ELSE min(v.inside_start_ns, v.outside_start_ns) END AS start_ns
          FROM translation_tuples AS s
          JOIN router_verdicts AS v ON v.translation_id = s.translation_id
          JOIN connection AS e  -- where it entered
            ON e.id = CASE WHEN s.opened_from = 'inside'
                           THEN s.inside_connection_id ELSE s.outside_connection_id END
          JOIN connection AS x  -- where replies enter
            ON x.id = CASE WHEN s.opened_from = 'inside'
                           THEN s.outside_connection_id ELSE s.inside_connection_id END
         WHERE s.kind NOT IN ('bridged', 'proxy', 'tunnel'));
