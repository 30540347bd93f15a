// The lines of conntrack(8), version 1.4.7, field by field as libnetfilter_conntrack builds
// them.
#include <fmt/format.h>

#include "natlens/report/track_text.h"

namespace natlens::report {
namespace {

namespace status = conntrack::status;
using Out = std::back_insert_iterator<std::string>;

// Names as conntrack(8) knows them; everything else is "unknown".
std::string_view l4_name(std::uint8_t number) {
  switch (number) {
    case protocol::kTcp:
      return "tcp";
    case protocol::kUdp:
      return "udp";
    case protocol::kIcmp:
      return "icmp";
    case protocol::kIcmpv6:
      return "icmpv6";
    case protocol::kSctp:
      return "sctp";
    case protocol::kGre:
      return "gre";
    case protocol::kUdpLite:
      return "udplite";
    case protocol::kDccp:
      return "dccp";
    default:
      return "unknown";
  }
}

bool is_icmp(std::uint8_t number) {
  return number == protocol::kIcmp || number == protocol::kIcmpv6;
}

bool has_ports(std::uint8_t number) {
  return number == protocol::kTcp || number == protocol::kUdp || number == protocol::kUdpLite ||
         number == protocol::kSctp || number == protocol::kDccp;
}

void put_tuple(Out out, const Tuple& t) {
  fmt::format_to(out, "src={} dst={} ", to_string(t.src), to_string(t.dst));
  if (is_icmp(t.protocol)) {
    fmt::format_to(out, "type={} code={} id={} ", t.dst_port >> 8, t.dst_port & 0xffU,
                   t.src_port);
  } else if (t.protocol == protocol::kGre) {
    fmt::format_to(out, "srckey={:#x} dstkey={:#x} ", t.src_port, t.dst_port);
  } else if (has_ports(t.protocol)) {
    fmt::format_to(out, "sport={} dport={} ", t.src_port, t.dst_port);
  }
}

void put_counters(Out out, const ConntrackEntry& entry, std::size_t direction) {
  if (entry.counters) {
    const auto& counters = (*entry.counters)[direction];
    fmt::format_to(out, "packets={} bytes={} ", counters.packets, counters.bytes);
  }
}

// What listings and events share, up to and with the zone.
void put_common(Out out, const ConntrackEntry& entry, bool listing) {
  const std::uint8_t number = entry.original.protocol;
  const bool v4 = entry.original.src.is_v4();
  const std::string_view name = l4_name(number);
  fmt::format_to(out, "{:<8} {} {:<8} {} ", v4 ? "ipv4" : "ipv6", v4 ? 2 : 10, name, number);
  if (entry.timeout_seconds) {
    fmt::format_to(out, "{} ", *entry.timeout_seconds);
  }
  const auto state = conntrack::state_name(number, entry.state);
  if (entry.has_state && !state.empty()) {
    fmt::format_to(out, "{} ", state);
  }
  const bool zoned = entry.zone != 0;
  put_tuple(out, entry.original);
  if (zoned && !entry.zone_reply) {
    fmt::format_to(out, "zone-orig={} ", entry.zone);
  }
  put_counters(out, entry, 0);
  if ((entry.status & status::kSeenReply) == 0) {
    fmt::format_to(out, "[UNREPLIED] ");
  }
  put_tuple(out, entry.reply);
  if (zoned && !entry.zone_original) {
    fmt::format_to(out, "zone-reply={} ", entry.zone);
  }
  put_counters(out, entry, 1);
  if ((entry.status & status::kAssured) != 0) {
    fmt::format_to(out, "[ASSURED] ");
  }
  if (listing || entry.mark != 0) {
    fmt::format_to(out, "mark={} ", entry.mark);
  }
  if (zoned && entry.zone_original && entry.zone_reply) {
    fmt::format_to(out, "zone={} ", entry.zone);
  }
  if (!entry.helper.empty()) {
    fmt::format_to(out, "helper={} ", entry.helper);
  }
}

std::string without_last_space(std::string text) {
  if (!text.empty() && text.back() == ' ') {
    text.pop_back();
  }
  return text;
}

void put_save_ports(Out out, const ConntrackEntry& entry) {
  const Tuple& o = entry.original;
  const Tuple& r = entry.reply;
  if (is_icmp(o.protocol)) {
    const std::string_view name = l4_name(o.protocol);
    fmt::format_to(out, " --{}-type {} --{}-code {} --{}-id {}", name, o.dst_port >> 8, name,
                   o.dst_port & 0xffU, name, o.src_port);
  } else if (o.protocol == protocol::kGre) {
    fmt::format_to(out, " --srckey {} --dstkey {} --reply-key-src {} --reply-key-dst {}",
                   o.src_port, o.dst_port, r.src_port, r.dst_port);
  } else if (has_ports(o.protocol)) {
    fmt::format_to(out, " --sport {} --dport {} --reply-port-src {} --reply-port-dst {}",
                   o.src_port, o.dst_port, r.src_port, r.dst_port);
  }
}

void put_save_status(Out out, std::uint32_t bits) {
  const bool seen = (bits & status::kSeenReply) != 0;
  const bool assured = (bits & status::kAssured) != 0;
  fmt::format_to(out, " -u {}{}{}", seen ? "SEEN_REPLY" : "", seen && assured ? "," : "",
                 assured ? "ASSURED" : (seen ? "" : "UNSET"));
}

void put_save_zone(Out out, const ConntrackEntry& entry) {
  if (entry.zone == 0) {
    return;
  }
  if (entry.zone_original && entry.zone_reply) {
    fmt::format_to(out, " -w {}", entry.zone);
  } else {
    fmt::format_to(out, " --{}-zone {}", entry.zone_original ? "orig" : "reply", entry.zone);
  }
}

}  // namespace

std::string conntrack_line(const ConntrackEntry& entry) {
  std::string text;
  put_common(std::back_inserter(text), entry, true);
  text += "use=1";
  return text;
}

std::string conntrack_event_line(conntrack::EventKind kind,
                                 Timestamp time,
                                 const ConntrackEntry& entry) {
  static constexpr std::array<std::string_view, 3> kTags{"[NEW]", "[UPDATE]", "[DESTROY]"};
  std::string text;
  const Out out = std::back_inserter(text);
  const std::int64_t us = time.has_value() ? time.ns() / 1000 : 0;
  fmt::format_to(out, "[{}.{:06}]\t{:>9} ", us / 1'000'000, us % 1'000'000,
                 kTags[static_cast<std::size_t>(kind)]);
  ConntrackEntry shown = entry;
  if (kind != conntrack::EventKind::kDestroy) {
    shown.counters.reset();
  }
  put_common(out, shown, false);
  return without_last_space(std::move(text));
}

std::string conntrack_save_line(const ConntrackEntry& entry) {
  const Tuple& o = entry.original;
  const Tuple& r = entry.reply;
  std::string text;
  const Out out = std::back_inserter(text);
  fmt::format_to(out, "-A -t {}", entry.timeout_seconds.value_or(0));
  put_save_status(out, entry.status);
  put_save_zone(out, entry);
  fmt::format_to(out, " -s {} -d {} -r {} -q {} -p ", to_string(o.src), to_string(o.dst),
                 to_string(r.src), to_string(r.dst));
  const std::string_view name = l4_name(o.protocol);
  if (name == "unknown") {
    fmt::format_to(out, "{}", o.protocol);
  } else {
    fmt::format_to(out, "{}", name);
  }
  put_save_ports(out, entry);
  if (const auto state = conntrack::state_name(o.protocol, entry.state); !state.empty()) {
    fmt::format_to(out, " --state {}", state);
  }
  if (o.protocol == protocol::kSctp) {
    fmt::format_to(out, " --orig-vtag {} --reply-vtag {}", entry.vtag[0], entry.vtag[1]);
  }
  return text;
}

std::string conntrack_expectation_line(const conntrack::ExpectationEvent& e,
                                       const Tuple& master) {
  return fmt::format(
      "{} proto={} src={} dst={} sport={} dport={} mask-src={} mask-dst={} sport={} dport={} "
      "master-src={} master-dst={} sport={} dport={} class=0 helper={}",
      e.timeout_seconds, e.protocol, to_string(e.tuple.src), to_string(e.tuple.dst),
      e.tuple.src_port, e.tuple.dst_port, to_string(e.mask.src), to_string(e.mask.dst),
      e.mask.src_port, e.mask.dst_port, to_string(master.src), to_string(master.dst),
      master.src_port, master.dst_port, e.helper);
}

}  // namespace natlens::report
