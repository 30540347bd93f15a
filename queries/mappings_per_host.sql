-- How many mappings does each inside host hold, and how many at once at most?
-- internal_addr; protocol; mappings: in all; most_at_once: alive at the same time; connections:
-- through them; external_addresses: distinct ones it was seen as
WITH host (internal_addr, protocol, mappings, connections, external_addresses) AS (
  SELECT internal_addr, protocol, count(*), sum(translations), count(DISTINCT external_addr)
    FROM mapping
   WHERE kind IN ('snat', 'twice')
   GROUP BY internal_addr, protocol
),
step (internal_addr, protocol, time_ns, change) AS (
  SELECT internal_addr, protocol, first_ns, 1 FROM mapping WHERE kind IN ('snat', 'twice')
   UNION ALL
  SELECT internal_addr, protocol, last_ns, -1 FROM mapping WHERE kind IN ('snat', 'twice')
),
peak (internal_addr, protocol, most) AS MATERIALIZED (
  SELECT internal_addr, protocol, max(held)
    FROM (SELECT internal_addr,
                 protocol,
                 sum(change) OVER (PARTITION BY internal_addr, protocol
                                   ORDER BY time_ns, change DESC
                                   ROWS UNBOUNDED PRECEDING) AS held
            FROM step)
   GROUP BY internal_addr, protocol
)
SELECT h.internal_addr,
       h.protocol,
       h.mappings,
       p.most AS most_at_once,
       h.connections,
       h.external_addresses
  FROM host AS h
  JOIN peak AS p ON p.internal_addr = h.internal_addr AND p.protocol = h.protocol
 ORDER BY h.mappings DESC, h.internal_addr, h.protocol
 LIMIT 100;
