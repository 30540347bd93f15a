-- Where did a NAT have to give another port, because the port was taken?
-- A port is taken if another host holds it towards the same far end; behind a NAT that maps
-- independently of the far end, if another host holds it at all.
-- protocol; internal: address and port of the host that got another port; external: address and
-- port it got; far: address and port of the other end; taken_by: who held its own port on that
-- external address at the time; at: UTC
WITH flow AS MATERIALIZED (
  SELECT s.translation_id, n.id AS nat_id, s.start_ns, s.inside_protocol AS protocol,
         s.inside_src, s.inside_sport, s.outside_src, s.outside_sport, s.outside_dst,
         s.outside_dport, s.outside_connection_id
    FROM translation_tuples AS s
    JOIN nat AS n
      ON n.inside_tap_id = s.inside_tap_id AND n.outside_tap_id = s.outside_tap_id
   WHERE s.kind IN ('snat', 'twice')
), independent AS MATERIALIZED (
  SELECT nat_id, protocol
    FROM nat_behaviour
   WHERE property = 'mapping' AND value = 'endpoint-independent'
)
SELECT f.protocol,
       f.inside_src || ' ' || f.inside_sport AS internal,
       f.outside_src || ' ' || f.outside_sport AS external,
       f.outside_dst || ' ' || f.outside_dport AS far,
       h.inside_src || ' ' || h.inside_sport AS taken_by,
       strftime('%Y-%m-%dT%H:%M:%S', f.start_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', f.start_ns % 1000000000) AS at
  FROM flow AS f
  JOIN flow AS h
    ON h.nat_id = f.nat_id
   AND h.protocol = f.protocol
   AND h.outside_src = f.outside_src
   AND h.outside_sport = f.inside_sport
   AND h.start_ns <= f.start_ns
   AND (h.inside_src, h.inside_sport) <> (f.inside_src, f.inside_sport)
   AND ((h.outside_dst, h.outside_dport) = (f.outside_dst, f.outside_dport)
     OR (f.nat_id, f.protocol) IN (SELECT nat_id, protocol FROM independent))
  JOIN connection AS c ON c.id = h.outside_connection_id AND c.end_ns >= f.start_ns
 WHERE f.outside_sport <> f.inside_sport
 GROUP BY f.translation_id
HAVING h.start_ns = max(h.start_ns)
 ORDER BY f.start_ns, f.translation_id
 LIMIT 100;
