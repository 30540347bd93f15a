-- How many ports of each external address are in use, minute by minute?
-- minute: UTC; external_addr; protocol; opened: mappings first seen in that minute; in_use: mappings
-- with packets before its end and after its beginning; share_percent: in_use of 64,512 ports
WITH RECURSIVE minute (start_ns) AS (
  SELECT min(first_ns) / 60000000000 * 60000000000 FROM mapping WHERE kind IN ('snat', 'twice')
   UNION ALL
  SELECT start_ns + 60000000000
    FROM minute
   WHERE start_ns + 60000000000 <= (SELECT max(last_ns) FROM mapping)
   LIMIT 1440
)
SELECT strftime('%Y-%m-%dT%H:%MZ', t.start_ns / 1000000000, 'unixepoch') AS minute,
       m.external_addr,
       m.protocol,
       sum(m.first_ns >= t.start_ns) AS opened,
       count(*) AS in_use,
       round(count(*) * 100.0 / 64512, 2) AS share_percent
  FROM minute AS t
  JOIN mapping AS m
    ON m.first_ns < t.start_ns + 60000000000
   AND m.last_ns >= t.start_ns
 WHERE m.kind IN ('snat', 'twice')
 GROUP BY t.start_ns, m.external_addr, m.protocol
 ORDER BY t.start_ns, m.external_addr, m.protocol;
