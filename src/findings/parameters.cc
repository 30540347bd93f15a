#include "natlens/findings/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "natlens/net/nearest.h"

namespace natlens::findings {
namespace {

// Times are in the unit that the name ends with; ratios are parts of one.
constexpr auto kParameters = std::to_array<Parameter>({
    {"pair_window_ms", "how long an image may take; 0: by the latency that was measured", 0},
    {"edge_guard_ms",
     "no claim of absence this near to the ends of a capture; 0: by pair_window", 0},
    {"loss_warn", "share of packets lost that is told of", 0.001},
    {"loss_err", "share of packets lost that is an error", 0.01},
    {"loss_least", "packets lost that are told of", 3},
    {"whole_flow_tries", "transmissions of a flow that never passed", 2},
    {"udp_answer_wait_s", "silence after a single datagram that counts as no answer", 5},
    {"timeout_slack_s", "timers run in coarse ticks: added to 2 %", 2},
    {"req_udp_s", "RFC 4787 REQ-5", 120},
    {"req_tcp_est_s", "RFC 5382 REQ-5, established", 7440},
    {"req_tcp_trans_s", "RFC 5382 REQ-5, opening and closing", 240},
    {"req_icmp_s", "RFC 5508 REQ-2", 60},
    {"req_port_reuse_s", "RFC 6888 REQ-8", 120},
    {"ct_full_ratio", "share of nf_conntrack_max above which entries are evicted", 0.95},
    {"ct_limit", "nf_conntrack_max of the box, if it is known", 0},
    {"latency_spike_ms", "transit time that is told of, if it is 20 times the median too", 20},
    {"latency_high_ms", "median transit time through one box that is told of", 5},
    {"clock_warn_ms", "difference of clocks that is told of", 100},
    {"drift_warn_ppm", "drift of clocks that is told of", 100},
    {"clash_window_us", "two first packets this near may race", 2000},
    {"mtu_min_failures", "large packets lost before a black hole is told of", 3},
    {"mss_slack", "bytes that an MSS may be too large", 0},
    {"tw_window_s", "TIME-WAIT", 240},
    {"scan_ports", "destination ports of one source in 10 s that make a scan", 10},
});

}  // namespace

Parameters::Parameters() {
  for (const Parameter& parameter : kParameters) values_.push_back(parameter.standard);
}

std::span<const Parameter> Parameters::all() {
  return kParameters;
}

Result<void> Parameters::set(std::string_view name, std::string_view value) {
  const auto found = std::find_if(kParameters.begin(), kParameters.end(),
                                  [&](const Parameter& p) { return p.name == name; });
  if (found == kParameters.end()) {
    std::vector<std::string_view> names;
    for (const Parameter& parameter : kParameters) names.push_back(parameter.name);
    const std::string near = nearest(name, names);
    return Error{fmt::format("there is no threshold {}{}", name,
                             near.empty() ? "" : fmt::format("; did you mean {}?", near))};
  }
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(number) ||
      number < 0) {
    return Error{fmt::format("{}: '{}' is no number from 0 on", name, value)};
  }
  values_[static_cast<std::size_t>(found - kParameters.begin())] = number;
  return {};
}

double Parameters::operator[](std::string_view name) const {
  const auto found = std::find_if(kParameters.begin(), kParameters.end(),
                                  [&](const Parameter& p) { return p.name == name; });
  return found == kParameters.end()
             ? 0
             : values_[static_cast<std::size_t>(found - kParameters.begin())];
}

}  // namespace natlens::findings
