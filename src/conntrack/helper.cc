#include "helper.h"

#include <algorithm>
#include <array>

namespace natlens::conntrack {
namespace {

constexpr auto kHelpers = std::to_array<HelperInfo>({
    {HelperKind::kFtp, "ftp", protocol::kTcp, 21},
    {HelperKind::kTftp, "tftp", protocol::kUdp, 69},
    {HelperKind::kSip, "sip", protocol::kUdp, 5060},
    {HelperKind::kIrc, "irc", protocol::kTcp, 6667},
    {HelperKind::kPptp, "pptp", protocol::kTcp, 1723},
    {HelperKind::kAmanda, "amanda", protocol::kUdp, 10080},
    {HelperKind::kSane, "sane", protocol::kTcp, 6566},
    {HelperKind::kNetbiosNs, "netbios-ns", protocol::kUdp, 137},
    {HelperKind::kSnmp, "snmp", protocol::kUdp, 161},
});
static_assert(kHelpers.size() + 1 == static_cast<std::size_t>(HelperKind::kCount));

}  // namespace

std::span<const HelperInfo> helpers() {
  return kHelpers;
}

const HelperInfo* find_helper(std::string_view name) {
  const auto* found = std::find_if(kHelpers.begin(), kHelpers.end(),
                                   [&](const HelperInfo& h) { return h.name == name; });
  return found == kHelpers.end() ? nullptr : found;
}

std::string_view helper_name(HelperKind kind) {
  for (const HelperInfo& helper : kHelpers) {
    if (helper.kind == kind) {
      return helper.name;
    }
  }
  return {};
}

}  // namespace natlens::conntrack
