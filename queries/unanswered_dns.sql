-- Which DNS servers left queries without an answer?
-- tap; dst: the server; flows: client ports that asked; unanswered: those without any answer;
-- queries: packets sent; answers: packets received
SELECT tap,
       dst,
       count(*) AS flows,
       sum(reply_packets = 0) AS unanswered,
       sum(original_packets) AS queries,
       sum(reply_packets) AS answers
  FROM connections
 WHERE protocol IN ('udp', 'tcp')
   AND dport = 53
 GROUP BY tap, dst
HAVING unanswered > 0
 ORDER BY unanswered DESC, tap, dst
 LIMIT 100;
