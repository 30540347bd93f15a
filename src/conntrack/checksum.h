// Is a transport checksum wrong as the kernel would see it, or only because a network card was
// to compute it?
#pragma once

#include <array>
#include <cstdint>

#include "natlens/net/address.h"

#include "packet_view.h"

namespace natlens::conntrack {

// What the pseudo header of TCP, UDP and ICMPv6 adds to a sum (RFC 9293 3.1, RFC 8200 8.1).
std::uint16_t pseudo_header_sum(const Tuple& tuple, std::uint8_t protocol, std::uint32_t bytes);

// CRC32c as SCTP uses it, over `bytes` with the four checksum bytes at offset 8 taken as zero.
std::uint32_t sctp_crc(ByteView bytes);

// The check of nf_conntrack_checksum for one tap.
//
// Mode 1 is the kernel's. Mode auto lets pass what offload leaves behind: a field that equals
// the pseudo-header sum; and, as long as a sender has not shown a single right checksum, fields
// that are all wrong in one way (zero, the pseudo-header sum with a zero length as for TSO, or
// off by one constant). A capture that cuts packets cannot tell, and passes.
class ChecksumJudge {
 public:
  explicit ChecksumJudge(std::int64_t mode) : mode_(mode) {}

  bool enabled() const { return mode_ != 0; }
  // TCP, UDP and the ICMPs: `field` is the checksum in the packet, at an even offset of the
  // transport bytes. Over `covered` bytes of the transport (UDP-Lite; else all).
  // `protocol` is the number in the pseudo header; 0: no pseudo header (ICMP).
  bool acceptable(const PacketView& view,
                  std::uint8_t protocol,
                  std::uint16_t field,
                  std::size_t covered);
  bool acceptable_sctp(const PacketView& view);

 private:
  // How the checksums of a sender have been so far; senders share places by their address.
  struct Sender {
    bool seen_good = false;
    bool seen_bad = false;
    std::uint16_t difference = 0;  // of the bad ones: field minus what it should be
  };
  bool offload_habit(const PacketView& view,
                     std::uint16_t field,
                     std::uint16_t difference,
                     std::uint16_t pseudo_without_length);
  Sender& sender_of(const Tuple& tuple);

  std::int64_t mode_;
  std::array<Sender, 256> senders_{};
};

}  // namespace natlens::conntrack
