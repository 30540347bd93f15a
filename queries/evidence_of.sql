-- Why are these two connections believed to be one?
-- Parameter, may be left out: :address (an address of either side). Columns: inside, outside: tap
-- and tuple; kind; confidence; total_bits: of the pair; field, bits, note: each piece, strongest first
SELECT t.inside_tap || ' ' || t.inside_src || ' ' || t.inside_sport || ' > ' || t.inside_dst
         || ' ' || t.inside_dport AS inside,
       t.outside_tap || ' ' || t.outside_src || ' ' || t.outside_sport || ' > ' || t.outside_dst
         || ' ' || t.outside_dport AS outside,
       t.kind,
       t.confidence,
       t.bits AS total_bits,
       json_extract(e.value, '$.field') AS field,
       json_extract(e.value, '$.bits') AS bits,
       json_extract(e.value, '$.note') AS note
  FROM translations AS t
  JOIN json_each(t.evidence) AS e
 WHERE t.hops = 1
   AND (:address IS NULL
        OR :address IN (t.inside_src, t.inside_dst, t.outside_src, t.outside_dst))
 ORDER BY t.start_ns, t.inside_connection_id, t.outside_connection_id, e.key
 LIMIT 200;
