-- Which frames did one tap show and the next one not?
-- time: UTC; fate: only_before, only_after (by the way of the packet), only_here (which tap comes first is not
-- known); tap, frame: where it is; missing_at: the tap that has not got it; src, sport, dst, dport: of
-- its connection there; bytes: payload; certainty, why_uncertain: of the absence. At most the first ten
-- and the last ten of each translation and direction; packets_lost_between_taps has all counts.
SELECT time,
       fate,
       tap,
       frame,
       other_tap AS missing_at,
       protocol,
       src,
       sport,
       dst,
       dport,
       direction,
       bytes,
       certainty,
       why_uncertain
  FROM packet_fates
 WHERE fate IN ('only_before', 'only_after', 'only_here')
 ORDER BY time_ns, id;
