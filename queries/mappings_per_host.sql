-- How many mappings does each inside host hold, and how many at once at most?
-- internal_addr; protocol; mappings: in all; most_at_once: alive at the same time; connections:
-- through them; external_addresses: distinct ones it was seen as
WITH step (internal_addr, protocol, time_ns, change) AS (
  SELECT internal_addr, protocol, first_ns, 1 FROM mapping WHERE kind IN ('snat', 'twice')
   UNION ALL
  SELECT internal_addr, protocol, last_ns, -1 FROM mapping WHERE kind IN ('snat', 'twice')
),
peak (internal_addr, protocol, most) AS (
  SELECT internal_addr, protocol, max(open)
    FROM (SELECT internal_addr,
                 protocol,
                 sum(change) OVER (PARTITION BY internal_addr, protocol
                                   ORDER BY time_ns, change DESC
                                   ROWS UNBOUNDED PRECEDING) AS open
            FROM step)
   GROUP BY internal_addr, protocol
)
SELECT m.internal_addr,
       m.protocol,
       count(*) AS mappings,
       p.most AS most_at_once,
       sum(m.translations) AS connections,
       count(DISTINCT m.external_addr) AS external_addresses
  FROM mapping AS m
  JOIN peak AS p ON p.internal_addr = m.internal_addr AND p.protocol = m.protocol
 WHERE m.kind IN ('snat', 'twice')
 GROUP BY m.internal_addr, m.protocol
 ORDER BY mappings DESC, m.internal_addr, m.protocol
 LIMIT 100;
