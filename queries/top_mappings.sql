-- Which mappings carried the most connections?
-- kind; protocol; internal, external: address and port (ICMP: id); translations: connections that
-- used the mapping; far_endpoints: distinct remote ends; duration_s: first to last packet, seconds
SELECT kind,
       protocol,
       internal_addr || ' ' || internal_port AS internal,
       external_addr || ' ' || external_port AS external,
       translations,
       far_endpoints,
       round(duration_s, 3) AS duration_s
  FROM mappings
 ORDER BY translations DESC, far_endpoints DESC, id
 LIMIT 20;
