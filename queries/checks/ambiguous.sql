-- Every connection that was seen at two taps has one partner
-- tap, protocol, src, sport, dst, dport: the connection; candidates: how many; best_bits: evidence of
-- the strongest, bits above chance
-- id: every-pair-is-known
-- title: Every connection that was seen at two taps has one partner
-- severity: warning
-- min-subjects: SELECT count(*) FROM connection
SELECT tap, protocol, src, sport, dst, dport, count(*) AS candidates, max(bits) AS best_bits
  FROM ambiguous
 GROUP BY connection_id
 ORDER BY connection_id;
