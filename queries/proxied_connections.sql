-- Whose connections do proxies carry, and where to?
-- tap; frame: that says so; carrier: the connection between client and proxy (SOCKS, CONNECT) or
-- proxy and server (PROXY); says: client (named opened it, towards asked), connect (asked is the
-- server), bound, connected, refused (the proxy's answer); named; asked; code: result or status
SELECT t.name AS tap,
       s.frame,
       s.protocol,
       c.src || ' ' || c.sport || ' > ' || c.dst || ' ' || c.dport AS carrier,
       s.says,
       CASE WHEN s.says NOT IN ('connect', 'bind')
            THEN s.named_addr || ' ' || coalesce(s.named_port, '') END AS named,
       CASE WHEN s.says IN ('connect', 'bind')
            THEN coalesce(s.named_addr, s.text) || ' ' || coalesce(s.named_port, '')
            ELSE s.whose_addr || ' ' || coalesce(s.whose_port, '') END AS asked,
       s.number AS code
  FROM statement AS s
  JOIN tap AS t ON t.id = s.tap_id
  JOIN connection AS c ON c.id = s.connection_id
 WHERE s.protocol IN ('proxy', 'socks', 'http-connect')
 ORDER BY tap, s.file_id, s.frame, s.id
 LIMIT 100;
