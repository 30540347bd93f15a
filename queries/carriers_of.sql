-- Through which outer flows (tunnels) did a connection run, and when?
-- Parameter, may be left out: :inner (either of its ends, or a part: "10.42.1.11 48612")
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
 ORDER BY connection_id, first, carrier_id
 LIMIT 1000;
