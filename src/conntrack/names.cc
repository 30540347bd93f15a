// Names of what conntrack hands on: as the kernel prints them, or as the database stores them.
#include <array>

#include "natlens/conntrack/records.h"
#include "natlens/net/address.h"

namespace natlens::conntrack {
namespace {

using std::string_view_literals::operator""sv;

template <std::size_t n, typename Enum>
std::string_view pick(const std::array<std::string_view, n>& names, Enum value) {
  static_assert(n == static_cast<std::size_t>(Enum::kCount));
  const auto i = static_cast<std::size_t>(value);
  return i < n ? names[i] : std::string_view();
}

constexpr auto kReasons = std::to_array({""sv,
                                         "short_header"sv,
                                         "bad_header"sv,
                                         "bad_checksum"sv,
                                         "bad_flags"sv,
                                         "bad_state"sv,
                                         "not_first"sv,
                                         "seq_above_window"sv,
                                         "ack_unseen"sv,
                                         "rst_out_of_window"sv,
                                         "no_inverse"sv,
                                         "error_unrelated"sv,
                                         "error_unreadable"sv,
                                         "fragment"sv,
                                         "bad_chunks"sv,
                                         "bad_tag"sv,
                                         "table_full"sv,
                                         "other"sv,
                                         "segment_too_old"sv,
                                         "ack_too_old"sv});
constexpr auto kClasses = std::to_array(
    {"NONE"sv, "NEW"sv, "ESTABLISHED"sv, "RELATED"sv, "INVALID"sv, "UNTRACKED"sv});
constexpr auto kTcpStates =
    std::to_array({"NONE"sv, "SYN_SENT"sv, "SYN_RECV"sv, "ESTABLISHED"sv, "FIN_WAIT"sv,
                   "CLOSE_WAIT"sv, "LAST_ACK"sv, "TIME_WAIT"sv, "CLOSE"sv, "SYN_SENT2"sv});
constexpr auto kSctpStates = std::to_array(
    {"NONE"sv, "CLOSED"sv, "COOKIE_WAIT"sv, "COOKIE_ECHOED"sv, "ESTABLISHED"sv,
     "SHUTDOWN_SENT"sv, "SHUTDOWN_RECD"sv, "SHUTDOWN_ACK_SENT"sv, "HEARTBEAT_SENT"sv});
constexpr auto kCloseReasons =
    std::to_array({"expired"sv, "reset"sv, "replaced"sv, "evicted"sv, "end"sv, "untracked"sv});

}  // namespace

std::string_view to_string(InvalidReason reason) {
  return pick(kReasons, reason);
}
std::string_view to_string(PacketClass packet_class) {
  return pick(kClasses, packet_class);
}
std::string_view to_string(CloseReason reason) {
  return pick(kCloseReasons, reason);
}

std::string_view state_name(std::uint8_t protocol, std::uint8_t state) {
  if (protocol == protocol::kTcp) {
    return pick(kTcpStates, static_cast<TcpState>(state));
  }
  if (protocol == protocol::kSctp) {
    return pick(kSctpStates, static_cast<SctpState>(state));
  }
  return {};
}

}  // namespace natlens::conntrack
