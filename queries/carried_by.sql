-- Which connections were inside an outer flow (a tunnel's carrier), and when?
-- Parameter, may be left out: :carrier (either of its ends, or a part: "192.0.2.1 4789")
-- carrier: the outer flow; tap: that showed it; inner: the connection inside, by its opener;
-- encapsulation: kind and key; direction: of the inner one; packets: NULL = all; first, last: UTC
SELECT c.protocol || ' ' || c.src || ' ' || c.sport || ' > ' || c.dst || ' ' || c.dport AS carrier,
       t.name AS tap,
       i.protocol || ' ' || i.src || ' ' || i.sport || ' > ' || i.dst || ' ' || i.dport AS inner,
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
  JOIN tap AS t ON t.id = c.tap_id
 WHERE :carrier IS NULL
    OR c.src || ' ' || c.sport LIKE '%' || :carrier || '%'
    OR c.dst || ' ' || c.dport LIKE '%' || :carrier || '%'
 ORDER BY e.first_ns, e.id
 LIMIT 1000;
