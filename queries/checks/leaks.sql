-- No private source address leaves a NAT untranslated
-- outside_tap; protocol, src, sport, dst, dport: the connection as it was seen outside; packets: sent
-- so; start: UTC; file_id, frame: of the first packet
-- id: no-private-source-outside
-- title: No private source address leaves a NAT untranslated
-- severity: error
-- min-subjects: SELECT count(*) FROM translation WHERE kind = 'snat'
SELECT outside_tap, protocol, src, sport, dst, dport, packets, start, file_id, frame
  FROM leaks
 WHERE why = 'private source'
 ORDER BY start, connection_id;
