-- Which connections lost packets between the taps, and in which direction?
-- src, sport, dst, dport: as the inside shows it; inside_tap, outside_tap; sent_only_inside,
-- sent_only_outside: packets of the original direction seen at that tap alone; replied_only_inside,
-- replied_only_outside: the same of the reply direction; both: packets seen at both taps
SELECT s.inside_protocol AS protocol,
       s.inside_src AS src,
       s.inside_sport AS sport,
       s.inside_dst AS dst,
       s.inside_dport AS dport,
       i.name AS inside_tap,
       o.name AS outside_tap,
       t.original_inside_only AS sent_only_inside,
       t.original_outside_only AS sent_only_outside,
       t.reply_inside_only AS replied_only_inside,
       t.reply_outside_only AS replied_only_outside,
       t.original_both + t.reply_both AS both
  FROM translation AS t
  JOIN translation_tuples AS s ON s.translation_id = t.id
  JOIN tap AS i ON i.id = s.inside_tap_id
  JOIN tap AS o ON o.id = s.outside_tap_id
 WHERE t.original_inside_only + t.original_outside_only + t.reply_inside_only
         + t.reply_outside_only > 0
 ORDER BY t.original_inside_only + t.original_outside_only + t.reply_inside_only
            + t.reply_outside_only DESC, t.id
 LIMIT 100;
