-- Where did a NAT have to give another port, because the port was taken?
-- protocol; internal: address and port of the host that got another port; external: address and
-- port it got; taken_by: who held its own port on that external address at the time; at: UTC
SELECT m.protocol,
       m.internal_addr || ' ' || m.internal_port AS internal,
       m.external_addr || ' ' || m.external_port AS external,
       h.internal_addr || ' ' || h.internal_port AS taken_by,
       strftime('%Y-%m-%dT%H:%M:%S', m.first_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', m.first_ns % 1000000000) AS at
  FROM mapping AS m
  JOIN mapping AS h
    ON h.nat_id = m.nat_id
   AND h.protocol = m.protocol
   AND h.external_addr = m.external_addr
   AND h.external_port = m.internal_port
   AND h.first_ns <= m.first_ns
   AND (h.internal_addr, h.internal_port) <> (m.internal_addr, m.internal_port)
 WHERE m.kind IN ('snat', 'twice')
   AND m.external_port <> m.internal_port
 GROUP BY m.id
HAVING h.first_ns = max(h.first_ns)
 ORDER BY m.first_ns, m.id
 LIMIT 100;
