-- The tables, version 1. Every column is described in docs/schema.md; a test compares the two.
-- Times are integer nanoseconds since 1970 in the reference clock (the first tap's), addresses are
-- text, a frame is named by file_id and frame as Wireshark numbers it.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE tap (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  interface TEXT,
  source INTEGER NOT NULL,
  ifindex INTEGER,
  link_type INTEGER NOT NULL,
  snaplen INTEGER,
  filter TEXT,
  comment TEXT,
  first_ns INTEGER,
  last_ns INTEGER,
  frames INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  copies INTEGER NOT NULL,
  ip_packets INTEGER NOT NULL,
  connections INTEGER NOT NULL,
  invalid_packets INTEGER NOT NULL,
  stop_snap INTEGER NOT NULL,
  stop_malformed INTEGER NOT NULL,
  stop_unsupported INTEGER NOT NULL,
  stop_depth INTEGER NOT NULL,
  stop_encrypted INTEGER NOT NULL,
  stop_fragment INTEGER NOT NULL,
  stop_unauthentic INTEGER NOT NULL,
  offset_ns INTEGER NOT NULL,
  drift_ppm REAL NOT NULL,
  clock_error_ns INTEGER,
  clock_matches INTEGER NOT NULL,
  clock_anchor_ns INTEGER,
  clock_basis TEXT NOT NULL
);

CREATE TABLE clock_step (
  tap_id INTEGER NOT NULL,
  file_id INTEGER NOT NULL,
  frame INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  step_ns INTEGER NOT NULL,
  error_ns INTEGER NOT NULL,
  PRIMARY KEY (tap_id, file_id, frame)
) WITHOUT ROWID;

CREATE TABLE file (
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL,
  path TEXT NOT NULL,
  format TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  frames INTEGER NOT NULL,
  first_ordinal INTEGER NOT NULL,
  first_ns INTEGER,
  last_ns INTEGER,
  complete INTEGER NOT NULL,
  notes TEXT NOT NULL,
  notes_dropped INTEGER NOT NULL,
  comments TEXT NOT NULL
);

CREATE TABLE connection (
  id INTEGER PRIMARY KEY,
  tap_id INTEGER NOT NULL,
  zone INTEGER NOT NULL,
  protocol TEXT NOT NULL,
  src TEXT NOT NULL,
  sport INTEGER NOT NULL,
  dst TEXT NOT NULL,
  dport INTEGER NOT NULL,
  icmp_type INTEGER,
  icmp_code INTEGER,
  state TEXT,
  status INTEGER NOT NULL,
  timeout_s INTEGER NOT NULL,
  close_reason TEXT NOT NULL,
  beginning_seen INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  original_packets INTEGER NOT NULL,
  original_bytes INTEGER NOT NULL,
  reply_packets INTEGER NOT NULL,
  reply_bytes INTEGER NOT NULL,
  invalid_packets INTEGER NOT NULL,
  first_file_id INTEGER,
  first_frame INTEGER,
  last_file_id INTEGER,
  last_frame INTEGER,
  master_id INTEGER,
  depth INTEGER NOT NULL,
  frame_direction TEXT,
  ttl INTEGER NOT NULL,
  tos INTEGER NOT NULL,
  tcp_flags INTEGER,
  ip_bytes INTEGER NOT NULL,
  src_mac TEXT,
  dst_mac TEXT,
  original_silence_ms INTEGER,
  reply_silence_ms INTEGER,
  original_gap_ms INTEGER,
  reply_gap_ms INTEGER,
  original_apart_ms INTEGER,
  reply_apart_ms INTEGER,
  original_mss INTEGER,
  original_tcp_options TEXT,
  reply_mss INTEGER,
  reply_tcp_options TEXT,
  events TEXT
);

CREATE TABLE unpaired (
  connection_id INTEGER PRIMARY KEY,
  reason TEXT NOT NULL
);

CREATE TABLE invalid (
  id INTEGER PRIMARY KEY,
  tap_id INTEGER NOT NULL,
  connection_id INTEGER,
  file_id INTEGER,
  frame INTEGER,
  time_ns INTEGER NOT NULL,
  protocol TEXT NOT NULL,
  src TEXT,
  sport INTEGER NOT NULL,
  dst TEXT,
  dport INTEGER NOT NULL,
  reason TEXT NOT NULL,
  value INTEGER,
  bound INTEGER,
  excess INTEGER,
  bound_file_id INTEGER,
  bound_frame INTEGER,
  suspect INTEGER NOT NULL
);

CREATE TABLE encapsulation (
  id INTEGER PRIMARY KEY,
  connection_id INTEGER NOT NULL,
  carrier_id INTEGER,
  direction TEXT NOT NULL,
  kind TEXT NOT NULL,
  key INTEGER NOT NULL,
  depth INTEGER NOT NULL,
  packets INTEGER,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  basis TEXT NOT NULL,
  confidence TEXT NOT NULL,
  bits REAL,
  carrier_direction TEXT,
  largest_outer_bytes INTEGER,
  largest_inner_bytes INTEGER,
  overhead_bytes INTEGER,
  fragmented INTEGER
);

CREATE TABLE tunnelled (
  id INTEGER PRIMARY KEY,
  connection_id INTEGER NOT NULL,
  direction TEXT NOT NULL,
  kind TEXT NOT NULL,
  confidence TEXT NOT NULL,
  bits REAL NOT NULL,
  packets INTEGER NOT NULL,
  linked INTEGER NOT NULL,
  unsure INTEGER NOT NULL,
  unseen INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  overhead_bytes INTEGER NOT NULL
);

CREATE TABLE translation (
  id INTEGER PRIMARY KEY,
  inside_connection_id INTEGER NOT NULL,
  outside_connection_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  confidence TEXT NOT NULL,
  entered TEXT,
  reversed INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  bits REAL NOT NULL,
  margin_bits REAL,
  evidence TEXT NOT NULL,
  original_both INTEGER NOT NULL,
  original_inside_only INTEGER NOT NULL,
  original_outside_only INTEGER NOT NULL,
  original_latency_min_ns INTEGER,
  original_latency_median_ns INTEGER,
  original_latency_p99_ns INTEGER,
  original_latency_max_ns INTEGER,
  original_ttl_delta INTEGER,
  original_sequence_shift INTEGER,
  reply_both INTEGER NOT NULL,
  reply_inside_only INTEGER NOT NULL,
  reply_outside_only INTEGER NOT NULL,
  reply_latency_min_ns INTEGER,
  reply_latency_median_ns INTEGER,
  reply_latency_p99_ns INTEGER,
  reply_latency_max_ns INTEGER,
  reply_ttl_delta INTEGER,
  reply_sequence_shift INTEGER
);

CREATE TABLE candidate (
  id INTEGER PRIMARY KEY,
  connection_id INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  other_connection_id INTEGER NOT NULL,
  bits REAL NOT NULL
);

CREATE TABLE nat (
  id INTEGER PRIMARY KEY,
  inside_tap_id INTEGER NOT NULL,
  outside_tap_id INTEGER NOT NULL,
  relation TEXT NOT NULL,
  translations INTEGER NOT NULL,
  bridged INTEGER NOT NULL,
  routed INTEGER NOT NULL,
  snat INTEGER NOT NULL,
  dnat INTEGER NOT NULL,
  twice INTEGER NOT NULL,
  hairpin INTEGER NOT NULL,
  nat64 INTEGER NOT NULL,
  nat46 INTEGER NOT NULL,
  npt INTEGER NOT NULL,
  proxy INTEGER NOT NULL,
  tunnel INTEGER NOT NULL,
  external_addresses TEXT NOT NULL
);

CREATE TABLE mapping (
  id INTEGER PRIMARY KEY,
  nat_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  protocol TEXT NOT NULL,
  internal_addr TEXT NOT NULL,
  internal_port INTEGER NOT NULL,
  external_addr TEXT NOT NULL,
  external_port INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  translations INTEGER NOT NULL,
  far_endpoints INTEGER NOT NULL
);

CREATE TABLE nat_behaviour (
  id INTEGER PRIMARY KEY,
  nat_id INTEGER NOT NULL,
  protocol TEXT,
  property TEXT NOT NULL,
  value TEXT,
  confidence TEXT,
  evidence_for INTEGER NOT NULL,
  evidence_against INTEGER NOT NULL,
  examples TEXT NOT NULL,
  counter_examples TEXT NOT NULL,
  detail TEXT,
  needs TEXT
);

CREATE TABLE path_step (
  path_id INTEGER NOT NULL,
  step INTEGER NOT NULL,
  connection_id INTEGER NOT NULL,
  translation_id INTEGER,
  PRIMARY KEY (path_id, step)
) WITHOUT ROWID;

CREATE TABLE packet_account (
  translation_id INTEGER NOT NULL,
  direction TEXT NOT NULL,
  inside_duplicated INTEGER NOT NULL,
  outside_duplicated INTEGER NOT NULL,
  inside_unknown INTEGER NOT NULL,
  outside_unknown INTEGER NOT NULL,
  why_unknown TEXT,
  reordered INTEGER NOT NULL,
  inside_only_bytes INTEGER NOT NULL,
  outside_only_bytes INTEGER NOT NULL,
  ttl_changes INTEGER NOT NULL,
  ttl_delta_min INTEGER,
  ttl_delta_max INTEGER,
  tos_changes INTEGER NOT NULL,
  inside_tos INTEGER,
  outside_tos INTEGER,
  inside_df_only INTEGER NOT NULL,
  outside_df_only INTEGER NOT NULL,
  id_changes INTEGER NOT NULL,
  by_ranges INTEGER NOT NULL,
  PRIMARY KEY (translation_id, direction)
) WITHOUT ROWID;

CREATE TABLE icmp_error (
  connection_id INTEGER NOT NULL,
  file_id INTEGER NOT NULL,
  frame INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  type INTEGER NOT NULL,
  code INTEGER NOT NULL,
  PRIMARY KEY (connection_id, file_id, frame)
) WITHOUT ROWID;

CREATE TABLE sequence_change (
  translation_id INTEGER NOT NULL,
  direction TEXT NOT NULL,
  inside_seq INTEGER NOT NULL,
  shift INTEGER NOT NULL
);

CREATE TABLE packet_fate (
  id INTEGER PRIMARY KEY,
  translation_id INTEGER NOT NULL,
  direction TEXT NOT NULL,
  fate TEXT NOT NULL,
  connection_id INTEGER NOT NULL,
  file_id INTEGER NOT NULL,
  frame INTEGER NOT NULL,
  other_file_id INTEGER,
  other_frame INTEGER,
  time_ns INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  note TEXT
);

CREATE TABLE packet_link (
  id INTEGER PRIMARY KEY,
  connection_id INTEGER NOT NULL,
  file_id INTEGER NOT NULL,
  frame INTEGER NOT NULL,
  other_connection_id INTEGER NOT NULL,
  other_file_id INTEGER NOT NULL,
  other_frame INTEGER NOT NULL
);

CREATE TABLE statement (
  id INTEGER PRIMARY KEY,
  tap_id INTEGER NOT NULL,
  connection_id INTEGER NOT NULL,
  protocol TEXT NOT NULL,
  speaker TEXT NOT NULL,
  file_id INTEGER,
  frame INTEGER,
  time_ns INTEGER NOT NULL,
  says TEXT NOT NULL,
  transport TEXT,
  named_addr TEXT,
  named_port INTEGER,
  whose_addr TEXT,
  whose_port INTEGER,
  lifetime_s INTEGER,
  number INTEGER,
  text TEXT
);

CREATE TABLE packet_note (
  id INTEGER PRIMARY KEY,
  tap_id INTEGER NOT NULL,
  connection_id INTEGER,
  file_id INTEGER NOT NULL,
  frame INTEGER NOT NULL,
  other_frame INTEGER,
  time_ns INTEGER NOT NULL,
  kind TEXT NOT NULL,
  direction TEXT,
  protocol TEXT NOT NULL,
  src TEXT,
  sport INTEGER NOT NULL,
  dst TEXT,
  dport INTEGER NOT NULL,
  silence_ms INTEGER NOT NULL,
  ttl INTEGER NOT NULL,
  tos INTEGER NOT NULL,
  ip_id INTEGER NOT NULL,
  ip_bytes INTEGER NOT NULL,
  payload_bytes INTEGER NOT NULL,
  dont_fragment INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  number INTEGER,
  encapsulation TEXT,
  tcp_flags INTEGER,
  seq INTEGER,
  ack INTEGER,
  window INTEGER,
  timestamps INTEGER,
  icmp_type INTEGER,
  icmp_code INTEGER,
  mtu INTEGER,
  quoted_protocol TEXT,
  quoted_src TEXT,
  quoted_sport INTEGER,
  quoted_dst TEXT,
  quoted_dport INTEGER,
  quote_checksum_bad INTEGER,
  src_mac TEXT,
  dst_mac TEXT
);

CREATE TABLE finding (
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL,
  severity TEXT NOT NULL,
  confidence TEXT NOT NULL,
  subject TEXT NOT NULL,
  subject_id INTEGER NOT NULL,
  variant TEXT,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  count INTEGER NOT NULL,
  facts TEXT NOT NULL,
  text TEXT NOT NULL,
  explained_by INTEGER,
  explains TEXT NOT NULL
);

CREATE TABLE finding_frame (
  finding_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  role TEXT NOT NULL,
  tap_id INTEGER NOT NULL,
  file_id INTEGER,
  frame INTEGER,
  time_ns INTEGER NOT NULL,
  connection_id INTEGER,
  PRIMARY KEY (finding_id, number)
) WITHOUT ROWID;

CREATE TABLE replay_difference (
  id INTEGER PRIMARY KEY,
  rules TEXT NOT NULL,
  capture TEXT NOT NULL,
  frame INTEGER NOT NULL,
  sent_by TEXT NOT NULL,
  protocol TEXT NOT NULL,
  src TEXT NOT NULL,
  sport INTEGER NOT NULL,
  dst TEXT NOT NULL,
  dport INTEGER NOT NULL,
  entered_src TEXT,
  entered_sport INTEGER,
  entered_dst TEXT,
  entered_dport INTEGER
);
