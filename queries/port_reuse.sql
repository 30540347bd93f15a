-- Which external ports went to another inside host, and how soon?
-- protocol; external: address and port; before, after: inside address and port; pause_s: seconds
-- from the last packet of the one to the first of the other (RFC 6888, REQ-8 wants 120). Hosts that
-- use a port at the same time share it, which is no reuse: what counts is who let go of it last.
SELECT protocol,
       external_addr || ' ' || external_port AS external,
       before_addr || ' ' || before_port AS before,
       internal_addr || ' ' || internal_port AS after,
       round((first_ns - before_ns) / 1e9, 3) AS pause_s
  FROM (SELECT m.protocol, m.external_addr, m.external_port, m.internal_addr, m.internal_port,
               m.first_ns,
               b.internal_addr AS before_addr,
               b.internal_port AS before_port,
               max(b.last_ns) AS before_ns  -- the other columns of b are of that row
          FROM mapping AS m
          JOIN mapping AS b
            ON b.nat_id = m.nat_id
           AND b.protocol = m.protocol
           AND b.external_addr = m.external_addr
           AND b.external_port = m.external_port
           AND b.kind IN ('snat', 'twice')
           AND b.last_ns <= m.first_ns
           AND (b.first_ns, b.id) < (m.first_ns, m.id)
         WHERE m.kind IN ('snat', 'twice')
         GROUP BY m.id)
 WHERE before_addr <> internal_addr
 ORDER BY pause_s, external, first_ns
 LIMIT 100;
