// The tracker's inside: a packet's way through the table (nf_conntrack_in of
// nf_conntrack_core.c), and the life of entries.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "natlens/conntrack/tracker.h"

#include "checksum.h"
#include "expectation.h"
#include "gre_keys.h"
#include "helper.h"
#include "icmp.h"
#include "options_values.h"
#include "packet_view.h"
#include "protocols.h"
#include "seqadj.h"
#include "table.h"
#include "timer_wheel.h"

namespace natlens::conntrack {

class Engine : private Occupancy {
 public:
  Engine(const Options& options, Sink& sink);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void track(std::span<const Packet> packets, std::span<Verdict> verdicts);
  void advance(Timestamp now);
  void finish(Timestamp now);
  std::uint32_t alive(std::uint32_t from,
                      std::size_t most,
                      Timestamp since,
                      const std::function<void(const Closed&)>& use) const;
  EntryView lookup(const Packet& packet) const;
  EntryView lookup(const Tuple& tuple, std::uint32_t zone) const;
  TrackerStats stats() const;
  void set_way(Way& way) { way_ = &way; }
  bool forget(const Tuple& tuple, std::uint32_t zone);
  std::span<const PayloadEdit> payload_edits() const { return edits_; }

 private:
  static constexpr std::size_t kBatch = 64;

  // A packet read and hashed, before its turn.
  struct Prepared {
    const Packet* packet = nullptr;
    PacketView view;
    LookupKey key;
    bool dropped_before = false;  // never reaches tracking
  };

  // engine.cc: the way of a packet.
  void prepare(const Packet& packet, Prepared& out) const;
  void set_key(LookupKey& key, const Tuple& tuple, std::uint32_t zone) const;
  void set_key(LookupKey& key, const Tuple& tuple, const Packet& packet) const;
  void process(Prepared& prepared, Verdict& verdict);
  void process_icmp_error(const Prepared& prepared, const IcmpCheck& check, Verdict& verdict);
  void process_flow(Prepared& prepared, Verdict& verdict);
  bool fill_gre_key(Tuple& tuple) const;
  // False: kRepeat, look up again.
  bool process_found(Prepared& prepared, Table::Found found, Verdict& verdict);
  void process_new(Prepared& prepared, Verdict& verdict);
  Outcome run_protocol(Track& track) const;
  void clock(Timestamp time, std::uint32_t frame);

  // engine_life.cc: entries begin, change and end.
  bool make_room();
  void keep_bound();
  void begin(const Prepared& prepared, Verdict& verdict, const Expectation* met);
  void confirm(RecordNumber record, const Prepared& prepared, Verdict& verdict);
  void end_tcp_silence(Entry& entry, unsigned direction);
  void accepted(RecordNumber record, Track& track, const Packet& packet, Verdict& verdict);
  void invalid(RecordNumber record, Track& track, Verdict& verdict);
  void deliver(Entry& entry, std::uint32_t frame);
  void emit(const Entry& entry,
            EventKind kind,
            std::uint32_t frame,
            std::uint32_t timeout,
            bool has_state);
  void destroy(RecordNumber record, CloseReason reason, std::uint32_t frame);
  Closed told(const Entry& entry,
              CloseReason reason,
              Timestamp when,
              std::uint32_t timeout) const;
  void close(RecordNumber record, CloseReason reason, Timestamp when, std::uint32_t timeout);
  void expire();

  // engine_way.cc: what a router does with packets between tracking and confirming.
  bool taken(const Tuple& tuple) const override;
  bool evict_closing(const Tuple& reply) override;
  bool pass_first(RecordNumber record,
                  const Prepared& prepared,
                  const Verdict& verdict,
                  const Expectation* met,
                  HelperKind& helper);
  bool pass_known(Entry& entry, const Packet& packet, const Verdict& verdict);
  bool reply_taken(RecordNumber record) const;
  void adjust(RecordNumber record, HelperPacket& packet);

  // engine_helpers.cc: what helpers have to do with it.
  HelperKind helper_for(const Tuple& tuple, bool& by_rule) const;
  void account(Entry& entry, unsigned direction, std::uint32_t bytes);
  bool help(RecordNumber record,
            const PacketView& view,
            Direction direction,
            PacketClass packet_class);
  PayloadNat nat_of(const Entry& entry);
  void master_gone(RecordNumber record);
  void end_sibling(const Tuple& tuple, std::uint32_t zone);

  std::uint32_t seconds_left(const Entry& entry) const;
  EntryView view_of(const Entry& entry) const;

  Options options_;
  const Options::Values& values_;
  Sink& sink_;
  Table table_;
  TimerWheel wheel_;
  Expectations expectations_;
  GreKeys gre_keys_;
  ChecksumJudge checksums_;
  Dccp dccp_;
  Timestamp now_ = Timestamp::none();
  std::uint32_t last_serial_ = 0;
  RecordNumber eviction_cursor_ = 0;
  TrackerStats stats_;
  Way* way_ = nullptr;
  std::vector<PayloadEdit> edits_;                                      // of the last packet
  absl::flat_hash_map<std::uint32_t, SequenceAdjustment> adjustments_;  // by serial
  std::uint32_t way_zone_ = 0;  // of the packet at hand, while the way asks about ports
  Entry scratch_;               // the entry of a first packet, until it is confirmed
  std::array<Prepared, kBatch> prepared_;
};

}  // namespace natlens::conntrack
