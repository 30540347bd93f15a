-- Which external ports went to another inside host, and how soon?
-- protocol; external: address and port; before, after: inside address and port; pause_s: seconds
-- from the last packet of the one to the first of the other (RFC 6888, REQ-8 wants 120). Hosts that
-- use a port at the same time share it, which is no reuse.
SELECT protocol,
       external_addr || ' ' || external_port AS external,
       before_addr || ' ' || before_port AS before,
       internal_addr || ' ' || internal_port AS after,
       round((first_ns - before_ns) / 1e9, 3) AS pause_s
  FROM (SELECT m.*,
               lag(internal_addr) OVER reuse AS before_addr,
               lag(internal_port) OVER reuse AS before_port,
               lag(last_ns) OVER reuse AS before_ns
          FROM mapping AS m
         WHERE m.kind IN ('snat', 'twice')
        WINDOW reuse AS (PARTITION BY nat_id, protocol, external_addr, external_port
                         ORDER BY first_ns, id))
 WHERE before_addr IS NOT NULL
   AND before_addr <> internal_addr
   AND first_ns >= before_ns
 ORDER BY pause_s, external, first_ns
 LIMIT 100;
