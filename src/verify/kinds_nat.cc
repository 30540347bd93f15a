// Promises about translations: translate, forward, no-forward, undone.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "kinds.h"

namespace natlens::verify {
namespace {

bool routed(const Flow& flow) {
  return flow.kind != Kind::kBridged && flow.kind != Kind::kTunnel && flow.kind != Kind::kProxy;
}

bool fits(const Value& end, const Address& address, std::uint16_t port, std::uint8_t protocol) {
  return end.addresses.contains(address) && (!has_ports(protocol) || end.ports.contains(port));
}

std::string end_text(const Value& end) {
  return end.ports.ranges.empty() ? to_text(end.addresses)
                                  : to_text(end.addresses) + ":" + to_text(end.ports);
}

// Did the other side capture at that time, so that something is missing there?
bool expected_elsewhere(const Context& c, const Alone& alone) {
  return alone.in_time && (c.policy.complete || c.scene.taps.size() > 1);
}

struct ForwardCheck {
  const Context& c;
  const Assertion& a;
  Outcome& o;
  const Value& listen;
  const Value& target;

  bool to_us(const Sight& s) const {
    return in_scope(c, a, s) && fits(listen, s.tuple.dst, s.tuple.dst_port, s.tuple.protocol);
  }
  void crossed(const Flow& flow) const {
    ++o.subjects;
    const Tuple& after = flow.left.tuple;
    Counterexample e = example_of(c, flow);
    e.expected = "to " + end_text(target);
    if (!fits(target, after.dst, after.dst_port, after.protocol)) {
      e.got = "to " + destination_text(after);
      e.violation = "wrong-target";
    } else if (a.flag("keep-source", false) && !flow.entered_inside &&
               after.src != flow.entered.tuple.src) {
      e.expected = "source kept";
      e.got = "from " + source_text(after);
      e.violation = "source-rewritten";
    } else if (a.flag("answered", true) && flow.entered.replies == 0) {
      e.expected += ", answered";
      e.got =
          flow.left.replies > 0 ? "answered, and the answer did not come back" : "not answered";
      e.violation = "dead";
      o.finding = "NAT-FORWARD-DEAD";
    } else {
      return;
    }
    violate(c, o, std::move(e));
  }
  void stayed(const Alone& alone) const {
    ++o.subjects;
    Counterexample e = example_of(c, alone.sight);
    e.expected = "to " + end_text(target);
    e.got = alone.sight.replies > 0 ? "answered by the router itself, not forwarded"
                                    : "not forwarded";
    e.violation = "dead";
    o.finding = "NAT-FORWARD-DEAD";
    violate(c, o, std::move(e));
  }
};

}  // namespace

Judged judge_translate(const Context& c, const Assertion& a, Outcome& o) {
  const Value& as = *a.find("as");
  const Value* ports = a.find("ports");
  const std::string expected =
      to_text(as.addresses) + (ports != nullptr ? ":" + to_text(ports->ports) : "");
  std::set<std::pair<std::int64_t, Address>> reached;
  for (const Flow& flow : c.scene.flows) {
    if (!routed(flow) || flow.entered.tap == flow.left.tap || !in_scope(c, a, flow.entered))
      continue;
    const Tuple& after = flow.left.tuple;
    ++o.subjects;
    reached.insert({flow.entered.tap, flow.entered.tuple.dst});
    const bool port_fits =
        ports == nullptr || !has_ports(after.protocol) || ports->ports.contains(after.src_port);
    if (as.addresses.contains(after.src) && port_fits) continue;
    Counterexample e = example_of(c, flow);
    const bool same = after.src == flow.entered.tuple.src;
    e.expected = expected;
    e.got = fmt::format("left as {}{}", source_text(after), same ? ", untranslated" : "");
    e.violation = same ? "untranslated" : "wrong-source";
    if (same) o.finding = "LEAK-PRIVATE-SOURCE";
    if (same && flow.left.untracked) {
      e.why =
          "no entry at this tap: a packet that tracking refuses (INVALID) is not translated";
    }
    violate(c, o, std::move(e));
  }
  for (const Alone& alone : c.scene.alone) {
    const Sight& s = alone.sight;
    const bool known = reached.contains({s.tap, s.tuple.dst}) || c.policy.complete;
    if (!in_scope(c, a, s) || !known || !expected_elsewhere(c, alone) || s.packets < 2 ||
        s.tuple.dst.is_multicast()) {
      continue;
    }
    ++o.subjects;
    Counterexample e = example_of(c, s);
    e.expected = expected;
    e.got = "no image at another tap";
    e.violation = "no-image";
    violate(c, o, std::move(e));
  }
  if (o.violations > 0) {
    o.message = fmt::format("{} of {} not translated into {}", o.violations,
                            amount(o.subjects, "flows"), to_text(as.addresses));
  }
  o.needs = "a connection from there to the other side";
  return {};
}

Judged judge_forward(const Context& c, const Assertion& a, Outcome& o) {
  const ForwardCheck check{c, a, o, *a.find("listen"), *a.find("target")};
  for (const Flow& flow : c.scene.flows) {
    if (routed(flow) && check.to_us(flow.entered)) check.crossed(flow);
  }
  for (const Alone& alone : c.scene.alone) {
    if (check.to_us(alone.sight) && expected_elsewhere(c, alone) && !alone.sight.untracked) {
      check.stayed(alone);
    }
  }
  o.unit = "connections";
  o.needs = fmt::format("connect to {} from outside", end_text(*a.find("listen")));
  return {};
}

Judged judge_no_forward(const Context& c, const Assertion& a, Outcome& o) {
  const auto published = [&](const Tuple& tuple) {
    const Value* except = a.find("except");
    if (except != nullptr && except->addresses.contains(tuple.dst)) return true;
    return std::any_of(
        c.policy.assertions.begin(), c.policy.assertions.end(), [&](const Assertion& other) {
          return other.kind == "forward" &&
                 fits(*other.find("listen"), tuple.dst, tuple.dst_port, tuple.protocol);
        });
  };
  // Addresses that the outside shows for the inside: what is sent to them is a try.
  std::set<Address> external;
  std::set<std::int64_t> outer;
  for (const Flow& flow : c.scene.flows) {
    if (!routed(flow) || flow.kind == Kind::kRouted || flow.entered.tap == flow.left.tap)
      continue;
    outer.insert(flow.outside().tap);
    external.insert(flow.entered_inside ? flow.left.tuple.src : flow.entered.tuple.dst);
  }
  const auto is_try = [&](const Sight& s) {
    return outer.contains(s.tap) && external.contains(s.tuple.dst) && in_scope(c, a, s) &&
           !published(s.tuple);
  };
  for (const Flow& flow : c.scene.flows) {
    if (!routed(flow) || flow.entered_inside || flow.entered.tap == flow.left.tap ||
        flow.entered.expected || !outer.contains(flow.entered.tap) ||
        !in_scope(c, a, flow.entered) || published(flow.entered.tuple)) {
      continue;
    }
    ++o.subjects;
    Counterexample e = example_of(c, flow);
    e.expected = "not forwarded";
    e.got = "reached " + destination_text(flow.left.tuple);
    e.violation = "published";
    violate(c, o, std::move(e));
  }
  for (const Alone& alone : c.scene.alone) {
    if (is_try(alone.sight) && !alone.sight.untracked) ++o.subjects;
  }
  o.unit = "tries";
  if (o.subjects == 0) o.message = "no unsolicited connection from outside was seen";
  o.needs = "scan the external address from outside";
  return {};
}

Judged judge_undone(const Context& c, const Assertion& a, Outcome& o) {
  for (const Flow& flow : c.scene.flows) {
    if (!routed(flow) || flow.kind == Kind::kRouted || !in_scope(c, a, flow.entered)) continue;
    if (flow.left.replies == 0) continue;
    ++o.subjects;
    if (flow.entered.replies > 0) continue;
    Counterexample e = example_of(c, flow);
    e.expected = fmt::format("answers from {}", destination_text(flow.entered.tuple));
    e.got = fmt::format("{} answers outside, none inside", flow.left.replies);
    e.violation = "not-undone";
    o.finding = "NAT-REPLY-UNTRANSLATED";
    violate(c, o, std::move(e));
  }
  o.unit = "answered flows";
  o.needs = "a connection that the far end answers";
  return {};
}

}  // namespace natlens::verify
