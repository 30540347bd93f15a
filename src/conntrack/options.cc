// Sysctls by their kernel names (nf_conntrack_standalone.c), helpers, zones, kernel versions.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "natlens/net/nearest.h"

#include "options_values.h"

namespace natlens::conntrack {
namespace {

using Values = Options::Values;

// Where a sysctl's number lives; seconds of a state are found by an index beside.
struct Sysctl {
  std::string_view name;  // without "nf_conntrack_"
  std::uint32_t Values::*seconds = nullptr;
  std::int64_t Values::*number = nullptr;
  std::int64_t highest = 0x7fffffff;
  int tcp_state = -1;
  int sctp_state = -1;
};

constexpr Sysctl seconds(std::string_view name, std::uint32_t Values::*member) {
  return {.name = name, .seconds = member};
}
constexpr Sysctl number(std::string_view name,
                        std::int64_t Values::*member,
                        std::int64_t highest) {
  return {.name = name, .number = member, .highest = highest};
}
constexpr Sysctl tcp(std::string_view name, TcpState state) {
  return {.name = name, .tcp_state = static_cast<int>(state)};
}
constexpr Sysctl sctp(std::string_view name, SctpState state) {
  return {.name = name, .sctp_state = static_cast<int>(state)};
}
// Known, and without meaning for captures: accepted, so that a whole listing can be given.
constexpr Sysctl without_effect(std::string_view name) {
  return {.name = name};
}

constexpr std::int64_t kAny = 0x7fffffff;
constexpr auto kSysctls = std::to_array<Sysctl>({
    tcp("tcp_timeout_syn_sent", TcpState::kSynSent),
    tcp("tcp_timeout_syn_recv", TcpState::kSynRecv),
    tcp("tcp_timeout_established", TcpState::kEstablished),
    tcp("tcp_timeout_fin_wait", TcpState::kFinWait),
    tcp("tcp_timeout_close_wait", TcpState::kCloseWait),
    tcp("tcp_timeout_last_ack", TcpState::kLastAck),
    tcp("tcp_timeout_time_wait", TcpState::kTimeWait),
    tcp("tcp_timeout_close", TcpState::kClose),
    seconds("tcp_timeout_max_retrans", &Values::tcp_timeout_max_retrans),
    seconds("tcp_timeout_unacknowledged", &Values::tcp_timeout_unacknowledged),
    number("tcp_loose", &Values::tcp_loose, 1),
    number("tcp_be_liberal", &Values::tcp_be_liberal, 1),
    number("tcp_ignore_invalid_rst", &Values::tcp_ignore_invalid_rst, 1),
    number("tcp_max_retrans", &Values::tcp_max_retrans, 255),
    seconds("udp_timeout", &Values::udp_timeout),
    seconds("udp_timeout_stream", &Values::udp_timeout_stream),
    seconds("icmp_timeout", &Values::icmp_timeout),
    seconds("icmpv6_timeout", &Values::icmpv6_timeout),
    seconds("gre_timeout", &Values::gre_timeout),
    seconds("gre_timeout_stream", &Values::gre_timeout_stream),
    seconds("generic_timeout", &Values::generic_timeout),
    sctp("sctp_timeout_closed", SctpState::kClosed),
    sctp("sctp_timeout_cookie_wait", SctpState::kCookieWait),
    sctp("sctp_timeout_cookie_echoed", SctpState::kCookieEchoed),
    sctp("sctp_timeout_established", SctpState::kEstablished),
    sctp("sctp_timeout_shutdown_sent", SctpState::kShutdownSent),
    sctp("sctp_timeout_shutdown_recd", SctpState::kShutdownRecd),
    sctp("sctp_timeout_shutdown_ack_sent", SctpState::kShutdownAckSent),
    sctp("sctp_timeout_heartbeat_sent", SctpState::kHeartbeatSent),
    number("checksum", &Values::checksum, 1),
    number("max", &Values::max, kAny),
    number("expect_max", &Values::expect_max, kAny),
    number("acct", &Values::acct, 1),
    number("timestamp", &Values::timestamp, 1),
    number("events", &Values::events, 2),
    number("helper", &Values::helper, 1),
    without_effect("buckets"),
    without_effect("count"),
    without_effect("log_invalid"),
    without_effect("frag6_timeout"),
    without_effect("frag6_low_thresh"),
    without_effect("frag6_high_thresh"),
    without_effect("sctp_timeout_heartbeat_acked"),
    without_effect("dccp_loose"),
    without_effect("dccp_timeout_request"),
    without_effect("dccp_timeout_respond"),
    without_effect("dccp_timeout_partopen"),
    without_effect("dccp_timeout_open"),
    without_effect("dccp_timeout_closereq"),
    without_effect("dccp_timeout_closing"),
    without_effect("dccp_timeout_timewait"),
});

constexpr std::string_view kPrefix = "nf_conntrack_";

std::string_view strip(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view without_tree(std::string_view name) {
  for (const std::string_view tree : {"net.netfilter.", "net/netfilter/"}) {
    if (name.starts_with(tree)) {
      return name.substr(tree.size());
    }
  }
  return name;
}

const Sysctl* find_sysctl(std::string_view name) {
  if (!name.starts_with(kPrefix)) {
    return nullptr;
  }
  const auto rest = name.substr(kPrefix.size());
  const auto* found = std::find_if(kSysctls.begin(), kSysctls.end(),
                                   [&](const Sysctl& s) { return s.name == rest; });
  return found == kSysctls.end() ? nullptr : found;
}

Error unknown_sysctl(std::string_view name) {
  std::vector<std::string> names;
  names.reserve(kSysctls.size());
  for (const Sysctl& s : kSysctls) {
    names.push_back(fmt::format("{}{}", kPrefix, s.name));
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string near = nearest(name, views);
  return {fmt::format("unknown sysctl '{}'{}", name,
                      near.empty() ? std::string("; names begin with nf_conntrack_")
                                   : fmt::format("; did you mean {}?", near))};
}

std::int64_t read(const Values& v, const Sysctl& s) {
  if (s.tcp_state >= 0) {
    return v.tcp_timeout[static_cast<std::size_t>(s.tcp_state)];
  }
  if (s.sctp_state >= 0) {
    return v.sctp_timeout[static_cast<std::size_t>(s.sctp_state)];
  }
  return s.seconds != nullptr ? v.*s.seconds : s.number != nullptr ? v.*s.number : 0;
}

void write(Values& v, const Sysctl& s, std::int64_t value) {
  const auto as_seconds = static_cast<std::uint32_t>(value);
  if (s.tcp_state >= 0) {
    v.tcp_timeout[static_cast<std::size_t>(s.tcp_state)] = as_seconds;
  } else if (s.sctp_state >= 0) {
    v.sctp_timeout[static_cast<std::size_t>(s.sctp_state)] = as_seconds;
  } else if (s.seconds != nullptr) {
    v.*s.seconds = as_seconds;
  } else if (s.number != nullptr) {
    v.*s.number = value;
  }
}

// Lines of a listing that are of no concern here.
bool is_foreign(std::string_view name) {
  return name.starts_with("nf_log") || name.starts_with("nf_flowtable") ||
         name.starts_with("nf_hooks");
}

}  // namespace

Options::Values::Values() {
  const auto set = [](auto& table, auto state, std::uint32_t value) {
    table[static_cast<std::size_t>(state)] = value;
  };
  set(tcp_timeout, TcpState::kSynSent, 120);
  set(tcp_timeout, TcpState::kSynRecv, 60);
  set(tcp_timeout, TcpState::kEstablished, 432000);
  set(tcp_timeout, TcpState::kFinWait, 120);
  set(tcp_timeout, TcpState::kCloseWait, 60);
  set(tcp_timeout, TcpState::kLastAck, 30);
  set(tcp_timeout, TcpState::kTimeWait, 120);
  set(tcp_timeout, TcpState::kClose, 10);
  set(tcp_timeout, TcpState::kSynSent2, 120);
  set(sctp_timeout, SctpState::kClosed, 10);
  set(sctp_timeout, SctpState::kCookieWait, 3);
  set(sctp_timeout, SctpState::kCookieEchoed, 3);
  set(sctp_timeout, SctpState::kEstablished, 210);
  set(sctp_timeout, SctpState::kShutdownSent, 3);
  set(sctp_timeout, SctpState::kShutdownRecd, 3);
  set(sctp_timeout, SctpState::kShutdownAckSent, 3);
  set(sctp_timeout, SctpState::kHeartbeatSent, 30);
}

Options::Options() : values_(std::make_shared<Values>()) {}

Options::Values& Options::own() {
  if (values_.use_count() > 1) {
    values_ = std::make_shared<Values>(*values_);
  }
  return *values_;
}

Result<void> Options::set_sysctl(std::string_view name, std::string_view value) {
  name = without_tree(strip(name));
  value = strip(value);
  const Sysctl* sysctl = find_sysctl(name);
  if (sysctl == nullptr) {
    return unknown_sysctl(name);
  }
  if (sysctl->number == &Values::checksum && value == "auto") {
    own().checksum = kChecksumAuto;
    return {};
  }
  std::int64_t parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc() || end != value.data() + value.size() || parsed < 0 ||
      parsed > sysctl->highest) {
    return Error{fmt::format("{}: '{}' is not a number from 0 to {}{}", name, value,
                             sysctl->highest,
                             sysctl->number == &Values::checksum ? ", or auto" : "")};
  }
  if (sysctl->number == &Values::tcp_ignore_invalid_rst &&
      !values_->kernel.ignore_invalid_rst_known) {
    return Error{fmt::format("{}: kernel {} does not have it; it came with 5.14", name,
                             values_->kernel_name)};
  }
  write(own(), *sysctl, parsed);
  return {};
}

Result<void> Options::set_sysctls(std::string_view text, std::string_view where) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto content = strip(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty() || content.front() == '#' || content.front() == ';') {
      continue;
    }
    const auto equals = content.find('=');
    if (equals == std::string_view::npos) {
      return Error{fmt::format("{}:{}: expected NAME = VALUE, as `sysctl net.netfilter` prints",
                               where, line)};
    }
    const auto name = without_tree(strip(content.substr(0, equals)));
    if (is_foreign(name)) {
      continue;
    }
    if (auto set = set_sysctl(name, content.substr(equals + 1)); !set) {
      return Error{fmt::format("{}:{}: {}", where, line, set.error().message)};
    }
  }
  return {};
}

std::int64_t Options::sysctl(std::string_view name) const {
  const Sysctl* found = find_sysctl(without_tree(name));
  return found == nullptr ? -1 : read(*values_, *found);
}

}  // namespace natlens::conntrack
