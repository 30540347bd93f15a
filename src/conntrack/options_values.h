// The settings behind Options, as plain numbers that the trackers read per packet.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/conntrack/tracker.h"

#include "selector.h"

namespace natlens::conntrack {

inline constexpr std::int64_t kChecksumAuto = 2;

enum class HelperKind : std::uint8_t {
  kNone,
  kFtp,
  kTftp,
  kSip,
  kIrc,
  kPptp,
  kAmanda,
  kSane,
  kNetbiosNs,
  kSnmp,
  kCount
};

// A helper attached to new connections with this destination port (`ct helper set`).
struct HelperRule {
  HelperKind helper = HelperKind::kNone;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;
};

struct ZoneRule {
  Selector selector;
  std::uint16_t zone = 0;
  bool original = true;  // takes part in the key of this direction
  bool reply = true;
};

// What differs between kernel versions (one flag per sentence of docs/conntrack.md,
// "Versions"). Defaults: 6.18.
struct KernelRows {
  bool rst_in_closing_unchecked = true;   // 5.12: RST in closing states not checked
  bool destroy_carries_state = true;      // 5.12: DESTROY events carry state and timeout
  bool syn_retransmit_no_refresh = true;  // 5.14
  bool ignore_invalid_rst_known = true;   // 5.14: the sysctl exists
  bool automatic_helpers = false;         // before 6.0: helpers attach by port
  bool old_segments_pass = true;          // 6.1: conditions II and IV, overshoot
  bool invalid_lowers_timeout = true;     // 6.1: FIN/RST from both sides
  bool rst_after_syn_from_other_side =
      true;                         // stable releases from about 6.1 on: 5.5.4 step 3a
  bool sctp_init_collision = true;  // likewise: INIT from both ends
  bool dccp_tracked = false;        // before 6.17
};

struct Options::Values {
  // Seconds, by state; kNone and kSynSent2 have no sysctl.
  std::array<std::uint32_t, static_cast<std::size_t>(TcpState::kCount)> tcp_timeout{};
  std::array<std::uint32_t, static_cast<std::size_t>(SctpState::kCount)> sctp_timeout{};
  std::uint32_t tcp_timeout_max_retrans = 300;
  std::uint32_t tcp_timeout_unacknowledged = 300;
  std::uint32_t udp_timeout = 30;
  std::uint32_t udp_timeout_stream = 120;
  std::uint32_t icmp_timeout = 30;
  std::uint32_t icmpv6_timeout = 30;
  std::uint32_t gre_timeout = 30;
  std::uint32_t gre_timeout_stream = 180;
  std::uint32_t generic_timeout = 600;
  std::int64_t tcp_loose = 1;
  std::int64_t tcp_be_liberal = 0;
  std::int64_t tcp_max_retrans = 3;
  std::int64_t tcp_ignore_invalid_rst = 0;
  std::int64_t checksum = kChecksumAuto;
  std::int64_t max = 0;  // 0: no limit; the kernel's depends on its memory
  std::uint32_t most_entries = 0;  // 0: no bound; see Options::set_most_entries
  std::int64_t expect_max = 4096;
  std::int64_t acct = 0;
  std::int64_t timestamp = 0;
  std::int64_t events = 2;
  std::int64_t helper = 0;  // before 6.0: helpers attach by port

  std::vector<HelperRule> helpers;
  std::vector<ZoneRule> zones;
  std::vector<Selector> notrack;
  bool partial_zones = false;  // packets bring zones of their own
  KernelRows kernel;
  std::string kernel_name = "6.18";

  Values();
};

}  // namespace natlens::conntrack
