// Linux connection tracking over decoded layers: one Tracker per tap. It says what Linux would
// hold had it stood at that tap (docs/conntrack.md; nf_conntrack_core.c,
// nf_conntrack_proto_*.c). Time is the capture's: entries expire exactly when their timeout
// passes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/conntrack/way.h"
#include "natlens/decode/records.h"
#include "natlens/net/result.h"

namespace natlens::conntrack {

// Sysctls by their kernel names, helpers, limits. Defaults are the kernel's, but for
// nf_conntrack_checksum, which is `auto`: a checksum that is plainly an offload artefact
// passes.
class Options {
 public:
  Options();
  // "nf_conntrack_udp_timeout", with or without "net.netfilter."; unknown names and values out
  // of range are errors that name the nearest known one.
  Result<void> set_sysctl(std::string_view name, std::string_view value);
  // "NAME[=PROTO/PORT]": ftp, tftp, sip, irc, pptp, amanda, sane, netbios-ns, snmp.
  Result<void> add_helper(std::string_view spec);
  // A file's worth of "net.netfilter.NAME = VALUE" lines, as `sysctl net.netfilter` prints
  // them; `where` names it in errors. Lines about logging and flow tables are skipped.
  Result<void> set_sysctls(std::string_view text, std::string_view where);
  // "ZONE=SELECTOR": matching packets are tracked in this zone (`ct zone set`). A selector is
  // terms joined by commas, all of which must hold: udp, udp/99, 10.0.0.2, 10.0.0.0/8; port and
  // address may be those of either end. "orig:ZONE=..." or "reply:ZONE=..." for one direction.
  Result<void> add_zone(std::string_view spec);
  // A selector: matching packets are UNTRACKED.
  Result<void> add_notrack(std::string_view selector);
  // "5.10", "5.15", "6.1", "6.6", "6.12" or "6.18" (the default, and the only one measured).
  Result<void> set_kernel(std::string_view version);
  // A bound on the table for the sake of memory, not of the router that is imitated: a full
  // table always finds room, first where nothing was answered. 0: none.
  void set_most_entries(std::uint32_t entries);
  // Zones will come with the packets, and may hold for one direction only (Packet::zone_...).
  void expect_partial_zones();
  std::int64_t sysctl(std::string_view name) const;  // -1: unknown

  struct Values;
  const Values& values() const { return *values_; }

 private:
  Values& own();  // copies of Options share their values until one of them changes
  std::shared_ptr<Values> values_;
};

// One packet to track: a layer that is not quoted, of a frame of this tap.
struct Packet {
  const decode::Layer* layer = nullptr;
  // The layer quoted by this ICMP error, if it could be read; else nullptr.
  const decode::Layer* quoted = nullptr;
  std::uint32_t zone = 0;
  std::uint32_t frame = 0;  // ordinal
  Timestamp time;
  // The zone counts in the key of this direction.
  bool zone_original = true;
  bool zone_reply = true;
};

// Receives what happens, in order, during track(), advance() and finish(). Calls are cheap: the
// receiver copies.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void opened(const Opened& opened) = 0;
  virtual void event(const Event& event) = 0;
  virtual void closed(const Closed& closed) = 0;
  // Only with helpers.
  virtual void expectation(const ExpectationEvent&) {}
};

struct TrackerStats {
  std::uint64_t packets = 0;
  std::uint64_t live = 0;
  std::uint64_t most_live = 0;
  std::uint64_t early_dropped = 0;
  std::uint64_t table_full = 0;
  std::uint64_t evicted = 0;       // by Options::set_most_entries
  std::uint64_t memory_bytes = 0;  // of the connection table
};

// For `natlens track`: the entry that a packet's tuple finds after the packet.
struct EntryView {
  std::uint32_t connection = 0;
  std::uint8_t protocol = 0;
  std::uint8_t state = 0;
  std::uint32_t status = 0;
  std::uint32_t timeout_seconds = 0;  // as last set
  std::array<std::uint8_t, 2> window_scale{};
  std::array<std::uint8_t, 2> flags{};  // TCP, per direction, the kernel's IP_CT_TCP_FLAG_*
  std::array<std::uint32_t, 2> vtag{};  // SCTP
  Tuple original;
  Tuple reply;
  // Seconds left, rounded up: what was set less than a second ago reads as it was set.
  std::uint32_t remaining_seconds = 0;
  std::uint32_t zone = 0;
  std::uint32_t master = 0;  // connection; 0 = none
  std::string_view helper;   // "" = none
  // nf_conntrack_acct: counted as the kernel does, where a packet refreshes the timeout.
  std::array<DirectionCounters, 2> counters{};
  std::array<SequenceOffsets, 2> offsets{};  // with status::kSeqAdjust
};

class Tracker {
 public:
  // `sink` is not owned and outlives the tracker.
  Tracker(const Options& options, Sink& sink);
  ~Tracker();
  Tracker(Tracker&&) noexcept;

  // Tracks packets in order; verdicts[i] is that of packets[i]. Look-ups are prefetched over
  // the whole span (32 is a good size). Entries that time out before a packet's time are closed
  // first. Time that steps back is taken as standing still. REQUIRES: equal sizes.
  void track(std::span<const Packet> packets, std::span<Verdict> verdicts);
  // Closes what has timed out by `now`.
  void advance(Timestamp now);
  // The capture ended at `now`: closes what timed out, then every live entry with kEnd, by
  // serial.
  void finish(Timestamp now);
  // Tells of live entries with a packet at `since` or later, as finish() would, and leaves them
  // as they are. Looks from place `from` on (0: the first) at most until it has told of `most`
  // entries; returns the place to go on from, 0 at the end.
  std::uint32_t alive(std::uint32_t from,
                      std::size_t most,
                      Timestamp since,
                      const std::function<void(const Closed&)>& use) const;
  // The entry found under a packet's tuple (ICMP errors: under the inverted quoted tuple) now;
  // connection 0 = none. For `track` output, not for hot paths.
  EntryView lookup(const Packet& packet) const;
  EntryView lookup(const Tuple& tuple, std::uint32_t zone) const;
  TrackerStats stats() const;

  // Makes it a router's tracker: packets of an entry go through `way` (not owned; outlives the
  // tracker) before they are confirmed. REQUIRES: nothing tracked yet.
  void set_way(Way& way);
  // Removes the entry of a tuple, as `conntrack -D` does; false: there is none.
  bool forget(const Tuple& tuple, std::uint32_t zone);
  // What helpers did to the payload of the last packet, in order of offset.
  std::span<const PayloadEdit> payload_edits() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The tuple an answer will have; false if there is none (nf_ct_invert_tuple).
bool invert(const Tuple& tuple, Tuple& reply);

// What is added to a sequence number of one direction, and what is taken off an acknowledgement
// of that direction's data, which arrives in shifted numbers (nf_ct_seq_adjust).
std::int32_t sequence_offset(const SequenceOffsets& side, std::uint32_t seq);
std::int32_t acknowledged_offset(const SequenceOffsets& side, std::uint32_t ack);

}  // namespace natlens::conntrack
