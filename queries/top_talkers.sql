-- Which inside hosts moved the most bytes through the NAT, and as whom?
-- internal_addr; external_addr: as whom; connections; sent_bytes, received_bytes: IP bytes on the
-- inside, as the host sends and receives them
SELECT s.inside_src AS internal_addr,
       s.outside_src AS external_addr,
       count(DISTINCT c.id) AS connections,
       sum(CASE WHEN s.turned = 'inside' THEN c.reply_bytes ELSE c.original_bytes END) AS sent_bytes,
       sum(CASE WHEN s.turned = 'inside' THEN c.original_bytes ELSE c.reply_bytes END)
         AS received_bytes
  FROM translation_tuples AS s
  JOIN connection AS c ON c.id = s.inside_connection_id
 WHERE s.kind IN ('snat', 'twice', 'npt', 'nat64')
 GROUP BY s.inside_src, s.outside_src
 ORDER BY sent_bytes + received_bytes DESC, internal_addr, external_addr
 LIMIT 20;
