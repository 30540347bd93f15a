-- Which TCP connections were reset, and towards which servers does that happen most?
-- tap; dst, dport: the server; resets: connections that ended by RST; refused: of these, reset
-- without any data from the server's side; connections: to that server in all
SELECT tap,
       dst,
       dport,
       sum(state = 'CLOSE' OR close_reason = 'reset') AS resets,
       sum((state = 'CLOSE' OR close_reason = 'reset') AND reply_packets <= 1) AS refused,
       count(*) AS connections
  FROM connections
 WHERE protocol = 'tcp'
 GROUP BY tap, dst, dport
HAVING resets > 0
 ORDER BY resets DESC, tap, dst, dport
 LIMIT 100;
