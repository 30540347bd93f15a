#include "helper.h"

#include <algorithm>
#include <array>

namespace natlens::conntrack {
namespace {

struct Row {
  HelperInfo info;
  Help help;
  HelperLimits limits;
};

constexpr auto kRows = std::to_array<Row>({
    {{HelperKind::kFtp, "ftp", protocol::kTcp, 21}, help_ftp, {1, 300}},
    {{HelperKind::kTftp, "tftp", protocol::kUdp, 69}, help_tftp, {1, 300}},
    {{HelperKind::kSip, "sip", protocol::kUdp, 5060}, help_sip, {1, 180}},
    {{HelperKind::kIrc, "irc", protocol::kTcp, 6667}, help_irc, {8, 300}},
    {{HelperKind::kPptp, "pptp", protocol::kTcp, 1723}, help_pptp, {2, 300}},
    {{HelperKind::kAmanda, "amanda", protocol::kUdp, 10080}, help_amanda, {4, 180}},
    {{HelperKind::kSane, "sane", protocol::kTcp, 6566}, help_sane, {1, 300}},
    {{HelperKind::kNetbiosNs, "netbios-ns", protocol::kUdp, 137}, help_netbios_ns, {1, 3}},
    {{HelperKind::kSnmp, "snmp", protocol::kUdp, 161}, help_snmp, {1, 30}},
});
static_assert(kRows.size() + 1 == static_cast<std::size_t>(HelperKind::kCount));

constexpr std::array<HelperInfo, kRows.size()> infos() {
  std::array<HelperInfo, kRows.size()> out{};
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    out[i] = kRows[i].info;
  }
  return out;
}
constexpr auto kInfos = infos();

// REQUIRES: not kNone. The rows are in the order of the enumeration.
const Row& row_of(HelperKind kind) {
  return kRows[static_cast<std::size_t>(kind) - 1];
}

}  // namespace

std::span<const HelperInfo> helpers() {
  return kInfos;
}

const HelperInfo* find_helper(std::string_view name) {
  const auto* found = std::find_if(kInfos.begin(), kInfos.end(),
                                   [&](const HelperInfo& h) { return h.name == name; });
  return found == kInfos.end() ? nullptr : found;
}

std::string_view helper_name(HelperKind kind) {
  return kind == HelperKind::kNone ? std::string_view() : row_of(kind).info.name;
}

HelperLimits helper_limits(HelperKind kind, ExpectClass expect_class) {
  HelperLimits limits = row_of(kind).limits;
  switch (expect_class) {
    case ExpectClass::kAudio:
    case ExpectClass::kVideo:
      limits.most = 4;
      break;
    case ExpectClass::kImage:
      limits.most = 2;
      break;
    default:
      break;
  }
  return limits;
}

Help help_of(HelperKind kind) {
  return row_of(kind).help;
}

Tuple HelperPacket::own() const {
  const Entry& entry = table[record];
  return direction == Direction::kOriginal ? entry.original : table.reply_of(entry);
}

Tuple HelperPacket::other() const {
  const Entry& entry = table[record];
  return direction == Direction::kOriginal ? table.reply_of(entry) : entry.original;
}

std::uint16_t HelperPacket::announce_translated(Announcement a, Direction follow) {
  constexpr unsigned kMostTries = 128;
  const std::uint16_t wanted = a.dst_port;
  const unsigned range = 65535U - wanted;
  a.follows = true;
  a.follow_direction = follow;
  a.saved_port = wanted;
  for (unsigned left = std::min(range, kMostTries);; --left) {
    const Announced announced = expectations.announce(record, a);
    if (announced == Announced::kMade) {
      return a.dst_port;
    }
    if (announced != Announced::kRefused || left == 0) {
      return 0;
    }
    a.dst_port = static_cast<std::uint16_t>(wanted + nat.way->random() % range);
  }
}

std::array<std::uint32_t, 8>& HelperPacket::memory() {
  return table.extension(table[record]).helper_data;
}

}  // namespace natlens::conntrack
