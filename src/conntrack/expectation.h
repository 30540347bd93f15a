// Expectations (nf_conntrack_expect.c): connections that a helper has seen announced.
//
// An expectation names a destination exactly, and a source that may be wild in address or port.
// The first new connection that matches uses it up (unless it is permanent) and becomes
// RELATED. It dies by its timeout and with its master. All are found by their destination; the
// few of one master hang together in a list. Numbers are bounded per helper and class, and in
// all.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/conntrack/tracker.h"

#include "options_values.h"
#include "table.h"

namespace natlens::conntrack {

// Classes of the SIP helper; all other helpers have one.
enum class ExpectClass : std::uint8_t { kDefault, kAudio, kVideo, kImage, kCount };

struct Expectation {
  Tuple tuple;
  Tuple mask;  // all ones in the source parts that count; the destination always counts
  std::uint32_t zone = 0;
  RecordNumber master = kNoRecord;
  std::uint32_t master_serial = 0;
  Timestamp expiry;
  std::uint32_t timeout_seconds = 0;
  ExpectClass expect_class = ExpectClass::kDefault;
  HelperKind helper = HelperKind::kNone;        // the master's
  HelperKind gives_helper = HelperKind::kNone;  // to the expected connection
  bool permanent = false;
  bool inactive = false;
  Tuple sibling{};  // of the other direction: its expectation goes with the first use
  // NAT: the expected connection follows its master's translation (Following).
  bool follows = false;
  Direction follow_direction = Direction::kOriginal;  // of the expected connection
  std::uint16_t saved_port = 0;                       // where it really goes
  bool saves_source = false;  // PPTP: saved_port is where it comes from, as the server knows it
  Address saved_dst;          // likewise, if not the master's end
};

// A new expectation, as helpers announce it. No address or port: wild.
struct Announcement {
  Address src;  // default: wild
  std::uint16_t src_port = 0;
  bool any_src_port = true;
  Address dst;
  std::uint16_t dst_port = 0;
  std::uint8_t protocol = 0;
  unsigned src_prefix_bits = 128;  // of src that count, if not wild
  ExpectClass expect_class = ExpectClass::kDefault;
  HelperKind gives_helper = HelperKind::kNone;
  bool permanent = false;
  bool inactive = false;
  Tuple sibling{};          // of the other direction: its expectation goes with the first use
  bool any_master = false;  // one like it, of whatever master, will do (SIP media)
  // NAT: the expected connection follows its master's translation (Following).
  bool follows = false;
  Direction follow_direction = Direction::kOriginal;  // of the expected connection
  std::uint16_t saved_port = 0;                       // where it really goes
  bool saves_source = false;  // PPTP: saved_port is where it comes from, as the server knows it
  Address saved_dst;          // likewise, if not the master's end
};

// What became of an announcement.
enum class Announced : std::uint8_t { kMade, kExists, kRefused };

class Expectations {
 public:
  Expectations(Table& table, Sink& sink, const Options::Values& values)
      : table_(table), sink_(sink), values_(values) {}

  bool empty() const { return by_destination_.empty(); }
  // The time of the packet at hand; what has timed out goes.
  void clock(Timestamp now, std::uint32_t frame) {
    now_ = now;
    frame_ = frame;
    if (!deadlines_.empty() && deadlines_.begin()->first <= now) expire();
  }

  Announced announce(RecordNumber master, const Announcement& announcement);
  // The expectation that a new connection with this tuple meets, used up; false: none.
  bool meet(const Tuple& tuple, std::uint32_t zone, Expectation& met);
  // One that is there for this tuple, without using it up; nullptr: none.
  const Expectation* find(const Tuple& tuple, std::uint32_t zone) const;
  // Removes the one with exactly this tuple.
  bool cancel(const Tuple& tuple, std::uint32_t zone);
  // Removes those of a master for which `chosen` says so (an Expectation&), oldest first.
  template <typename Chosen>
  void cancel_of(RecordNumber master, Chosen chosen);
  void cancel_all_of(RecordNumber master);
  // Makes an inactive one of this master active for `seconds`; false: there is none like it.
  bool activate(RecordNumber master, const Tuple& destination, std::uint32_t seconds);

 private:
  void expire();
  using Place = std::uint32_t;
  struct Node {
    Expectation expectation;
    std::uint64_t age = 0;     // 0: free
    Place next_of_master = 0;  // + 1; newest first
  };
  struct Destination {
    Address address;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;
    bool operator==(const Destination&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Destination& d) {
      return H::combine(H::combine_contiguous(std::move(h), d.address.bytes().data(),
                                              d.address.bytes().size()),
                        d.port, d.protocol);
    }
  };
  static Destination destination_of(const Tuple& tuple) {
    return {tuple.dst, tuple.dst_port, tuple.protocol};
  }

  Place find_place(const Tuple& tuple, std::uint32_t zone) const;  // + 1; 0: none
  bool make_room(RecordNumber master, const Expectation& wanted);
  Announced check(const Expectation& wanted, bool any_master);
  void insert(const Expectation& expectation);
  void remove(Place place);
  void tell(const Expectation& expectation, bool made);

  Table& table_;
  Sink& sink_;
  const Options::Values& values_;
  Timestamp now_ = Timestamp::none();
  std::uint32_t frame_ = 0;
  std::uint64_t last_age_ = 0;
  std::vector<Node> nodes_;
  std::vector<Place> free_;
  absl::flat_hash_map<Destination, std::vector<Place>> by_destination_;  // oldest first
  std::set<std::pair<Timestamp, std::pair<std::uint64_t, Place>>> deadlines_;
};

template <typename Chosen>
void Expectations::cancel_of(RecordNumber master, Chosen chosen) {
  const Extension* extension = table_.extension_if(table_[master]);
  if (extension == nullptr) {
    return;
  }
  std::vector<Place> places;
  for (Place p = extension->expectations; p != 0; p = nodes_[p - 1].next_of_master) {
    places.push_back(p - 1);
  }
  for (auto p = places.rbegin(); p != places.rend(); ++p) {
    if (chosen(nodes_[*p].expectation)) {
      remove(*p);
    }
  }
}

}  // namespace natlens::conntrack
