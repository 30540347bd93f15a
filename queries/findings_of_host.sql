-- What is wrong with the traffic of one host?
-- Parameter :address, as any tap shows the host; left out: of all hosts. In the sqlite3 program:
-- .parameter set :address "'192.0.2.10'"
-- severity, code, variant, text: the finding; tap, frame, role: each frame of it that belongs to a connection of
-- the host; time: UTC; explained_by: id of the cause that makes the finding redundant.
SELECT f.severity,
       f.code,
       f.variant,
       f.text,
       t.name AS tap,
       ff.frame,
       ff.role,
       strftime('%Y-%m-%dT%H:%M:%S', ff.time_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', ff.time_ns % 1000000000) AS time,
       f.explained_by
  FROM finding AS f
  JOIN finding_frame AS ff ON ff.finding_id = f.id
  JOIN tap AS t ON t.id = ff.tap_id
  JOIN connection AS c ON c.id = ff.connection_id
 WHERE (:address IS NULL OR :address IN (c.src, c.dst))
 ORDER BY f.id, ff.number;
