-- Which ports of an external address did each inside host get, and are they a block of its own?
-- external_addr, subscriber: the two ends, subscriber being the inside host; mappings: of that pair;
-- changed: how many with another port than inside; low, high: the least and the greatest changed port;
-- width: from low to high; fits_block: the least power of two of ports, aligned to itself, that holds
-- them all; overlaps: other hosts whose low to high reaches into this one (0: a block of its own, as a
-- CGN with port blocks gives it); first, last: packets of these mappings, UTC
WITH held AS MATERIALIZED (
  SELECT external_addr, internal_addr, count(*) AS mappings,
         count(CASE WHEN external_port <> internal_port THEN 1 END) AS changed,
         min(CASE WHEN external_port <> internal_port THEN external_port END) AS low,
         max(CASE WHEN external_port <> internal_port THEN external_port END) AS high,
         min(first_ns) AS first_ns, max(last_ns) AS last_ns
    FROM mapping
   WHERE kind IN ('snat', 'twice') AND protocol IN ('tcp', 'udp')
   GROUP BY external_addr, internal_addr
),
size (bits) AS (
  VALUES (0) UNION ALL SELECT bits + 1 FROM size WHERE bits < 16
)
SELECT h.external_addr,
       h.internal_addr AS subscriber,
       h.mappings,
       h.changed,
       h.low,
       h.high,
       h.high - h.low + 1 AS width,
       (SELECT 1 << min(bits) FROM size WHERE h.low >> bits = h.high >> bits) AS fits_block,
       (SELECT count(*) FROM held AS o
         WHERE o.external_addr = h.external_addr AND o.internal_addr <> h.internal_addr
           AND o.low <= h.high AND o.high >= h.low) AS overlaps,
       strftime('%Y-%m-%dT%H:%M:%SZ', h.first_ns / 1000000000, 'unixepoch') AS first,
       strftime('%Y-%m-%dT%H:%M:%SZ', h.last_ns / 1000000000, 'unixepoch') AS last
  FROM held AS h
 ORDER BY h.external_addr, h.low, h.internal_addr;
