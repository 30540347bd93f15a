-- Views of tunnels: what was in them, how large it may be, and what went past them.
CREATE VIEW tunnels AS
SELECT e.kind,
       e.key,
       e.depth,
       e.direction,
       t.name AS tap,
       coalesce(o.name, t.name) AS carrier_tap,
       e.basis,
       e.confidence,
       i.protocol AS inner_protocol,
       i.src AS inner_src,
       i.sport AS inner_sport,
       i.dst AS inner_dst,
       i.dport AS inner_dport,
       c.protocol AS carrier_protocol,
       c.src AS carrier_src,
       c.sport AS carrier_sport,
       c.dst AS carrier_dst,
       c.dport AS carrier_dport,
       e.packets,
       strftime('%Y-%m-%dT%H:%M:%S', e.first_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', e.first_ns % 1000000000) AS first,
       strftime('%Y-%m-%dT%H:%M:%S', e.last_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', e.last_ns % 1000000000) AS last,
       e.connection_id,
       e.carrier_id,
       e.carrier_direction,
       e.largest_outer_bytes,
       e.largest_inner_bytes,
       e.overhead_bytes,
       e.fragmented
  FROM encapsulation AS e
  JOIN connection AS i ON i.id = e.connection_id
  JOIN tap AS t ON t.id = i.tap_id
  LEFT JOIN connection AS c ON c.id = e.carrier_id
  LEFT JOIN tap AS o ON o.id = c.tap_id;

-- How large packets may be in a tunnel: a row for each way between the ends of its carriers.
CREATE VIEW tunnel_mtus AS
WITH way (kind, basis, tap_id, src, dst, connection_id, carrier_id, packets, outer_bytes, inner_bytes,
          overhead_bytes, fragmented, place) AS MATERIALIZED (
  SELECT kind, basis, tap_id, src, dst, connection_id, carrier_id, packets, largest_outer_bytes,
         largest_inner_bytes, overhead_bytes, fragmented,
         row_number() OVER (PARTITION BY kind, basis, tap_id, src, dst
                            ORDER BY largest_inner_bytes DESC, overhead_bytes)
    FROM (SELECT e.*, c.tap_id,
                 CASE e.carrier_direction WHEN 'original' THEN c.src ELSE c.dst END AS src,
                 CASE e.carrier_direction WHEN 'original' THEN c.dst ELSE c.src END AS dst
            FROM encapsulation AS e
            JOIN connection AS c ON c.id = e.carrier_id
           WHERE e.carrier_direction IS NOT NULL)
),
-- "Too big", said of a connection's packets to their sender.
told (connection_id, src, errors, mtu) AS MATERIALIZED (
  SELECT connection_id, quoted_src, count(*), min(nullif(mtu, 0))
    FROM packet_note
   WHERE kind = 'icmp_error' AND connection_id IS NOT NULL
     AND (protocol = 'icmp' AND icmp_type = 3 AND icmp_code = 4
          OR protocol = 'icmpv6' AND icmp_type = 2)
   GROUP BY 1, 2
),
summed AS (
  SELECT kind, basis, tap_id, src, dst,
         count(DISTINCT connection_id) AS connections,
         sum(packets) AS packets,
         max(outer_bytes) AS outer_bytes,
         sum(fragmented) AS fragmented,
         max(inner_bytes) AS inner_bytes,
         max(CASE place WHEN 1 THEN overhead_bytes END) AS overhead_bytes
    FROM way
   GROUP BY kind, basis, tap_id, src, dst
),
outside AS (
  SELECT w.kind, w.basis, w.tap_id, w.src, w.dst, sum(t.errors) AS errors, min(t.mtu) AS mtu
    FROM (SELECT DISTINCT kind, basis, tap_id, src, dst, carrier_id FROM way) AS w
    JOIN told AS t ON t.connection_id = w.carrier_id AND t.src = w.src
   GROUP BY 1, 2, 3, 4, 5
),
-- Inside, the way of a packet is not that of the error that it got: both count for both.
inside AS (
  SELECT w.kind, w.basis, w.tap_id, w.src, w.dst, sum(t.errors) AS errors, min(t.mtu) AS mtu
    FROM (SELECT DISTINCT kind, basis, tap_id, src, dst, connection_id FROM way) AS w
    JOIN told AS t ON t.connection_id = w.connection_id
   GROUP BY 1, 2, 3, 4, 5
)
SELECT s.kind,
       t.name AS tap,
       s.src,
       s.dst,
       s.basis,
       s.connections,
       s.packets,
       s.outer_bytes AS largest_outer_bytes,
       coalesce(o.errors, 0) AS outer_too_big,
       o.mtu AS path_mtu,
       s.fragmented,
       s.overhead_bytes,
       s.inner_bytes AS largest_inner_bytes,
       coalesce(i.errors, 0) AS inner_too_big,
       i.mtu AS inner_path_mtu,
       max(min(coalesce(o.mtu, s.outer_bytes) - s.overhead_bytes, coalesce(i.mtu, 65535)),
           CASE WHEN s.fragmented = 0 AND o.mtu IS NULL THEN s.inner_bytes ELSE 0 END) AS inner_mtu
  FROM summed AS s
  JOIN tap AS t ON t.id = s.tap_id
  LEFT JOIN outside AS o USING (kind, basis, tap_id, src, dst)
  LEFT JOIN inside AS i USING (kind, basis, tap_id, src, dst);

-- What a host sent past its encrypted tunnel, in either address family.
CREATE VIEW past_tunnels AS
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
       c.id AS connection_id,
       CASE WHEN c.dport IN (53, 853) THEN 'dns'
            WHEN c.start_ns < u.first_ns THEN 'before the tunnel'
            ELSE 'beside'
       END AS why,
       u.carrier AS tunnel
  FROM tunnel AS u
  JOIN address AS a ON a.tap_id = u.tap_id AND a.host = u.host
  JOIN connection AS c ON c.tap_id = a.tap_id AND c.src = a.src AND c.dst <> u.server
  JOIN tap AS t ON t.id = c.tap_id
 WHERE c.depth = 0
   AND c.id NOT IN (SELECT connection_id FROM encapsulation WHERE basis <> 'clear')
   AND c.dst NOT GLOB '22[4-9].*' AND c.dst NOT GLOB '23[0-9].*' AND c.dst NOT LIKE 'ff%:%'
   AND c.dst NOT LIKE 'fe80:%' AND c.dst NOT GLOB '169.254.*' AND c.dst <> '255.255.255.255';

-- What should not be seen in clear where it is: private sources on the outside of a NAT, on the way
-- to a public address, that the same NAT does translate elsewhere or that came through it
-- unchanged; and what went past a host's tunnel.
CREATE VIEW leaks AS
WITH suspect (nat_id, connection_id, src, dst) AS MATERIALIZED (
  SELECT n.id, c.id, c.src, c.dst
    FROM nat AS n
    JOIN connection AS c ON c.tap_id = n.outside_tap_id
   WHERE n.relation = 'nat'
     AND (n.id, c.src) IN (SELECT nat_id, internal_addr
                             FROM mapping
                            WHERE kind IN ('snat', 'npt', 'twice'))
   UNION
  SELECT n.id, c.id, c.src, c.dst
    FROM nat AS n
    JOIN translation AS x ON x.kind = 'routed'
    JOIN connection AS i ON i.id = x.inside_connection_id AND i.tap_id = n.inside_tap_id
    JOIN connection AS c ON c.id = x.outside_connection_id AND c.tap_id = n.outside_tap_id
   WHERE n.relation = 'nat'
),
known (address, private) AS MATERIALIZED (
  SELECT address,
         (address GLOB '10.*' OR address GLOB '192.168.*' OR address GLOB '172.1[6-9].*'
         OR address GLOB '172.2[0-9].*' OR address GLOB '172.3[01].*' OR address GLOB '169.254.*'
         OR address GLOB '100.6[4-9].*' OR address GLOB '100.[7-9][0-9].*'
         OR address GLOB '100.1[01][0-9].*' OR address GLOB '100.12[0-7].*'
         OR address GLOB '127.*' OR address GLOB 'f[cd]??:*' OR address GLOB 'fe[89ab]?:*')
    FROM (SELECT src AS address FROM suspect
           UNION
          SELECT dst FROM suspect)
),
leak (nat_id, connection_id, why, tunnel) AS (
  SELECT s.nat_id, s.connection_id, 'private source', NULL
    FROM suspect AS s
    JOIN known AS from_known ON from_known.address = s.src AND from_known.private
    JOIN known AS to_known ON to_known.address = s.dst AND NOT to_known.private
    -- What is inside a tunnel there has the addresses of its inside, as it should.
   WHERE s.connection_id NOT IN (SELECT connection_id FROM encapsulation WHERE basis = 'aligned')
   UNION ALL
  SELECT NULL, connection_id, why, tunnel FROM past_tunnels
)
SELECT l.nat_id,
       t.name AS outside_tap,
       c.protocol,
       c.src,
       c.sport,
       c.dst,
       c.dport,
       c.original_packets AS packets,
       strftime('%Y-%m-%dT%H:%M:%S', c.start_ns / 1000000000, 'unixepoch')
         || printf('.%09dZ', c.start_ns % 1000000000) AS start,
       c.first_file_id AS file_id,
       c.first_frame AS frame,
       c.id AS connection_id,
       l.why,
       l.tunnel
  FROM leak AS l
  JOIN connection AS c ON c.id = l.connection_id AND c.depth = 0
  JOIN tap AS t ON t.id = c.tap_id
 WHERE c.dst NOT GLOB '22[4-9].*' AND c.dst NOT GLOB '23[0-9].*' AND c.dst NOT LIKE 'ff%:%'
   AND c.dst <> '255.255.255.255';
