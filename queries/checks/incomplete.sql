-- The analysis is whole: it ended by itself, read every file to its end, and had room for all
-- what: run, file or tap; name; detail: what is missing
-- id: analysis-is-whole
-- title: The analysis read everything, and the capture lost nothing
-- severity: error
-- min-subjects: SELECT count(*) FROM file
SELECT 'run' AS what, 'natlens' AS name, 'the run was killed or still goes on' AS detail
  FROM meta
 WHERE key = 'complete' AND value <> '1'
 UNION ALL
SELECT 'run', 'natlens', 'stopped by a signal: the rest of the captures was not read'
  FROM meta
 WHERE key = 'interrupted' AND value = '1'
 UNION ALL
SELECT 'run', 'natlens',
       'lost for want of memory: ' || value || ' packets that waited for their other side'
  FROM meta
 WHERE key = 'waiting_dropped' AND CAST(value AS INTEGER) > 0
 UNION ALL
SELECT 'run', 'natlens', 'given up for want of memory: ' || max(CAST(value AS INTEGER)) || ' connections'
  FROM meta
 WHERE key IN ('connections_evicted', 'connections_settled_early')
HAVING max(CAST(value AS INTEGER)) > 0
 UNION ALL
SELECT 'file', path, coalesce(notes, 'not read to its end')
  FROM files
 WHERE NOT complete
 UNION ALL
SELECT 'tap', name, dropped || ' frames dropped by the capturing host'
  FROM tap
 WHERE dropped > 0;
