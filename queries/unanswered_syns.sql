-- Which servers did not answer a TCP SYN, and at which tap was that seen?
-- tap; dst, dport: the server; attempts: connections without any reply, be it an ICMP error; clients:
-- distinct sources; syns: packets sent in vain; first: UTC
SELECT tap,
       dst,
       dport,
       count(*) AS attempts,
       count(DISTINCT src) AS clients,
       sum(original_packets) AS syns,
       min(start) AS first
  FROM connections
 WHERE protocol = 'tcp'
   AND beginning_seen
   AND reply_packets = 0
   AND NOT EXISTS (SELECT 1 FROM icmp_error AS e WHERE e.connection_id = connections.id)
 GROUP BY tap, dst, dport
 ORDER BY attempts DESC, tap, dst, dport
 LIMIT 100;
