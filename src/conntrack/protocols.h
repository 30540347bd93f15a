// The trackers of the transport protocols: one packet of an entry, judged.
//
// Each function gets the packet and its entry (not yet in the table if this is its first
// packet), changes the entry's protocol state and says what is to become of packet and entry.
// The tracker does the rest: timers, status bits that follow from the class, events, the table.
#pragma once

#include <cstdint>

#include "natlens/conntrack/records.h"

#include "checksum.h"
#include "entry.h"
#include "options_values.h"
#include "packet_view.h"

namespace natlens::conntrack {

enum class Outcome : std::uint8_t {
  kAccept,
  kInvalid,  // the packet loses its entry; Track::invalid says why
  kRepeat,   // the entry is destroyed and the packet starts a new one
};

// Causes of an event, collected over one packet.
struct Changes {
  bool update = false;      // REPLY, ASSURED...
  bool proto_info = false;  // the TCP or SCTP state
};

// How much a number in the other side's sequence space is shifted on its way (sequence
// adjustment, 15.5); none without NAT of payloads.
struct AckOffset {
  virtual ~AckOffset() = default;
  virtual std::uint32_t at(Direction of, std::uint32_t sequence) const = 0;
};

// One packet on its way through a protocol's tracker.
struct Track {
  const Options::Values& options;
  ChecksumJudge& checksums;
  const PacketView& packet;
  Entry& entry;
  Direction direction;
  Timestamp now;
  std::uint32_t frame;
  const AckOffset* ack_offset = nullptr;

  // Results.
  InvalidDetail invalid{};
  Changes changes{};
  bool refreshed = false;  // the entry's timeout was set anew: the packet counts
  bool destroy = false;    // accepted, and the entry ends with it (RST before any reply)

  unsigned dir() const { return static_cast<unsigned>(direction); }
  bool is_first() const { return !entry.has(status::kConfirmed); }
  ByteView bytes() const { return packet.transport.captured; }

  Outcome refuse(InvalidReason reason) {
    invalid = {};
    invalid.reason = reason;
    return Outcome::kInvalid;
  }
  // nf_ct_refresh_acct.
  void refresh(std::uint32_t seconds) {
    refreshed = true;
    if (!entry.has(status::kFixedTimeout)) {
      set_timeout(seconds);
    }
  }
  void set_timeout(std::uint32_t seconds) {
    entry.timeout_seconds = seconds;
    entry.expiry = now + std::chrono::seconds(seconds);
  }
  void assure() {
    if (!entry.has(status::kAssured)) {
      entry.set(status::kAssured);
      changes.update = true;
    }
  }
};

Outcome track_tcp(Track& track);
Outcome track_udp(Track& track);
Outcome track_udplite(Track& track);
Outcome track_icmp(Track& track);
Outcome track_icmpv6(Track& track);
Outcome track_sctp(Track& track);
Outcome track_gre(Track& track);
Outcome track_generic(Track& track);

}  // namespace natlens::conntrack
