-- An INVALID packet is suspect where another tap has packets of its connection that this tap has
-- not: what tracking missed here, it may have missed because the capture did.
UPDATE invalid SET suspect = 1
 WHERE EXISTS (SELECT 1 FROM translation AS t
                WHERE t.inside_connection_id = invalid.connection_id
                  AND t.original_outside_only + t.reply_outside_only > 0)
    OR EXISTS (SELECT 1 FROM translation AS t
                WHERE t.outside_connection_id = invalid.connection_id
                  AND t.original_inside_only + t.reply_inside_only > 0);
