-- Through which outer flows (tunnels) did a connection run, and when?
-- Parameters, may be left out: :inner (either of its ends, or a part: "10.42.1.11 48612"),
-- :from and :until (UTC, as text: "2026-01-31T12:00")
-- inner: the connection inside, by its opener; tap: that showed its carrier; carrier: the outer
-- flow; encapsulation: kind and key; direction: of the inner one; packets: NULL = all; first, last: UTC
SELECT inner_protocol || ' ' || inner_src || ' ' || inner_sport || ' > ' || inner_dst
         || ' ' || inner_dport AS inner,
       carrier_tap AS tap,
       carrier_protocol || ' ' || carrier_src || ' ' || carrier_sport || ' > ' || carrier_dst
         || ' ' || carrier_dport AS carrier,
       kind || ' ' || key AS encapsulation,
       direction,
       packets,
       first,
       last
  FROM tunnels
 WHERE carrier_id IS NOT NULL
   AND (:inner IS NULL
        OR inner_src || ' ' || inner_sport LIKE '%' || :inner || '%'
        OR inner_dst || ' ' || inner_dport LIKE '%' || :inner || '%')
   AND (:from IS NULL OR last >= :from)
   AND (:until IS NULL OR first <= :until)
 ORDER BY connection_id, first, carrier_id
 LIMIT 1000;
