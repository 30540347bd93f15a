-- Which connections of a host went past its encrypted tunnel, in either address family?
-- tap: that shows both; connection: by its opener; why: dns, before the tunnel (it opened before
-- the tunnel carried anything), beside; packets; tunnel: its carrier; start: UTC
SELECT p.tap,
       c.protocol || ' ' || c.src || ' ' || c.sport || ' > ' || c.dst || ' ' || c.dport
         AS connection,
       p.why,
       c.original_packets + c.reply_packets AS packets,
       p.tunnel,
       strftime('%Y-%m-%dT%H:%M:%S', c.start_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', c.start_ns % 1000000000) AS start
  FROM past_tunnels AS p
  JOIN connection AS c ON c.id = p.connection_id
 ORDER BY c.start_ns, c.id
 LIMIT 1000;
