-- Every connection that was seen at two taps has one partner
-- tap, protocol, src, sport, dst, dport: the connection; candidates: how many; best_bits: evidence of
-- the strongest, bits above chance
SELECT tap, protocol, src, sport, dst, dport, count(*) AS candidates, max(bits) AS best_bits
  FROM ambiguous
 GROUP BY connection_id
 ORDER BY connection_id;
