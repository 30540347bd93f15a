-- What did PCP and NAT-PMP promise, and was the mapping used?
-- tap; says: granted, deleted, refused; transport: what the ports are of; internal, external: ends
-- of the mapping as promised; lifetime_s: seconds; code: of a refusal; time: UTC; used:
-- translations seen over this mapping
WITH promised AS (
  SELECT *
    FROM statement
   WHERE protocol IN ('pcp', 'nat-pmp')
     AND says IN ('granted', 'deleted', 'refused')
   ORDER BY time_ns, id
   LIMIT 100
)
SELECT t.name AS tap,
       s.protocol,
       s.says,
       s.transport,
       s.whose_addr || ' ' || s.whose_port AS internal,
       coalesce(s.named_addr, '?') || ' ' || coalesce(s.named_port, '?') AS external,
       s.lifetime_s,
       s.number AS code,
       strftime('%Y-%m-%dT%H:%M:%SZ', s.time_ns / 1000000000, 'unixepoch') AS time,
       (SELECT coalesce(sum(m.translations), 0)
          FROM mapping AS m
         WHERE m.protocol = s.transport
           AND m.internal_addr = s.whose_addr
           AND m.internal_port = s.whose_port
           AND m.external_port = s.named_port
           AND (s.named_addr IS NULL OR m.external_addr = s.named_addr)) AS used
  FROM promised AS s
  JOIN tap AS t ON t.id = s.tap_id
 ORDER BY s.time_ns, s.id;
