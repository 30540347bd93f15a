// Ethernet frames of one packet: IPv4 with TCP, UDP or ICMP echo, checksums correct.
//
// It has a checksum of its own on purpose: a mistake in the program's must not hide in the
// frames that test it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace natlens::bench {

inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;

inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;

struct Packet {
  std::uint32_t src = 0;
  std::uint32_t dst = 0;
  std::uint16_t src_port = 0;  // ICMP: the echo identifier, in both directions
  std::uint16_t dst_port = 0;
  std::uint16_t ip_id = 0;
  std::uint8_t protocol = kTcp;
  std::uint8_t ttl = 64;
  std::uint8_t tcp_flags = 0;
  bool echo_reply = false;
  bool offloaded = false;  // the checksum field holds the pseudo-header's sum only
  std::uint16_t icmp_seq = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint32_t ts_value = 0;
  std::uint32_t ts_echo = 0;
  std::span<const std::uint8_t> payload;
};

// Replaces the content of `frame`. REQUIRES: the IP packet has at most 65535 bytes.
void build_frame(const Packet& packet, std::vector<std::uint8_t>& frame);

}  // namespace natlens::bench
