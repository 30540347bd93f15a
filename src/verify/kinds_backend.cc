// Promises about load balancers: affinity, balance.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "kinds.h"

namespace natlens::verify {
namespace {

constexpr std::uint64_t kEach = 30;  // connections that a backend needs for a share to tell

// Connections whose destination the box chose: to `listen`, where it is given.
void each_chosen(const Context& c, const Assertion& a, const auto& use) {
  const Value* listen = a.find("listen");
  for (const Flow& flow : c.scene.flows) {
    const Tuple& before = flow.entered.tuple;
    if (before.dst == flow.left.tuple.dst && before.dst_port == flow.left.tuple.dst_port)
      continue;
    if (flow.kind == Kind::kTunnel || flow.kind == Kind::kProxy ||
        !in_scope(c, a, flow.entered))
      continue;
    if (listen != nullptr &&
        (!listen->addresses.contains(before.dst) || !listen->ports.contains(before.dst_port))) {
      continue;
    }
    use(flow);
  }
}

}  // namespace

Judged judge_affinity(const Context& c, const Assertion& a, Outcome& o) {
  const Value* within = a.find("within");
  std::map<std::tuple<Address, Address, std::uint16_t>, const Flow*> last;
  o.unit = "repeated connections";
  o.needs = "two connections of one client to one service";
  each_chosen(c, a, [&](const Flow& flow) {
    const Tuple& before = flow.entered.tuple;
    const Flow*& earlier = last[{before.src, before.dst, before.dst_port}];
    if (earlier != nullptr &&
        (within == nullptr || flow.start_ns - earlier->start_ns <= within->number)) {
      ++o.subjects;
      if (earlier->left.tuple.dst != flow.left.tuple.dst) {
        Counterexample e = example_of(c, flow);
        e.expected = "to " + destination_text(earlier->left.tuple) + ", as before";
        e.got = "to " + destination_text(flow.left.tuple);
        e.violation = "other-backend";
        violate(c, o, std::move(e));
      }
    }
    earlier = &flow;
  });
  return {};
}

Judged judge_balance(const Context& c, const Assertion& a, Outcome& o) {
  const Value* within = a.find("within");
  const Value* weights = a.find("weights");
  std::map<std::string, std::uint64_t> counts;
  std::map<std::string, const Flow*> example;
  std::map<std::string, double> shares;
  double all_weights = 0;
  if (weights != nullptr) {
    for (const auto& [name, weight] : weights->budget) {
      const auto known = c.policy.names.find(name);
      const std::string address = known != c.policy.names.end() && !known->second.ranges.empty()
                                      ? to_string(known->second.ranges.front().first)
                                      : name;
      shares[address] = static_cast<double>(weight);
      counts[address];
      all_weights += static_cast<double>(weight);
    }
  }
  each_chosen(c, a, [&](const Flow& flow) {
    const std::string backend = to_string(flow.left.tuple.dst);
    ++counts[backend];
    example.try_emplace(backend, &flow);
    ++o.subjects;
  });
  o.unit = "connections";
  o.needs = fmt::format("{} connections", kEach * std::max<std::size_t>(2, counts.size()));
  if (o.subjects < kEach * counts.size() || counts.size() < 2) {
    o.message = fmt::format("{} to {} backends: too few to tell",
                            amount(o.subjects, "connections"), counts.size());
    o.subjects = 0;
    return {};
  }
  const double total = static_cast<double>(o.subjects);
  double chi = 0;
  for (const auto& [backend, count] : counts) {
    const double share = all_weights > 0 ? shares[backend] / all_weights
                                         : 1.0 / static_cast<double>(counts.size());
    const double expected = share * total;
    const double got = static_cast<double>(count);
    if (expected > 0) chi += (got - expected) * (got - expected) / expected;
    const double off = std::abs(got - expected) / total * 100;
    // Without a limit: three standard deviations of a fair draw.
    const double limit = within != nullptr
                             ? within->percent + static_cast<double>(within->number)
                             : 300 * std::sqrt(share * (1 - share) / total);
    if (off <= limit) continue;
    Counterexample e;
    if (example.contains(backend)) e = example_of(c, *example[backend]);
    e.expected = fmt::format("{:.1f} % of the connections to {}", share * 100, backend);
    e.got = fmt::format("{:.1f} %", got / total * 100);
    e.violation = "share";
    violate(c, o, std::move(e));
  }
  o.message = fmt::format("{} to {} backends, chi-squared {:.2f}",
                          amount(o.subjects, "connections"), counts.size(), chi);
  return {};
}

}  // namespace natlens::verify
