// Rewriting packets as NAT and forwarding do: addresses, ports, the packet that an ICMP error
// quotes, payload that helpers replace, sequence numbers, TTL; and every checksum over them.
//
// Checksums change by differences (RFC 1624), so what was wrong stays wrong by as much. A field
// that holds only the pseudo-header's sum, left to the sender's network card, keeps being that.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "natlens/conntrack/tracker.h"
#include "natlens/net/address.h"
#include "natlens/net/bytes.h"

namespace natlens::ruleset {

// An IP packet under change. `transport_at`: where the transport header begins; at the packet's
// end if there is none (a later fragment). What the capture cut off stays away.
class Rewriter {
 public:
  Rewriter(std::vector<std::uint8_t>& ip, std::size_t transport_at, std::uint8_t protocol);

  // Makes the headers those of `to`; ports only as far as the protocol has them.
  void translate(const Tuple& from, const Tuple& to);
  // An ICMP error: the quoted packet was one of `from`, and becomes one of `to`.
  void translate_quote(const Tuple& from, const Tuple& to);
  // An ICMP error's own addresses.
  void addresses(const Address& src, const Address& dst);
  // Replaces pieces of the payload; sizes follow.
  void edit(std::span<const conntrack::PayloadEdit> edits);
  // Adds to a TCP segment's numbers.
  void shift_sequence(const conntrack::SequenceOffsets& own,
                      const conntrack::SequenceOffsets& other);
  // Forwarding. False: the packet may go no further.
  bool decrement_ttl();

 private:
  bool v6() const { return (ip_[0] >> 4) == 6; }
  std::size_t checksum_at() const;  // of the transport; 0: none
  bool partial() const;
  void set16(std::size_t at, std::uint16_t value, bool pseudo);
  void set32(std::size_t at, std::uint32_t value);
  void fix_transport(std::uint32_t from, std::uint32_t to, bool pseudo);
  void set_address(std::size_t at, const Address& address);
  void set_ports(const Tuple& from, const Tuple& to);
  void shift_sack(const conntrack::SequenceOffsets& other);
  void recompute_transport();
  void recompute_sctp();
  std::uint16_t pseudo_sum() const;

  std::vector<std::uint8_t>& ip_;
  std::size_t at_;
  std::uint8_t protocol_;
  bool partial_ = false;  // the checksum is the pseudo-header's sum only
  bool absent_ = false;   // UDP without a checksum
};

}  // namespace natlens::ruleset
