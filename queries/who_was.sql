-- Which inside host had this external address and port at that time?
-- Parameters, each may be left out: :address, :port, :at (ISO 8601, UTC; what is no time finds
-- nothing). In the sqlite3 program:
-- .parameter set :address "'198.51.100.1'"
-- .parameter set :at "'2026-01-31T12:00:00'"
-- internal, external: address and port (ICMP: id); first, last: first and last packet, UTC;
-- translations: connections that used the mapping
WITH asked (address, port, at, at_ns) AS (
  VALUES (:address, :port, :at, CAST(strftime('%s', :at) AS INTEGER) * 1000000000)
)
SELECT v.protocol,
       v.internal_addr || ' ' || v.internal_port AS internal,
       v.external_addr || ' ' || v.external_port AS external,
       v.kind,
       v.first,
       v.last,
       v.translations
  FROM asked AS a
  JOIN mapping AS m
  JOIN mappings AS v ON v.id = m.id
 WHERE (a.address IS NULL OR m.external_addr = a.address)
   AND (a.port IS NULL OR m.external_port = a.port)
   AND (a.at IS NULL OR m.first_ns < a.at_ns + 1000000000 AND m.last_ns >= a.at_ns)
 ORDER BY m.first_ns, m.id
 LIMIT 100;
