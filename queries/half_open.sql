-- Which TCP connections were answered but never completed their handshake?
-- tap; src, sport, dst, dport; state: where conntrack left it; packets: of both directions;
-- start: UTC; file_id, frame: of the first packet
SELECT tap,
       src,
       sport,
       dst,
       dport,
       state,
       original_packets + reply_packets AS packets,
       start,
       file_id,
       frame
  FROM connections
 WHERE protocol = 'tcp'
   AND reply_packets > 0
   AND state IN ('SYN_SENT', 'SYN_RECV', 'SYN_SENT2')
 ORDER BY start, id
 LIMIT 100;
