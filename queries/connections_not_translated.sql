-- Which connections on the inside of a NAT never appeared on its outside?
-- tap; protocol; src, sport, dst, dport; packets: of both directions; reason: why no partner was
-- found; start: UTC; file_id, frame: of the first packet
SELECT u.tap,
       u.protocol,
       u.src,
       u.sport,
       u.dst,
       u.dport,
       u.original_packets + u.reply_packets AS packets,
       u.reason,
       u.start,
       u.file_id,
       u.frame
  FROM unpaired_connections AS u
 WHERE u.tap IN (SELECT inside_tap FROM nats WHERE relation = 'nat')
 ORDER BY u.start, u.connection_id
 LIMIT 100;
