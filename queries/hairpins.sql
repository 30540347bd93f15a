-- Which inside hosts reach an inside server by its external address?
-- protocol; client, server: inside addresses, server with its port; asked_for: the external end that
-- the client used; seen_from: the address that the server saw; connections; first: UTC
SELECT inside_protocol AS protocol,
       inside_src AS client,
       outside_dst || ' ' || outside_dport AS server,
       inside_dst || ' ' || inside_dport AS asked_for,
       outside_src AS seen_from,
       count(*) AS connections,
       strftime('%Y-%m-%dT%H:%M:%SZ', min(start_ns) / 1000000000, 'unixepoch') AS first
  FROM translation_tuples
 WHERE kind = 'hairpin'
 GROUP BY inside_protocol, inside_src, outside_dst, outside_dport, inside_dst, inside_dport,
          outside_src
 ORDER BY connections DESC, client, server, asked_for, seen_from
 LIMIT 100;
