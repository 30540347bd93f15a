-- The analysis is whole: it ended, and read every file to its end
-- what: run, file or tap; name; detail: what is missing
SELECT 'run' AS what, 'natlens' AS name, 'the run was killed or still goes on' AS detail
  FROM meta
 WHERE key = 'complete' AND value <> '1'
 UNION ALL
SELECT 'file', path, coalesce(notes, 'not read to its end')
  FROM files
 WHERE NOT complete
 UNION ALL
SELECT 'tap', name, dropped || ' frames dropped by the capturing host'
  FROM tap
 WHERE dropped > 0;
