-- The views, version 1: what people and other programs read. Every column is described in
-- docs/schema.md. They need nothing but stock SQLite 3.40. Views for people show times as ISO 8601
-- in UTC; views for programs keep the nanoseconds.

CREATE VIEW connections AS
SELECT c.id,
       t.name AS tap,
       c.zone,
       c.protocol,
       c.src,
       c.sport,
       c.dst,
       c.dport,
       c.dst AS reply_src,
       CASE WHEN c.icmp_type IS NULL THEN c.dport ELSE c.sport END AS reply_sport,
       c.src AS reply_dst,
       CASE WHEN c.icmp_type IS NULL THEN c.sport ELSE 0 END AS reply_dport,
       c.icmp_type,
       c.icmp_code,
       c.state,
       CASE WHEN c.status & 2 = 0 THEN 'UNREPLIED' WHEN c.status & 4 THEN 'ASSURED' ELSE '' END
         AS flags,
       c.close_reason,
       c.beginning_seen,
       strftime('%Y-%m-%dT%H:%M:%S', c.start_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', c.start_ns % 1000000000) AS start,
       (c.last_ns - c.start_ns) / 1e9 AS duration_s,
       c.original_packets,
       c.original_bytes,
       c.reply_packets,
       c.reply_bytes,
       c.invalid_packets,
       c.first_file_id AS file_id,
       c.first_frame AS frame,
       u.reason AS unpaired_reason
  FROM connection AS c
  JOIN tap AS t ON t.id = c.tap_id
  LEFT JOIN unpaired AS u ON u.connection_id = c.id;

-- connection.events unrolled; a row per change that `conntrack -E` would print.
CREATE VIEW connection_events AS
SELECT connection_id,
       number,
       tap,
       time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', time_ns % 1000000000) AS time,
       file_id,
       frame,
       event,
       protocol,
       src,
       sport,
       dst,
       dport,
       state,
       timeout_s,
       CASE WHEN status & 2 = 0 THEN 'UNREPLIED' WHEN status & 4 THEN 'ASSURED' ELSE '' END
         AS flags
  FROM (SELECT c.id AS connection_id,
               e.key + 1 AS number,
               t.name AS tap,
               c.start_ns + json_extract(e.value, '$[0]') AS time_ns,
               f.id AS file_id,
               json_extract(e.value, '$[1]') - f.first_ordinal + 1 AS frame,
               CASE json_extract(e.value, '$[2]')
                 WHEN 0 THEN 'NEW' WHEN 1 THEN 'UPDATE' ELSE 'DESTROY'
               END AS event,
               c.protocol,
               c.src,
               c.sport,
               c.dst,
               c.dport,
               (SELECT n.name FROM state_names AS n
                 WHERE n.protocol = c.protocol AND n.number = json_extract(e.value, '$[3]'))
                 AS state,
               json_extract(e.value, '$[4]') AS timeout_s,
               json_extract(e.value, '$[5]') AS status
          FROM connection AS c
          JOIN tap AS t ON t.id = c.tap_id
          JOIN json_each(c.events) AS e
          LEFT JOIN file AS f
            ON f.source = t.source
           AND json_extract(e.value, '$[1]') >= f.first_ordinal
           AND json_extract(e.value, '$[1]') < f.first_ordinal + f.frames);

-- Pairs that were not accepted because another was as likely or the evidence too thin.
CREATE VIEW ambiguous AS
SELECT d.connection_id,
       t.name AS tap,
       c.protocol,
       c.src,
       c.sport,
       c.dst,
       c.dport,
       d.rank,
       d.bits,
       ot.name AS other_tap,
       o.src AS other_src,
       o.sport AS other_sport,
       o.dst AS other_dst,
       o.dport AS other_dport,
       d.other_connection_id
  FROM candidate AS d
  JOIN connection AS c ON c.id = d.connection_id
  JOIN connection AS o ON o.id = d.other_connection_id
  JOIN tap AS t ON t.id = c.tap_id
  JOIN tap AS ot ON ot.id = o.tap_id;

CREATE VIEW mappings AS
SELECT m.id,
       m.kind,
       m.protocol,
       i.name AS inside_tap,
       m.internal_addr,
       m.internal_port,
       o.name AS outside_tap,
       m.external_addr,
       m.external_port,
       strftime('%Y-%m-%dT%H:%M:%S', m.first_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', m.first_ns % 1000000000) AS first,
       strftime('%Y-%m-%dT%H:%M:%S', m.last_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', m.last_ns % 1000000000) AS last,
       (m.last_ns - m.first_ns) / 1e9 AS duration_s,
       m.translations,
       m.far_endpoints,
       m.nat_id
  FROM mapping AS m
  JOIN nat AS n ON n.id = m.nat_id
  JOIN tap AS i ON i.id = n.inside_tap_id
  JOIN tap AS o ON o.id = n.outside_tap_id;

CREATE VIEW nats AS
SELECT n.id,
       i.name AS inside_tap,
       o.name AS outside_tap,
       n.relation,
       n.translations,
       n.snat, n.dnat, n.twice, n.hairpin, n.nat64, n.nat46, n.npt, n.proxy, n.tunnel, n.routed,
       n.bridged,
       n.external_addresses,
       (SELECT json_group_object(protocol, json(properties))
          FROM (SELECT coalesce(b.protocol, 'all') AS protocol,
                       json_group_object(b.property, b.value) AS properties
                  FROM nat_behaviour AS b
                 WHERE b.nat_id = n.id
                 GROUP BY b.protocol)) AS behaviour
  FROM nat AS n
  JOIN tap AS i ON i.id = n.inside_tap_id
  JOIN tap AS o ON o.id = n.outside_tap_id;

-- What each NAT is like, with an example that shows it: a translation, or a connection that was
-- refused (their ids start above those of translations).
CREATE VIEW nat_behaviours AS
SELECT b.nat_id,
       i.name AS inside_tap,
       o.name AS outside_tap,
       b.protocol,
       b.property,
       b.value,
       b.confidence,
       b.evidence_for,
       b.evidence_against,
       coalesce((SELECT printf('%s %s %d as %s %d to %s %d', s.inside_protocol,
                               iif(s.kind IN ('dnat', 'hairpin'), s.outside_dst, s.inside_src),
                               iif(s.kind IN ('dnat', 'hairpin'), s.outside_dport, s.inside_sport),
                               iif(s.kind IN ('dnat', 'hairpin'), s.inside_dst, s.outside_src),
                               iif(s.kind IN ('dnat', 'hairpin'), s.inside_dport, s.outside_sport),
                               iif(s.kind IN ('dnat', 'hairpin'), s.inside_src, s.outside_dst),
                               iif(s.kind IN ('dnat', 'hairpin'), s.inside_sport, s.outside_dport))
                   FROM translation_tuples AS s
                  WHERE s.translation_id = json_extract(b.examples, '$[0]')),
                (SELECT printf('%s %s %d to %s %d refused', c.protocol, c.src, c.sport, c.dst,
                               c.dport)
                   FROM connection AS c
                  WHERE c.id = json_extract(b.examples, '$[0]'))) AS example,
       b.detail,
       b.needs
  FROM nat_behaviour AS b
  JOIN nat AS n ON n.id = b.nat_id
  JOIN tap AS i ON i.id = n.inside_tap_id
  JOIN tap AS o ON o.id = n.outside_tap_id;

CREATE VIEW unpaired_connections AS
SELECT u.connection_id,
       u.reason,
       t.name AS tap,
       c.protocol,
       c.src,
       c.sport,
       c.dst,
       c.dport,
       c.original_packets,
       c.reply_packets,
       strftime('%Y-%m-%dT%H:%M:%S', c.start_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', c.start_ns % 1000000000) AS start,
       c.first_file_id AS file_id,
       c.first_frame AS frame
  FROM unpaired AS u
  JOIN connection AS c ON c.id = u.connection_id
  JOIN tap AS t ON t.id = c.tap_id;

CREATE VIEW invalid_packets AS
SELECT v.id,
       t.name AS tap,
       f.path AS file,
       v.frame,
       strftime('%Y-%m-%dT%H:%M:%S', v.time_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', v.time_ns % 1000000000) AS time,
       v.protocol,
       v.src,
       v.sport,
       v.dst,
       v.dport,
       v.reason,
       v.value,
       v.bound,
       v.excess,
       v.bound_frame,
       v.suspect,
       v.connection_id
  FROM invalid AS v
  JOIN tap AS t ON t.id = v.tap_id
  LEFT JOIN file AS f ON f.id = v.file_id;

CREATE VIEW taps AS
SELECT t.id,
       t.name,
       t.interface,
       strftime('%Y-%m-%dT%H:%M:%S', t.first_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', t.first_ns % 1000000000) AS first,
       strftime('%Y-%m-%dT%H:%M:%S', t.last_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', t.last_ns % 1000000000) AS last,
       t.frames,
       t.ip_packets,
       t.connections,
       t.invalid_packets,
       t.dropped,
       t.copies,
       t.stop_malformed + t.stop_unsupported + t.stop_depth AS undecoded,
       t.stop_snap AS cut,
       t.offset_ns / 1e6 AS offset_ms,
       t.drift_ppm,
       t.clock_error_ns / 1e6 AS clock_error_ms,
       (SELECT group_concat(printf('%+.6f s at frame %d', s.step_ns / 1e9, s.frame), ', ')
          FROM clock_step AS s
         WHERE s.tap_id = t.id) AS clock_steps,
       t.clock_basis
  FROM tap AS t;

CREATE VIEW files AS
SELECT f.id,
       f.path,
       f.format,
       f.bytes,
       f.frames,
       strftime('%Y-%m-%dT%H:%M:%S', f.first_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', f.first_ns % 1000000000) AS first,
       strftime('%Y-%m-%dT%H:%M:%S', f.last_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', f.last_ns % 1000000000) AS last,
       f.complete,
       (SELECT group_concat('offset ' || json_extract(n.value, '$.offset') || ': '
                            || json_extract(n.value, '$.text'), '; ')
          FROM json_each(f.notes) AS n) AS notes
  FROM file AS f;
