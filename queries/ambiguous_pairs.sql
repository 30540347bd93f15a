-- Which connections could not be told apart, and how close were the candidates?
-- tap, protocol, src, sport, dst, dport: the connection; candidates: how many; best_bits,
-- second_bits: evidence of the two strongest, bits above chance; best: the strongest one's tap, tuple
SELECT tap,
       protocol,
       src,
       sport,
       dst,
       dport,
       count(*) AS candidates,
       max(CASE WHEN rank = 1 THEN bits END) AS best_bits,
       max(CASE WHEN rank = 2 THEN bits END) AS second_bits,
       max(CASE WHEN rank = 1 THEN other_tap || ' ' || other_src || ' ' || other_sport || ' > '
                                   || other_dst || ' ' || other_dport END) AS best
  FROM ambiguous
 GROUP BY connection_id
 ORDER BY connection_id
 LIMIT 100;
