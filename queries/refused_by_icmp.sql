-- Which servers were out of reach, as an ICMP error said?
-- tap; protocol; dst, dport: the server; type, code: of the error (ICMPv6 for IPv6); connections:
-- without any other answer; clients: distinct sources; errors: packets; first: UTC
SELECT tap,
       protocol,
       dst,
       dport,
       type,
       code,
       count(DISTINCT c.id) AS connections,
       count(DISTINCT src) AS clients,
       count(*) AS errors,
       min(start) AS first
  FROM connections AS c
  JOIN icmp_error AS e ON e.connection_id = c.id
 WHERE reply_packets = 0
 GROUP BY tap, protocol, dst, dport, type, code
 ORDER BY connections DESC, tap, dst, dport, type, code
 LIMIT 100;
