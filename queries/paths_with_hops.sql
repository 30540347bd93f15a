-- Through which taps did connections travel, and what changed on the way?
-- path: taps in the order of travel with what was done between them; hops; connections: that went
-- this way; example_path_id: one of them in the view paths
SELECT path,
       hops,
       count(*) AS connections,
       min(path_id) AS example_path_id
  FROM (SELECT path_id,
               group_concat(coalesce(kind || ' > ', '') || tap, ' > ') AS path,
               count(*) - 1 AS hops
          FROM (SELECT path_id, step, tap, kind FROM paths ORDER BY path_id, step)
         GROUP BY path_id)
 GROUP BY path, hops
 ORDER BY connections DESC, path;
