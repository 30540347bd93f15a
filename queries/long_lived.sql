-- Which connections lasted longest, and were they idle at the end?
-- tap; protocol; src, sport, dst, dport; duration_s: first to last packet, seconds; packets, bytes:
-- of both directions; state; close_reason: end = alive when the capture ended
SELECT tap,
       protocol,
       src,
       sport,
       dst,
       dport,
       round(duration_s, 3) AS duration_s,
       original_packets + reply_packets AS packets,
       original_bytes + reply_bytes AS bytes,
       state,
       close_reason
  FROM connections
 ORDER BY connections.duration_s DESC, id
 LIMIT 20;
