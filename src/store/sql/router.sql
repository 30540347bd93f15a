-- The router's own entries, made of what two taps held, version 1. Every column is described in
-- docs/schema.md. They need nothing but stock SQLite 3.40.

-- The names of the states, whose numbers connection.events has.
CREATE VIEW state_names AS
SELECT column1 AS protocol, column2 AS number, column3 AS name
  FROM (VALUES ('tcp', 0, 'NONE'),
               ('tcp', 1, 'SYN_SENT'),
               ('tcp', 2, 'SYN_RECV'),
               ('tcp', 3, 'ESTABLISHED'),
               ('tcp', 4, 'FIN_WAIT'),
               ('tcp', 5, 'CLOSE_WAIT'),
               ('tcp', 6, 'LAST_ACK'),
               ('tcp', 7, 'TIME_WAIT'),
               ('tcp', 8, 'CLOSE'),
               ('tcp', 9, 'SYN_SENT2'),
               ('sctp', 0, 'NONE'),
               ('sctp', 1, 'CLOSED'),
               ('sctp', 2, 'COOKIE_WAIT'),
               ('sctp', 3, 'COOKIE_ECHOED'),
               ('sctp', 4, 'ESTABLISHED'),
               ('sctp', 5, 'SHUTDOWN_SENT'),
               ('sctp', 6, 'SHUTDOWN_RECD'),
               ('sctp', 7, 'SHUTDOWN_ACK_SENT'),
               ('sctp', 8, 'HEARTBEAT_SENT'));

-- Each translation, and until when its two taps tell of the router's entry: to the end of the shorter
-- capture, or to the start of the translation that took its place. shared: the tap's connection
-- belonged to another entry of the router too, before or after.
CREATE VIEW router_spans AS
SELECT t.id AS translation_id,
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
    ON n.translation_id = t.id;

-- What each of the two taps held of it at that moment, until_ns: a row per translation and
-- connection. Afterwards a tap's own state says nothing of the router's entry. Events are read where
-- they are, in the connection's own column: a condition does not reach into connection_events, which
-- would be unrolled whole for each row. changed_ns: when the state that it held began.
CREATE VIEW router_moments AS
SELECT r.translation_id,
       r.until_ns,
       c.id AS connection_id,
       CASE WHEN c.last_ns <= until_ns THEN c.state
            ELSE (SELECT n.name FROM json_each(c.events) AS e
                    JOIN state_names AS n
                      ON n.protocol = c.protocol AND n.number = json_extract(e.value, '$[3]')
                   WHERE c.start_ns + json_extract(e.value, '$[0]') <= until_ns
                   ORDER BY e.key DESC LIMIT 1) END AS state,
       CASE WHEN c.last_ns > until_ns
            THEN (SELECT CASE WHEN json_extract(e.value, '$[5]') & 2 = 0 THEN 'UNREPLIED'
                              WHEN json_extract(e.value, '$[5]') & 4 THEN 'ASSURED' ELSE '' END
                    FROM json_each(c.events) AS e
                   WHERE c.start_ns + json_extract(e.value, '$[0]') <= until_ns
                   ORDER BY e.key DESC LIMIT 1)
            WHEN c.status & 2 = 0 THEN 'UNREPLIED' WHEN c.status & 4 THEN 'ASSURED' ELSE ''
       END AS flags,
       CASE WHEN c.last_ns > until_ns
            THEN (SELECT json_extract(e.value, '$[4]') FROM json_each(c.events) AS e
                   WHERE c.start_ns + json_extract(e.value, '$[0]') <= until_ns
                   ORDER BY e.key DESC LIMIT 1)
            WHEN c.close_reason = 'end' AND t.last_ns > until_ns
            THEN c.timeout_s + (t.last_ns - until_ns) / 1000000000
            WHEN c.close_reason = 'expired' AND c.end_ns > until_ns
            THEN (c.end_ns - until_ns) / 1000000000
            ELSE c.timeout_s
       END AS timeout_s,
       CASE WHEN c.end_ns > until_ns AND c.close_reason <> 'untracked' THEN 'end'
            ELSE c.close_reason END AS close_reason,
       (SELECT c.start_ns + max(json_extract(e.value, '$[0]')) FROM json_each(c.events) AS e
         WHERE c.start_ns + json_extract(e.value, '$[0]') <= until_ns
           AND json_extract(e.value, '$[3]') IS NOT NULL
           AND json_extract(e.value, '$[2]') <> 2) AS changed_ns,
       c.start_ns,
       min(c.last_ns, until_ns) AS last_ns,
       min(c.end_ns, until_ns) AS end_ns,
       c.beginning_seen,
       c.invalid_packets
  FROM router_spans AS r
  JOIN connection AS c ON c.id IN (r.inside_connection_id, r.outside_connection_id)
  JOIN tap AS t ON t.id = c.tap_id;

-- Both moments on one row. whole: the tap saw every packet that the other one saw; NULL: packets
-- could not be counted.
CREATE VIEW router_sides AS
SELECT r.translation_id,
       r.until_ns,
       r.replaced,
       r.inside_connection_id,
       r.outside_connection_id,
       r.inside_shared,
       r.outside_shared,
       CASE WHEN o.close_reason = 'untracked' THEN r.outside_only = 0
            WHEN i.close_reason = 'untracked' THEN 0
            WHEN NOT r.counted THEN NULL
            WHEN i.beginning_seen < o.beginning_seen OR o.start_ns < r.inside_tap_first_ns THEN 0
            ELSE r.outside_only = 0 END AS inside_whole,
       CASE WHEN i.close_reason = 'untracked' THEN r.inside_only = 0
            WHEN o.close_reason = 'untracked' THEN 0
            WHEN NOT r.counted THEN NULL
            WHEN o.beginning_seen < i.beginning_seen OR i.start_ns < r.outside_tap_first_ns THEN 0
            ELSE r.inside_only = 0 END AS outside_whole,
       r.apart_ns,
       i.invalid_packets + o.invalid_packets AS invalid_packets,
       i.state AS inside_state,
       i.flags AS inside_flags,
       i.timeout_s AS inside_timeout_s,
       i.close_reason AS inside_close_reason,
       i.end_ns AS inside_end_ns,
       i.last_ns AS inside_last_ns,
       i.start_ns AS inside_start_ns,
       i.changed_ns AS inside_changed_ns,
       o.state AS outside_state,
       o.flags AS outside_flags,
       o.timeout_s AS outside_timeout_s,
       o.close_reason AS outside_close_reason,
       o.end_ns AS outside_end_ns,
       o.last_ns AS outside_last_ns,
       o.start_ns AS outside_start_ns,
       o.changed_ns AS outside_changed_ns
  FROM router_spans AS r
  JOIN router_moments AS i
    ON i.translation_id = r.translation_id AND i.connection_id = r.inside_connection_id
  JOIN router_moments AS o
    ON o.translation_id = r.translation_id AND o.connection_id = r.outside_connection_id;

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
             AND EXISTS (SELECT 1 FROM connection AS c JOIN json_each(c.events) AS e
                           JOIN state_names AS n
                             ON n.protocol = c.protocol AND n.number = json_extract(e.value, '$[3]')
                          WHERE c.id = inside_connection_id
                            AND n.name = outside_state
                            AND abs(c.start_ns + json_extract(e.value, '$[0]')
                                      - outside_changed_ns) <= apart_ns)
            THEN 'merged'
            WHEN outside_changed_ns > inside_changed_ns
             AND outside_state NOT IN ('FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK')
             AND EXISTS (SELECT 1 FROM connection AS c JOIN json_each(c.events) AS e
                           JOIN state_names AS n
                             ON n.protocol = c.protocol AND n.number = json_extract(e.value, '$[3]')
                          WHERE c.id = outside_connection_id
                            AND n.name = inside_state
                            AND abs(c.start_ns + json_extract(e.value, '$[0]')
                                      - inside_changed_ns) <= apart_ns)
            THEN 'merged'
            ELSE 'partial'
       END AS state_basis
  FROM router_sides;

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
