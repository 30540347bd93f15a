-- Which addresses do FTP and SIP name in their payload that are not those of the packet?
-- tap; frame: first one that says so; speaker: source of the packet; says: what for (docs/schema.md,
-- statement); named: address and port in the payload; private: 1 = an address that means nothing
-- outside: there is no ALG, or this is the inside
SELECT t.name AS tap,
       s.frame,
       s.protocol,
       CASE s.speaker WHEN 'original' THEN c.src ELSE c.dst END AS speaker,
       s.says,
       s.named_addr || ' ' || coalesce(s.named_port, '') AS named,
       s.named_addr GLOB '10.*' OR s.named_addr GLOB '192.168.*'
         OR s.named_addr GLOB '172.1[6-9].*' OR s.named_addr GLOB '172.2[0-9].*'
         OR s.named_addr GLOB '172.3[01].*' OR s.named_addr GLOB 'f[cd]*:*' AS private
  FROM statement AS s
  JOIN tap AS t ON t.id = s.tap_id
  JOIN connection AS c ON c.id = s.connection_id
 WHERE s.protocol IN ('ftp', 'sip')
   AND s.named_addr IS NOT NULL
   AND s.named_addr <> CASE s.speaker WHEN 'original' THEN c.src ELSE c.dst END
 ORDER BY tap, s.file_id, s.frame, s.id
 LIMIT 100;
