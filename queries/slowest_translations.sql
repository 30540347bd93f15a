-- Which connections spent the longest between the taps?
-- src, sport, dst, dport: as the inside shows it; direction; median_ms, p99_ms, max_ms: from the
-- one tap to the other; packets: seen at both
SELECT s.inside_protocol AS protocol,
       s.inside_src AS src,
       s.inside_sport AS sport,
       s.inside_dst AS dst,
       s.inside_dport AS dport,
       l.direction,
       round(l.median_ns / 1e6, 3) AS median_ms,
       round(l.p99_ns / 1e6, 3) AS p99_ms,
       round(l.max_ns / 1e6, 3) AS max_ms,
       l.packets
  FROM (SELECT id, 'original' AS direction, original_latency_median_ns AS median_ns,
               original_latency_p99_ns AS p99_ns, original_latency_max_ns AS max_ns,
               original_both AS packets
          FROM translation
         WHERE original_both > 0
         UNION ALL
        SELECT id, 'reply', reply_latency_median_ns, reply_latency_p99_ns, reply_latency_max_ns,
               reply_both
          FROM translation
         WHERE reply_both > 0
         ORDER BY p99_ns DESC, max_ns DESC, id
         LIMIT 20) AS l
  JOIN translation_tuples AS s ON s.translation_id = l.id
 ORDER BY l.p99_ns DESC, l.max_ns DESC, l.id;
