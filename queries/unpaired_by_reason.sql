-- How many connections of each tap found no partner, and why?
-- tap; reason: docs/schema.md, table unpaired; connections; share_percent: of the tap's connections;
-- packets: of these connections
SELECT u.tap,
       u.reason,
       count(*) AS connections,
       round(count(*) * 100.0 / max(1, t.connections), 1) AS share_percent,
       sum(u.original_packets + u.reply_packets) AS packets
  FROM unpaired_connections AS u
  JOIN taps AS t ON t.name = u.tap
 GROUP BY u.tap, u.reason
 ORDER BY u.tap, connections DESC, u.reason;
