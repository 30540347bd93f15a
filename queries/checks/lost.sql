-- No packet is lost between the taps
-- protocol, src, sport, dst, dport: as the inside shows it; lost: packets seen at one tap only, both
-- directions; both: packets seen at both
-- id: nothing-lost
-- title: No packet is lost between the taps
-- severity: error
-- min-subjects: SELECT sum(original_both + reply_both) FROM translation
SELECT s.inside_protocol AS protocol,
       s.inside_src AS src,
       s.inside_sport AS sport,
       s.inside_dst AS dst,
       s.inside_dport AS dport,
       t.original_inside_only + t.original_outside_only + t.reply_inside_only
         + t.reply_outside_only AS lost,
       t.original_both + t.reply_both AS both
  FROM translation AS t
  JOIN translation_tuples AS s ON s.translation_id = t.id
 WHERE t.original_inside_only + t.original_outside_only + t.reply_inside_only
         + t.reply_outside_only > 0
 ORDER BY t.id;
