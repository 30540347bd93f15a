-- Which connections were inside an outer flow (a tunnel's carrier), and when?
-- Parameters, may be left out: :carrier (either of its ends, or a part: "192.0.2.1 4789"),
-- :from and :until (UTC, as text: "2026-01-31T12:00")
-- carrier: the outer flow; tap: that showed it; inner: the connection inside, by its opener;
-- encapsulation: kind and key; direction: of the inner one; packets: NULL = all; first, last: UTC
SELECT carrier_protocol || ' ' || carrier_src || ' ' || carrier_sport || ' > ' || carrier_dst
         || ' ' || carrier_dport AS carrier,
       carrier_tap AS tap,
       inner_protocol || ' ' || inner_src || ' ' || inner_sport || ' > ' || inner_dst
         || ' ' || inner_dport AS inner,
       kind || ' ' || key AS encapsulation,
       direction,
       packets,
       first,
       last
  FROM tunnels
 WHERE carrier_id IS NOT NULL
   AND (:carrier IS NULL
        OR carrier_src || ' ' || carrier_sport LIKE '%' || :carrier || '%'
        OR carrier_dst || ' ' || carrier_dport LIKE '%' || :carrier || '%')
   AND (:from IS NULL OR last >= :from)
   AND (:until IS NULL OR first <= :until)
 ORDER BY first, connection_id, carrier_id
 LIMIT 1000;
