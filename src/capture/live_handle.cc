#include "live_handle.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "natlens/net/nearest.h"

#include "link_hints.h"

namespace natlens::capture {
namespace {

// What libpcap can capture from that the kernel calls an interface, and "any".
std::vector<std::string> interfaces() {
  std::vector<std::string> names;
  pcap_if_t* all = nullptr;
  char why[PCAP_ERRBUF_SIZE] = {};
  if (pcap_findalldevs(&all, why) != 0) return names;
  constexpr bpf_u_int32 kPseudo = PCAP_IF_WIRELESS | PCAP_IF_UP | PCAP_IF_RUNNING;
  for (const pcap_if_t* one = all; one != nullptr; one = one->next) {
    const std::string_view name = one->name;
    // Bluetooth, USB and netfilter queues have no packets of ours.
    const bool special = (one->flags & kPseudo) == 0 ||
                         name.starts_with("bluetooth") || name.starts_with("dbus") ||
                         name.starts_with("nf") || name.starts_with("usbmon");
    if (!special || name == "any") names.emplace_back(name);
  }
  pcap_freealldevs(all);
  return names;
}

Error no_such_interface(const std::string& interface) {
  const auto names = interfaces();
  const std::string near =
      nearest(interface, std::vector<std::string_view>(names.begin(), names.end()));
  return Error{fmt::format("{}: there is no such interface{}; there are {}", interface,
                           near.empty() ? "" : fmt::format("; did you mean {}?", near),
                           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")))};
}

Error cannot_activate(const std::string& interface, pcap_t* handle, int status) {
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return no_such_interface(interface);
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return Error{
          fmt::format("{}: no permission to capture; run it as root, or give it what it needs: "
                      "setcap cap_net_raw+ep \"$(command -v natlens)\"",
                      interface)};
    case PCAP_ERROR_IFACE_NOT_UP:
      return Error{
          fmt::format("{0}: is down; bring it up first: ip link set {0} up", interface)};
    default: {
      const std::string_view said = pcap_geterr(handle);
      return Error{fmt::format("{}: cannot capture: {}", interface,
                               said.empty() ? pcap_statustostr(status) : said)};
    }
  }
}

Result<void> set_filter(pcap_t* handle,
                        const std::string& interface,
                        const std::string& filter) {
  if (filter.empty()) return {};
  bpf_program program{};
  if (pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    return Error{fmt::format("{}: the filter '{}' is none: {}", interface, filter,
                             pcap_geterr(handle))};
  }
  const int set = pcap_setfilter(handle, &program);
  pcap_freecode(&program);
  if (set == 0) return {};
  return Error{fmt::format("{}: the filter cannot be set: {}", interface, pcap_geterr(handle))};
}

}  // namespace

Result<LiveHandle> open_handle(const std::string& interface,
                               const LiveOptions& options,
                               std::string& warning) {
  char why[PCAP_ERRBUF_SIZE] = {};
  LiveHandle handle(pcap_create(interface.c_str(), why));
  if (!handle) return Error{fmt::format("{}: cannot capture: {}", interface, why)};
  pcap_t* const pcap = handle.get();
  constexpr std::uint64_t kMost = std::numeric_limits<int>::max();
  pcap_set_snaplen(pcap, static_cast<int>(std::min<std::uint64_t>(options.snaplen, kMost)));
  pcap_set_promisc(pcap, options.promiscuous && interface != "any" ? 1 : 0);
  pcap_set_timeout(pcap, kHandOverMs);
  pcap_set_buffer_size(pcap, static_cast<int>(std::min(options.buffer_bytes, kMost)));
  pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
  const int status = pcap_activate(pcap);
  if (status < 0) return cannot_activate(interface, pcap, status);
  if (status > 0) {
    warning = fmt::format("{}: {}: {}", interface, pcap_statustostr(status), pcap_geterr(pcap));
  }
  // Only this one tells the interface of each packet.
  if (interface == "any" && pcap_set_datalink(pcap, kLinkSll2) != 0) {
    return Error{fmt::format("any: this libpcap does not tell packets of several interfaces "
                             "apart ({}); name the interfaces",
                             pcap_geterr(pcap))};
  }
  if (auto set = set_filter(pcap, interface, options.filter); !set) return set.error();
  if (pcap_setnonblock(pcap, 1, why) != 0) {
    return Error{fmt::format("{}: cannot capture: {}", interface, why)};
  }
  return handle;
}

}  // namespace natlens::capture
