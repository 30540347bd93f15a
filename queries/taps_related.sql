-- What lies between each two taps: how is a virtual machine, a host, a network connected?
-- inside_tap, outside_tap; relation: nat; user_nat (a NAT in user space: slirp, passt, a virtual machine's NAT mode); routed;
-- bridged; tunnel; proxy; isolated (host-only: nothing of one was seen at the other); unrelated (never
-- captured at the same time); translations: connections recognised at both; external: the addresses
-- that the inside shows outside
SELECT inside_tap,
       outside_tap,
       relation,
       translations,
       (SELECT group_concat(value, ' ') FROM json_each(external_addresses)) AS external
  FROM nats
 ORDER BY inside_tap, outside_tap, id;
