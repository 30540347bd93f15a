-- How far apart are the taps' clocks, and how well is that known?
-- tap; basis: reference, packets, given or unknown; offset_ms: what its time stamps are ahead of the
-- reference; drift_ppm; error_ms: half width of what the packets allow; matches: packets it rests
-- on; beyond_latency: translations whose median latency is smaller than the error
SELECT t.name AS tap,
       t.clock_basis AS basis,
       round(t.offset_ns / 1e6, 6) AS offset_ms,
       t.drift_ppm,
       round(t.clock_error_ns / 1e6, 6) AS error_ms,
       t.clock_matches AS matches,
       (SELECT count(*)
          FROM translation AS x
          JOIN connection AS o ON o.id = x.outside_connection_id
         WHERE o.tap_id = t.id
           AND x.original_latency_median_ns < t.clock_error_ns) AS beyond_latency
  FROM tap AS t
 ORDER BY t.id;
