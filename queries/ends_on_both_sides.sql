-- How did TCP connections end on the two sides of a proxy or NAT?
-- differs: 1 where the sides went different ways, these first; client, server: the connection as the
-- inside and the outside tap show it; client_end, server_end: unanswered, refused, open, half-closed,
-- closed (FIN by both) or reset; later: which side's last packet came later, by after_ms milliseconds;
-- attempts: outside connections that this inside one became
WITH ends AS (
  SELECT c.id,
         c.last_ns,
         c.src || ' ' || c.sport || ' > ' || c.dst || ' ' || c.dport AS text,
         CASE
           WHEN v.state IN ('SYN_SENT', 'SYN_SENT2') THEN 'unanswered'
           WHEN v.state = 'CLOSE' AND v.flags = 'UNREPLIED' THEN 'refused'
           WHEN v.state = 'CLOSE' AND NOT EXISTS (
             SELECT 1 FROM json_each(c.events) AS e
               JOIN state_names AS n ON n.protocol = 'tcp' AND n.number = json_extract(e.value, '$[3]')
              WHERE n.name = 'ESTABLISHED') THEN 'refused'
           WHEN v.state = 'CLOSE' THEN 'reset'
           WHEN v.state IN ('FIN_WAIT', 'CLOSE_WAIT') THEN 'half-closed'
           WHEN v.state IN ('LAST_ACK', 'TIME_WAIT') THEN 'closed'
           ELSE 'open'
         END AS ended
    FROM connection AS c
    JOIN connections AS v ON v.id = c.id
   WHERE c.protocol = 'tcp'
)
SELECT i.ended <> o.ended AS differs,
       t.kind,
       i.text AS client,
       i.ended AS client_end,
       o.text AS server,
       o.ended AS server_end,
       CASE WHEN o.last_ns > i.last_ns THEN 'server' ELSE 'client' END AS later,
       round(abs(o.last_ns - i.last_ns) / 1e6, 3) AS after_ms,
       (SELECT count(*) FROM translation AS a
         WHERE a.inside_connection_id = t.inside_connection_id AND a.kind = t.kind) AS attempts
  FROM translation AS t
  JOIN ends AS i ON i.id = t.inside_connection_id
  JOIN ends AS o ON o.id = t.outside_connection_id
 WHERE t.kind <> 'tunnel'
 ORDER BY differs DESC, t.kind <> 'proxy', t.start_ns, t.id
 LIMIT 100;
