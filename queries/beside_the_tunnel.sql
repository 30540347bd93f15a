-- Which connections of a host went past its encrypted tunnel, in either address family?
-- tap: that shows both; connection: by its opener; why: dns, before the tunnel (it opened before
-- the tunnel carried anything), beside; packets; tunnel: its carrier; start: UTC
WITH tunnel (tap_id, host, mac, server, first_ns, carrier) AS MATERIALIZED (
  SELECT c.tap_id, c.src, c.src_mac, c.dst, min(e.first_ns),
         c.protocol || ' ' || c.src || ' ' || c.sport || ' > ' || c.dst || ' ' || c.dport
    FROM encapsulation AS e
    JOIN connection AS c ON c.id = e.carrier_id
   -- Opened with keys it is in clear here, and a tunnel all the same.
   WHERE (e.basis <> 'clear' OR e.kind IN ('wireguard', 'esp', 'openvpn'))
     -- Behind a NAT the host is not known by its address.
     AND NOT EXISTS (SELECT 1
                       FROM translation AS t
                      WHERE t.outside_connection_id = c.id
                        AND t.kind NOT IN ('routed', 'bridged'))
   GROUP BY c.tap_id, c.src, c.dst
),
-- The host, and its addresses of the other family: what its card sends from, unless it is a
-- router's card, which sends for several.
address (tap_id, host, src) AS MATERIALIZED (
  SELECT tap_id, host, host
    FROM tunnel
   UNION
  SELECT c.tap_id, u.host, c.src
    FROM tunnel AS u
    JOIN connection AS c ON c.tap_id = u.tap_id AND c.src_mac = u.mac
   WHERE c.depth = 0
     AND (c.src LIKE '%:%') <> (u.host LIKE '%:%')
     AND NOT EXISTS (SELECT 1
                       FROM connection AS other
                      WHERE other.tap_id = u.tap_id AND other.src_mac = u.mac AND other.depth = 0
                        AND other.src <> u.host AND (other.src LIKE '%:%') = (u.host LIKE '%:%'))
)
SELECT t.name AS tap,
       c.protocol || ' ' || c.src || ' ' || c.sport || ' > ' || c.dst || ' ' || c.dport
         AS connection,
       CASE WHEN c.dport IN (53, 853) THEN 'dns'
            WHEN c.start_ns < u.first_ns THEN 'before the tunnel'
            ELSE 'beside'
       END AS why,
       c.original_packets + c.reply_packets AS packets,
       u.carrier AS tunnel,
       strftime('%Y-%m-%dT%H:%M:%S', c.start_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', c.start_ns % 1000000000) AS start
  FROM tunnel AS u
  JOIN address AS a ON a.tap_id = u.tap_id AND a.host = u.host
  JOIN connection AS c ON c.tap_id = a.tap_id AND c.src = a.src AND c.dst <> u.server
  JOIN tap AS t ON t.id = c.tap_id
 WHERE c.depth = 0
   AND c.id NOT IN (SELECT connection_id FROM encapsulation WHERE basis <> 'clear')
   AND c.dst NOT GLOB '22[4-9].*' AND c.dst NOT GLOB '23[0-9].*' AND c.dst NOT LIKE 'ff%:%'
   AND c.dst NOT LIKE 'fe80:%' AND c.dst NOT GLOB '169.254.*' AND c.dst <> '255.255.255.255'
 ORDER BY c.start_ns, c.id
 LIMIT 1000;
