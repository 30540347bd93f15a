-- No error was found that nothing else explains
-- severity, code, variant, confidence: the finding; count: occurrences; first: UTC; text: in words; frames: role, tap
-- and frame of each.
SELECT severity,
       code,
       variant,
       confidence,
       count,
       first,
       text,
       frames
  FROM findings
 WHERE severity = 'error'
   AND explained_by IS NULL
 ORDER BY id;
