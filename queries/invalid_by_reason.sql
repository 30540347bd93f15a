-- Which packets would conntrack call INVALID, and why?
-- tap; protocol; reason: docs/schema.md, table invalid; packets: kept rows (at most 100 per
-- connection and reason); suspect: of these, at a tap that missed frames; connections: affected;
-- example: file and frame of one of them
SELECT tap,
       protocol,
       reason,
       count(*) AS packets,
       sum(suspect) AS suspect,
       count(DISTINCT connection_id) AS connections,
       min(file || ' ' || frame) AS example
  FROM invalid_packets
 GROUP BY tap, protocol, reason
 ORDER BY packets DESC, tap, protocol, reason;
