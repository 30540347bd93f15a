-- The views that turn translations and path steps into what was changed from where to where,
-- version 1. Every column is described in docs/schema.md. They need nothing but stock SQLite 3.40.

-- Translations with both tuples, turned so that src is the end that opened the connection. Where
-- one tap has a connection the other way round (its capture began in the middle), the side that
-- saw the beginning is believed, else the one that saw it first. opened_from is the side from
-- which the connection was opened: for dnat the outside, else the inside unless seen otherwise.
CREATE VIEW translation_tuples AS
SELECT id AS translation_id,
       kind,
       confidence,
       bits,
       evidence,
       start_ns,
       end_ns,
       CASE WHEN kind = 'dnat' OR kind IN ('npt', 'nat64', 'nat46') AND entered = 'outside'
            THEN 'outside' ELSE 'inside' END AS opened_from,
       CASE turned WHEN 1 THEN 'inside' WHEN 2 THEN 'outside' END AS turned,
       inside_connection_id,
       inside_tap_id,
       inside_zone,
       inside_protocol,
       CASE WHEN turned = 1 THEN inside_dst ELSE inside_src END AS inside_src,
       CASE WHEN turned = 1 AND inside_type IS NULL THEN inside_dport ELSE inside_sport END
         AS inside_sport,
       CASE WHEN turned = 1 THEN inside_src ELSE inside_dst END AS inside_dst,
       CASE WHEN turned = 1 AND inside_type IS NULL THEN inside_sport ELSE inside_dport END
         AS inside_dport,
       inside_last_ns,
       inside_state,
       inside_replied,
       CASE WHEN turned = 1 THEN inside_original_ms ELSE inside_reply_ms END
         AS inside_answered_after_ms,
       CASE WHEN turned = 1 THEN inside_reply_ms ELSE inside_original_ms END
         AS inside_resumed_after_ms,
       CASE WHEN turned = 1 THEN inside_original_gap ELSE inside_reply_gap END
         AS inside_answer_gap_ms,
       CASE WHEN turned = 1 THEN inside_original_apart ELSE inside_reply_apart END
         AS inside_answer_apart_ms,
       outside_connection_id,
       outside_tap_id,
       outside_zone,
       outside_protocol,
       CASE WHEN turned = 2 THEN outside_dst ELSE outside_src END AS outside_src,
       CASE WHEN turned = 2 AND outside_type IS NULL THEN outside_dport ELSE outside_sport END
         AS outside_sport,
       CASE WHEN turned = 2 THEN outside_src ELSE outside_dst END AS outside_dst,
       CASE WHEN turned = 2 AND outside_type IS NULL THEN outside_sport ELSE outside_dport END
         AS outside_dport,
       outside_last_ns,
       CASE WHEN turned = 2 THEN outside_original_ms ELSE outside_reply_ms END
         AS outside_answered_after_ms,
       CASE WHEN turned = 2 THEN outside_original_apart ELSE outside_reply_apart END
         AS outside_answer_apart_ms
  FROM (SELECT t.id, t.kind, t.confidence, t.bits, t.evidence, t.start_ns, t.end_ns, t.entered,
               CASE WHEN t.reversed = 0 THEN 0
                    WHEN i.beginning_seen < o.beginning_seen THEN 1
                    WHEN i.beginning_seen > o.beginning_seen THEN 2
                    WHEN i.start_ns > o.start_ns THEN 1
                    ELSE 2
               END AS turned,
               i.id AS inside_connection_id, i.tap_id AS inside_tap_id, i.zone AS inside_zone,
               i.protocol AS inside_protocol, i.src AS inside_src, i.sport AS inside_sport,
               i.dst AS inside_dst, i.dport AS inside_dport, i.icmp_type AS inside_type,
               i.last_ns AS inside_last_ns, i.state AS inside_state,
               i.original_packets > 0 AND i.reply_packets > 0 AS inside_replied,
               i.original_silence_ms AS inside_original_ms,
               i.reply_silence_ms AS inside_reply_ms,
               i.original_gap_ms AS inside_original_gap,
               i.reply_gap_ms AS inside_reply_gap,
               i.original_apart_ms AS inside_original_apart,
               i.reply_apart_ms AS inside_reply_apart,
               o.original_apart_ms AS outside_original_apart,
               o.reply_apart_ms AS outside_reply_apart,
               o.original_silence_ms AS outside_original_ms,
               o.reply_silence_ms AS outside_reply_ms,
               o.id AS outside_connection_id, o.tap_id AS outside_tap_id, o.zone AS outside_zone,
               o.protocol AS outside_protocol, o.src AS outside_src, o.sport AS outside_sport,
               o.dst AS outside_dst, o.dport AS outside_dport, o.icmp_type AS outside_type,
               o.last_ns AS outside_last_ns
          FROM translation AS t
          JOIN connection AS i ON i.id = t.inside_connection_id
          JOIN connection AS o ON o.id = t.outside_connection_id);

-- The hops of the paths of three and more steps, in the direction in which the connection was
-- opened: hop n leads from step n - 1 to step n. arrives is the side of the translation at step n.
CREATE VIEW path_hops AS
SELECT p.path_id,
       p.step,
       s.translation_id,
       s.kind,
       s.confidence,
       s.bits,
       s.evidence,
       s.start_ns,
       s.end_ns,
       CASE WHEN s.inside_connection_id = p.connection_id THEN 'inside' ELSE 'outside' END
         AS arrives,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_connection_id ELSE s.inside_connection_id END AS from_connection_id,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_tap_id ELSE s.inside_tap_id END AS from_tap_id,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_zone ELSE s.inside_zone END AS from_zone,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_protocol ELSE s.inside_protocol END AS from_protocol,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_src ELSE s.inside_src END AS from_src,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_sport ELSE s.inside_sport END AS from_sport,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_dst ELSE s.inside_dst END AS from_dst,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.outside_dport ELSE s.inside_dport END AS from_dport,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_connection_id ELSE s.outside_connection_id END AS to_connection_id,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_tap_id ELSE s.outside_tap_id END AS to_tap_id,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_zone ELSE s.outside_zone END AS to_zone,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_protocol ELSE s.outside_protocol END AS to_protocol,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_src ELSE s.outside_src END AS to_src,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_sport ELSE s.outside_sport END AS to_sport,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_dst ELSE s.outside_dst END AS to_dst,
       CASE WHEN s.inside_connection_id = p.connection_id
            THEN s.inside_dport ELSE s.outside_dport END AS to_dport
  FROM path_step AS p
  JOIN translation_tuples AS s ON s.translation_id = p.translation_id;

-- Every stretch of at least two hops of those paths, summed up: recognised while all its hops
-- were (times that miss each other by the transit are put in order), as sure as the weakest.
-- inside is the side that it is at the first hop that translates; where none does, the side where
-- the connection entered.
CREATE VIEW path_stretches AS
SELECT path_id,
       first_step,
       last_step,
       last_step - first_step AS hops,
       confidence,
       bits,
       (SELECT h.evidence
          FROM path_hops AS h
         WHERE h.path_id = stretch.path_id
           AND h.step > stretch.first_step
           AND h.step <= stretch.last_step
         ORDER BY h.bits, h.step
         LIMIT 1) AS evidence,
       start_ns,
       end_ns,
       translated_hops,
       npt_hops,
       routed_hops,
       proxy_hops,
       tunnel_hops,
       CASE WHEN flipped THEN to_connection_id ELSE from_connection_id END AS inside_connection_id,
       CASE WHEN flipped THEN to_tap_id ELSE from_tap_id END AS inside_tap_id,
       CASE WHEN flipped THEN to_zone ELSE from_zone END AS inside_zone,
       CASE WHEN flipped THEN to_protocol ELSE from_protocol END AS inside_protocol,
       CASE WHEN flipped THEN to_src ELSE from_src END AS inside_src,
       CASE WHEN flipped THEN to_sport ELSE from_sport END AS inside_sport,
       CASE WHEN flipped THEN to_dst ELSE from_dst END AS inside_dst,
       CASE WHEN flipped THEN to_dport ELSE from_dport END AS inside_dport,
       CASE WHEN flipped THEN from_connection_id ELSE to_connection_id END AS outside_connection_id,
       CASE WHEN flipped THEN from_tap_id ELSE to_tap_id END AS outside_tap_id,
       CASE WHEN flipped THEN from_zone ELSE to_zone END AS outside_zone,
       CASE WHEN flipped THEN from_protocol ELSE to_protocol END AS outside_protocol,
       CASE WHEN flipped THEN from_src ELSE to_src END AS outside_src,
       CASE WHEN flipped THEN from_sport ELSE to_sport END AS outside_sport,
       CASE WHEN flipped THEN from_dst ELSE to_dst END AS outside_dst,
       CASE WHEN flipped THEN from_dport ELSE to_dport END AS outside_dport
  FROM (SELECT a.path_id,
               a.step - 1 AS first_step,
               b.step AS last_step,
               CASE WHEN sum(m.confidence = 'certain') = count(*) THEN 'certain' ELSE 'likely' END
                 AS confidence,
               min(m.bits) AS bits,
               min(max(m.start_ns), min(m.end_ns)) AS start_ns,
               max(max(m.start_ns), min(m.end_ns)) AS end_ns,
               sum(m.kind NOT IN ('routed', 'bridged')) AS translated_hops,
               sum(m.kind = 'npt') AS npt_hops,
               sum(m.kind = 'routed') AS routed_hops,
               sum(m.kind = 'proxy') AS proxy_hops,
               sum(m.kind = 'tunnel') AS tunnel_hops,
               coalesce(min(CASE WHEN m.kind NOT IN ('routed', 'bridged')
                                 THEN m.step * 2 + (m.arrives = 'inside') END) % 2, 0) AS flipped,
               a.from_connection_id, a.from_tap_id, a.from_zone, a.from_protocol,
               a.from_src, a.from_sport, a.from_dst, a.from_dport,
               b.to_connection_id, b.to_tap_id, b.to_zone, b.to_protocol,
               b.to_src, b.to_sport, b.to_dst, b.to_dport
          FROM path_hops AS a
          JOIN path_hops AS b ON b.path_id = a.path_id AND b.step > a.step
          JOIN path_hops AS m
            ON m.path_id = a.path_id AND m.step >= a.step AND m.step <= b.step
         GROUP BY a.path_id, a.step, b.step) AS stretch;

-- A contract with other programs: these columns and their meaning stay. A row for every translation
-- between neighbouring taps (hops = 1) and for every longer stretch of a path, whose kind says what
-- changed from end to end.
CREATE VIEW translations AS
SELECT s.inside_protocol AS protocol,
       s.kind,
       i.name AS inside_tap,
       s.inside_zone,
       s.inside_src,
       s.inside_sport,
       s.inside_dst,
       s.inside_dport,
       o.name AS outside_tap,
       s.outside_zone,
       s.outside_src,
       s.outside_sport,
       s.outside_dst,
       s.outside_dport,
       s.outside_protocol,
       s.start_ns,
       s.end_ns,
       1 AS hops,
       s.confidence,
       s.bits,
       s.evidence,
       s.inside_connection_id,
       s.outside_connection_id
  FROM translation_tuples AS s
  JOIN tap AS i ON i.id = s.inside_tap_id
  JOIN tap AS o ON o.id = s.outside_tap_id
 UNION ALL
SELECT *
  FROM (SELECT DISTINCT  -- paths that part have stretches in common
               s.inside_protocol,
               CASE WHEN s.tunnel_hops THEN 'tunnel'
                    WHEN s.proxy_hops THEN 'proxy'
                    WHEN s.inside_src LIKE '%:%' AND s.outside_src NOT LIKE '%:%' THEN 'nat64'
                    WHEN s.inside_src NOT LIKE '%:%' AND s.outside_src LIKE '%:%' THEN 'nat46'
                    WHEN (s.inside_src, s.inside_sport) <> (s.outside_src, s.outside_sport)
                     AND (s.inside_dst, s.inside_dport) <> (s.outside_dst, s.outside_dport)
                    THEN CASE WHEN s.inside_tap_id = s.outside_tap_id THEN 'hairpin'
                              ELSE 'twice' END
                    WHEN (s.inside_src, s.inside_sport) <> (s.outside_src, s.outside_sport)
                    THEN CASE WHEN s.npt_hops = s.translated_hops THEN 'npt' ELSE 'snat' END
                    WHEN (s.inside_dst, s.inside_dport) <> (s.outside_dst, s.outside_dport)
                    THEN 'dnat'
                    WHEN s.routed_hops + s.translated_hops THEN 'routed'
                    ELSE 'bridged'
               END,
               i.name, s.inside_zone, s.inside_src, s.inside_sport, s.inside_dst, s.inside_dport,
               o.name, s.outside_zone, s.outside_src, s.outside_sport, s.outside_dst,
               s.outside_dport, s.outside_protocol, s.start_ns, s.end_ns, s.hops, s.confidence,
               s.bits, s.evidence, s.inside_connection_id, s.outside_connection_id
          FROM path_stretches AS s
          JOIN tap AS i ON i.id = s.inside_tap_id
          JOIN tap AS o ON o.id = s.outside_tap_id)
 UNION ALL
SELECT i.protocol, 'tunnel', t.name, i.zone, i.src, i.sport, i.dst, i.dport,
       o.name, c.zone, c.src, c.sport, c.dst, c.dport, c.protocol,
       e.start_ns, e.end_ns, 1, e.confidence, e.bits,
       json_array(json_object('field', CASE e.basis WHEN 'aligned' THEN 'order' ELSE 'encapsulation' END,
                              'bits', e.bits, 'note', e.kind || ' ' || e.key)),
       e.connection_id, e.carrier_id
  FROM (SELECT connection_id, carrier_id, kind, key, basis, confidence, bits,
               min(first_ns) AS start_ns, max(last_ns) AS end_ns
          FROM encapsulation
         WHERE carrier_id IS NOT NULL
         GROUP BY connection_id, carrier_id) AS e  -- both directions may have one carrier
  JOIN connection AS i ON i.id = e.connection_id
  JOIN connection AS c ON c.id = e.carrier_id
  JOIN tap AS t ON t.id = i.tap_id
  JOIN tap AS o ON o.id = c.tap_id;

-- A row per step of every path, in the direction in which the connection was opened. A path of
-- two steps is one translation; its path_id is minus that translation's id.
CREATE VIEW paths AS
SELECT p.path_id,
       p.step,
       t.name AS tap,
       p.protocol,
       p.src,
       p.sport,
       p.dst,
       p.dport,
       p.kind,
       p.bits,
       p.connection_id,
       p.translation_id
  FROM (SELECT path_id, 1 AS step, from_tap_id AS tap_id, from_protocol AS protocol,
               from_src AS src, from_sport AS sport, from_dst AS dst, from_dport AS dport,
               NULL AS kind, NULL AS bits, from_connection_id AS connection_id,
               NULL AS translation_id
          FROM path_hops
         WHERE step = 2
         UNION ALL
        SELECT path_id, step, to_tap_id, to_protocol, to_src, to_sport, to_dst, to_dport, kind,
               bits, to_connection_id, translation_id
          FROM path_hops
         UNION ALL
        SELECT -translation_id, CASE opened_from WHEN 'inside' THEN 1 ELSE 2 END, inside_tap_id,
               inside_protocol, inside_src, inside_sport, inside_dst, inside_dport,
               CASE opened_from WHEN 'inside' THEN NULL ELSE kind END,
               CASE opened_from WHEN 'inside' THEN NULL ELSE bits END, inside_connection_id,
               CASE opened_from WHEN 'inside' THEN NULL ELSE translation_id END
          FROM translation_tuples
         WHERE translation_id NOT IN
               (SELECT translation_id FROM path_step WHERE translation_id IS NOT NULL)
         UNION ALL
        SELECT -translation_id, CASE opened_from WHEN 'inside' THEN 2 ELSE 1 END, outside_tap_id,
               outside_protocol, outside_src, outside_sport, outside_dst, outside_dport,
               CASE opened_from WHEN 'inside' THEN kind END,
               CASE opened_from WHEN 'inside' THEN bits END, outside_connection_id,
               CASE opened_from WHEN 'inside' THEN translation_id END
          FROM translation_tuples
         WHERE translation_id NOT IN
               (SELECT translation_id FROM path_step WHERE translation_id IS NOT NULL)) AS p
  JOIN tap AS t ON t.id = p.tap_id;
