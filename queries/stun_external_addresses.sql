-- What did STUN say the external address is, and does it agree with the observed mapping?
-- tap; internal: end that asked; told: external end that the server told; times: connections;
-- observed: external end of the mapping that was seen; verdict: agrees, differs (another NAT
-- behind the outside tap, or a rewritten answer), no NAT (told what it is), not observed
WITH told AS (
  SELECT tap_id,
         whose_addr,
         whose_port,
         named_addr,
         named_port,
         count(DISTINCT connection_id) AS times,
         min(connection_id) AS connection_id
    FROM statement
   WHERE protocol = 'stun'
     AND says = 'mapped'
   GROUP BY tap_id, whose_addr, whose_port, named_addr, named_port
), observed AS (
  SELECT m.*, n.inside_tap_id
    FROM mapping AS m
    JOIN nat AS n ON n.id = m.nat_id
   WHERE n.inside_tap_id <> n.outside_tap_id
)
SELECT t.name AS tap,
       s.whose_addr || ' ' || s.whose_port AS internal,
       s.named_addr || ' ' || s.named_port AS told,
       s.times,
       m.external_addr || ' ' || m.external_port AS observed,
       CASE
         WHEN s.named_addr = s.whose_addr AND s.named_port = s.whose_port THEN 'no NAT'
         WHEN m.id IS NULL THEN 'not observed'
         WHEN m.external_addr = s.named_addr AND m.external_port = s.named_port THEN 'agrees'
         ELSE 'differs'
       END AS verdict
  FROM told AS s
  JOIN tap AS t ON t.id = s.tap_id
  JOIN connection AS c ON c.id = s.connection_id
  LEFT JOIN observed AS m
         ON m.inside_tap_id = s.tap_id
        AND m.protocol = c.protocol
        AND m.internal_addr = s.whose_addr
        AND m.internal_port = s.whose_port
 ORDER BY verdict = 'agrees', tap, internal, told, observed
 LIMIT 100;
