// Options that stand for rules (helpers, zones, notrack), and kernel versions.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "natlens/net/nearest.h"

#include "helper.h"
#include "options_values.h"

namespace natlens::conntrack {
namespace {

struct KernelVersion {
  std::string_view name;
  KernelRows rows;
};

constexpr KernelRows up_to_5_10() {
  KernelRows rows;
  rows.rst_in_closing_unchecked = false;
  rows.destroy_carries_state = false;
  rows.syn_retransmit_no_refresh = false;
  rows.ignore_invalid_rst_known = false;
  rows.automatic_helpers = true;
  rows.old_segments_pass = false;
  rows.invalid_lowers_timeout = false;
  rows.rst_after_syn_from_other_side = false;
  rows.sctp_init_collision = false;
  rows.dccp_tracked = true;
  return rows;
}
constexpr KernelRows up_to_5_15() {
  KernelRows rows = up_to_5_10();
  rows.rst_in_closing_unchecked = true;
  rows.destroy_carries_state = true;
  rows.syn_retransmit_no_refresh = true;
  rows.ignore_invalid_rst_known = true;
  return rows;
}
constexpr KernelRows from_6_1() {
  KernelRows rows;
  rows.dccp_tracked = true;
  return rows;
}

constexpr auto kKernels = std::to_array<KernelVersion>({
    {"5.10", up_to_5_10()},
    {"5.15", up_to_5_15()},
    {"6.1", from_6_1()},
    {"6.6", from_6_1()},
    {"6.12", from_6_1()},
    {"6.18", KernelRows()},
});

Error bad_helper(std::string_view spec, std::string_view why) {
  return {fmt::format("helper '{}': {}", spec, why)};
}

Error unknown_helper(std::string_view name) {
  if (name == "h323" || name == "Q.931" || name == "RAS") {
    return {"helper 'h323': not built; its connections are tracked one by one"};
  }
  std::vector<std::string_view> names;
  for (const HelperInfo& helper : helpers()) {
    names.push_back(helper.name);
  }
  const std::string near = nearest(name, names);
  return {fmt::format("unknown helper '{}'{}", name,
                      near.empty() ? fmt::format("; known are {}", fmt::join(names, ", "))
                                   : fmt::format("; did you mean {}?", near))};
}

}  // namespace

Result<void> Options::add_helper(std::string_view spec) {
  const auto equals = spec.find('=');
  const auto name = spec.substr(0, equals);
  const HelperInfo* helper = find_helper(name);
  if (helper == nullptr) {
    return unknown_helper(name);
  }
  HelperRule rule{helper->kind, helper->protocol, helper->port};
  if (equals != std::string_view::npos) {
    auto selector = parse_selector(spec.substr(equals + 1));
    if (!selector) {
      return bad_helper(spec, selector.error().message);
    }
    if (!selector->protocol || !selector->port || selector->address.family() != Family::kNone) {
      return bad_helper(spec, "write NAME=PROTO/PORT, for example ftp=tcp/2121");
    }
    if (*selector->protocol != helper->protocol &&
        !(helper->kind == HelperKind::kSip && *selector->protocol == protocol::kTcp)) {
      return bad_helper(spec, fmt::format("{} speaks {} only", helper->name,
                                          protocol_name(helper->protocol)));
    }
    rule.protocol = *selector->protocol;
    rule.port = *selector->port;
  }
  own().helpers.push_back(rule);
  return {};
}

Result<void> Options::add_zone(std::string_view spec) {
  ZoneRule rule;
  std::string_view rest = spec;
  if (rest.starts_with("orig:")) {
    rule.reply = false;
    rest.remove_prefix(5);
  } else if (rest.starts_with("reply:")) {
    rule.original = false;
    rest.remove_prefix(6);
  }
  const auto equals = rest.find('=');
  const auto number = rest.substr(0, equals);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), rule.zone);
  if (equals == std::string_view::npos || error != std::errc() ||
      end != number.data() + number.size()) {
    return Error{
        fmt::format("zone '{}': write ZONE=SELECTOR, for example 5=10.0.0.2; zones are 0 "
                    "to 65535",
                    spec)};
  }
  auto selector = parse_selector(rest.substr(equals + 1));
  if (!selector) {
    return Error{fmt::format("zone '{}': {}", spec, selector.error().message)};
  }
  rule.selector = *selector;
  own().zones.push_back(rule);
  return {};
}

Result<void> Options::add_notrack(std::string_view text) {
  auto selector = parse_selector(text);
  if (!selector) {
    return Error{fmt::format("notrack '{}': {}", text, selector.error().message)};
  }
  own().notrack.push_back(*selector);
  return {};
}

void Options::expect_partial_zones() {
  own().partial_zones = true;
}

void Options::set_most_entries(std::uint32_t entries) {
  own().most_entries = entries;
}

Result<void> Options::set_kernel(std::string_view version) {
  for (const KernelVersion& kernel : kKernels) {
    if (kernel.name == version) {
      own().kernel = kernel.rows;
      own().kernel_name = std::string(version);
      return {};
    }
  }
  std::vector<std::string_view> names;
  for (const KernelVersion& kernel : kKernels) {
    names.push_back(kernel.name);
  }
  return Error{
      fmt::format("unknown kernel '{}'; known are {}", version, fmt::join(names, ", "))};
}

}  // namespace natlens::conntrack
