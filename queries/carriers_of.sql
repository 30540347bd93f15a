-- Through which outer flows (tunnels) did a connection run, and when?
-- Parameter, may be left out: :inner (either of its ends, or a part: "10.42.1.11 48612")
-- inner: the connection inside, by its opener; tap: that showed its carrier; carrier: the outer
-- flow; encapsulation: kind and key; direction: of the inner one; packets: NULL = all; first, last: UTC
SELECT i.protocol || ' ' || i.src || ' ' || i.sport || ' > ' || i.dst || ' ' || i.dport AS inner,
       t.name AS tap,
       c.protocol || ' ' || c.src || ' ' || c.sport || ' > ' || c.dst || ' ' || c.dport AS carrier,
       e.kind || ' ' || e.key AS encapsulation,
       e.direction,
       e.packets,
       strftime('%Y-%m-%dT%H:%M:%S', e.first_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', e.first_ns % 1000000000) AS first,
       strftime('%Y-%m-%dT%H:%M:%S', e.last_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', e.last_ns % 1000000000) AS last
  FROM encapsulation AS e
  JOIN connection AS i ON i.id = e.connection_id
  JOIN connection AS c ON c.id = e.carrier_id
  JOIN tap AS t ON t.id = i.tap_id
 WHERE :inner IS NULL
    OR i.src || ' ' || i.sport LIKE '%' || :inner || '%'
    OR i.dst || ' ' || i.dport LIKE '%' || :inner || '%'
 ORDER BY i.start_ns, i.id, e.first_ns, e.id
 LIMIT 1000;
