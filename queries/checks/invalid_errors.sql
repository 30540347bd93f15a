-- No packet is INVALID to conntrack, but where the capture itself missed frames
-- tap; file, frame: the packet; protocol, src, sport, dst, dport; reason, value, bound, excess: why,
-- and by how much it was beyond (docs/schema.md, table invalid)
-- id: nothing-invalid
-- title: No packet is INVALID to conntrack
-- severity: warning
-- min-subjects: SELECT count(*) FROM connection
SELECT tap, file, frame, protocol, src, sport, dst, dport, reason, value, bound, excess
  FROM invalid_packets
 WHERE NOT suspect
 ORDER BY id;
