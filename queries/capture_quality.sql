-- Can the captures be trusted: what is missing, cut or unreadable in them?
-- tap; frames; ip_packets; dropped: lost by the capturing host; copies: left out as copies of
-- another frame; cut: shorter than on the wire; undecoded: malformed, unknown or nested too deep;
-- invalid: refused by tracking; notes: what was wrong with its files
SELECT t.name AS tap,
       t.frames,
       t.ip_packets,
       t.dropped,
       t.copies,
       t.stop_snap AS cut,
       t.stop_malformed + t.stop_unsupported + t.stop_depth AS undecoded,
       t.invalid_packets AS invalid,
       (SELECT group_concat(v.path || ': ' || v.notes, '; ')
          FROM file AS f
          JOIN files AS v ON v.id = f.id
         WHERE f.source = t.source AND v.notes IS NOT NULL) AS notes
  FROM tap AS t
 ORDER BY t.id;
