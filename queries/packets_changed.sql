-- What did the way between two taps change in packets, besides addresses, ports and the usual TTL?
-- before_tap, after_tap: in the direction in which these packets go; both: packets seen at both;
-- mss_before, mss_after: of the SYN; options_before, options_after: TCP options of the SYN; tos_changes,
-- tos_before, tos_after: packets whose TOS byte changed, and that of the first; df_cleared, df_set:
-- packets whose DF bit changed; id_changes: whose IP identification changed; ttl_changes: whose TTL
-- changed otherwise than the first one's; duplicated, reordered: packets that came twice, or late;
-- translation_id, direction: for packet_fates, which names the frames
SELECT protocol,
       kind,
       before_tap,
       after_tap,
       both,
       mss_before,
       mss_after,
       tcp_options_before AS options_before,
       tcp_options_after AS options_after,
       tos_changes,
       tos_before,
       tos_after,
       df_cleared,
       df_set,
       id_changes,
       ttl_changes,
       duplicated,
       reordered,
       translation_id,
       direction
  FROM packet_accounts
 WHERE kind <> 'proxy'
   AND (tos_changes + df_cleared + df_set + id_changes + ttl_changes + duplicated + reordered > 0
        OR mss_before <> mss_after
        OR tcp_options_before <> tcp_options_after)
 ORDER BY translation_id, direction;
