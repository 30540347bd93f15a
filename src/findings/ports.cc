// Ports: too few of them, and two hosts behind one.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "between.h"
#include "mapped.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes = std::to_array<std::string_view>(
    {"NAT-PORT-EXHAUSTED", "NAT-PORT-OVERLOADED", "NAT-PORT-SHARED"});

// ---- two hosts behind one external endpoint

// All that one inside connection sent through an outside one. Where two hosts share it, each
// has a stretch of it again and again.
struct User {
  Mapped flow;
  bool certain = false;
};

void report_overloaded(const Case& of, const Nat& nat, const User& one, const User& other) {
  if (!one.certain || !other.certain || !one.flow.overlaps(other.flow)) return;
  if (one.flow.internal.address == other.flow.internal.address) return;
  Draft draft = nat_draft("NAT-PORT-OVERLOADED", nat, Severity::kError);
  draft.facts = {{"external", end_text(one.flow.external)},
                 {"remote", end_text(one.flow.far)},
                 {"internal", {end_text(one.flow.internal), end_text(other.flow.internal)}}};
  draft.text = fmt::format(
      "{} and {} are both {} towards {} {} at the same time: answers cannot be told apart",
      end_text(one.flow.internal), end_text(other.flow.internal), end_text(one.flow.external),
      protocol_name(one.flow.protocol), end_text(one.flow.far));
  show(of.picture, one.flow.translation, Role::kCause, draft);
  show(of.picture, other.flow.translation, Role::kCause, draft);
  of.report.raise(std::move(draft));
}

void report_overloads(const Case& of, const Nat& nat, const std::vector<Mapped>& flows) {
  std::map<std::uint32_t, std::map<std::uint32_t, User>> by_outside;
  for (const Mapped& flow : flows) {
    const Translation& t = of.picture.translations()[flow.translation];
    User& user = by_outside[t.outside].try_emplace(t.inside, User{flow}).first->second;
    user.flow.start = std::min(user.flow.start, flow.start);
    user.flow.end = std::max(user.flow.end, flow.end);
    user.certain = user.certain ||
                   (t.confidence == correlate::Confidence::kCertain && t.packets[0].both != 0);
  }
  for (const auto& [outside, users] : by_outside) {
    for (auto one = users.begin(); one != users.end(); ++one) {
      for (auto other = std::next(one); other != users.end(); ++other) {
        report_overloaded(of, nat, one->second, other->second);
      }
    }
  }
}

void report_shared(const Case& of, const Nat& nat, const Mapped& one, const Mapped& other) {
  Draft draft = nat_draft("NAT-PORT-SHARED", nat, Severity::kInfo);
  draft.facts = {{"external", end_text(one.external)},
                 {"internal", {end_text(one.internal), end_text(other.internal)}},
                 {"remote", {end_text(one.far), end_text(other.far)}}};
  draft.text = fmt::format(
      "{} is {} towards {} and {} towards {} at the same time: address and port alone do not "
      "tell the host",
      end_text(one.external), end_text(one.internal), end_text(one.far),
      end_text(other.internal), end_text(other.far));
  show(of.picture, one.translation, Role::kExample, draft);
  show(of.picture, other.translation, Role::kExample, draft);
  of.report.raise(std::move(draft));
}

// Flows of one external endpoint that were there at once and belong to different hosts.
void report_shares(const Case& of, const Nat& nat, const std::vector<Mapped>& flows) {
  constexpr std::size_t kLookBack = 16;
  std::map<std::pair<std::uint8_t, Endpoint>, std::vector<const Mapped*>> by_external;
  for (const Mapped& flow : flows) {
    auto& list = by_external[{flow.protocol, flow.external}];
    for (std::size_t i = list.size() > kLookBack ? list.size() - kLookBack : 0; i < list.size();
         ++i) {
      const Mapped& other = *list[i];
      if (other.internal.address == flow.internal.address || !other.overlaps(flow)) continue;
      if (other.far != flow.far) report_shared(of, nat, other, flow);
    }
    list.push_back(&flow);
  }
}

// ---- no port is left

// Ports of one external address that were handed out, by protocol.
struct Space {
  Address address;
  std::uint8_t protocol = 0;
  std::uint16_t low = 65535;
  std::uint16_t high = 0;
  std::uint64_t changed = 0;  // flows whose port the NAT chose itself
  std::size_t capacity() const { return high < low ? 0 : std::size_t{high} - low + 1; }
};

std::vector<Space> spaces_of(const std::vector<Mapped>& flows) {
  std::map<std::pair<Address, std::uint8_t>, Space> spaces;
  for (const Mapped& flow : flows) {
    if (flow.protocol != protocol::kTcp && flow.protocol != protocol::kUdp) continue;
    Space& space = spaces[{flow.external.address, flow.protocol}];
    space.address = flow.external.address;
    space.protocol = flow.protocol;
    space.low = std::min(space.low, flow.external.port);
    space.high = std::max(space.high, flow.external.port);
    space.changed += !flow.preserved();
  }
  std::vector<Space> out;
  for (const auto& [key, space] : spaces) out.push_back(space);
  return out;
}

// What holds a port at that moment: until it was silent for so long that no NAT keeps it.
bool holds(const Case& of, const Mapped& flow, Timestamp time) {
  constexpr Nanoseconds kKept = std::chrono::seconds(20);
  const Translation& t = of.picture.translations()[flow.translation];
  const Connection& outside = of.picture.connections()[t.outside];
  return flow.start <= time && time <= std::max(flow.end, outside.last) + kKept;
}

struct Shortage {
  std::set<std::uint16_t> used;
  std::vector<const Mapped*> holders;
  const Mapped* control = nullptr;  // began later, elsewhere, with a port of the same range
  Timestamp oldest = Timestamp::max();
};

// The ports in use towards `far` when `time` came, or towards all (an empty one).
Shortage shortage(const Case& of,
                  const std::vector<Mapped>& flows,
                  const Space& space,
                  const Endpoint* far,
                  Timestamp time) {
  Shortage out;
  for (const Mapped& flow : flows) {
    if (flow.protocol != space.protocol || flow.external.address != space.address) continue;
    const bool inside_scope = far == nullptr || flow.far == *far;
    if (inside_scope && holds(of, flow, time)) {
      out.used.insert(flow.external.port);
      out.holders.push_back(&flow);
      out.oldest = std::min(out.oldest, flow.start);
    }
    if (!inside_scope && flow.start >= time && out.control == nullptr) out.control = &flow;
  }
  return out;
}

// A port of the range was given twice: so the range ends there, and is not merely what a
// counter reached.
bool wrapped(const Shortage& shortage) {
  return shortage.control != nullptr && shortage.used.contains(shortage.control->external.port);
}

// Nothing towards that end got through between this time and the end of the try.
bool contradicted(const std::vector<Mapped>& flows, const Endpoint& far, const LostFlow& lost) {
  const Timestamp from = lost.tries.frames.front().time;
  const Timestamp to = lost.tries.frames.back().time;
  return std::any_of(flows.begin(), flows.end(), [&](const Mapped& flow) {
    return flow.far == far && flow.start > from && flow.start <= to;
  });
}

void report_exhausted(const Case& of, const Nat& nat, const std::vector<Mapped>& flows) {
  constexpr double kUsedShare = 0.95;
  constexpr std::size_t kLeastPorts = 4;
  const Picture& picture = of.picture;
  if (!picture.complete()) return;  // not all holders of ports are known
  const auto spaces = spaces_of(flows);
  for (const LostFlow& lost :
       lost_flows(of, {&nat, nat.inside_tap, nat.outside_tap}, "NAT-PORT-EXHAUSTED")) {
    const Connection& c = picture.connections()[lost.connection];
    const Endpoint far = destination(c.original);
    const auto space = std::find_if(spaces.begin(), spaces.end(), [&](const Space& s) {
      return s.protocol == c.original.protocol;
    });
    if (space == spaces.end() || space->capacity() < kLeastPorts || space->changed == 0)
      continue;
    const bool several = std::any_of(std::next(space), spaces.end(), [&](const Space& s) {
      return s.protocol == space->protocol;
    });
    if (several || contradicted(flows, far, lost)) continue;
    const Shortage found = shortage(of, flows, *space, &far, c.start);
    const auto share =
        static_cast<double>(found.used.size()) / static_cast<double>(space->capacity());
    if (share < kUsedShare || !wrapped(found)) continue;
    Draft draft = nat_draft("NAT-PORT-EXHAUSTED", nat, Severity::kError);
    draft.variant = "destination";
    draft.confidence = lost.absence.at_most(Confidence::kLikely);
    draft.facts = {{"scope", fmt::format("{} {} towards {}", to_string(space->address),
                                         protocol_name(space->protocol), end_text(far))},
                   {"in_use", found.used.size()},
                   {"capacity", space->capacity()},
                   {"ports", fmt::format("{}-{}", space->low, space->high)},
                   {"failed", lost.tries.count},
                   {"succeeded_elsewhere", end_text(found.control->far)},
                   {"oldest_mapping_s", seconds_of(c.start - found.oldest)},
                   {"ports_used_share", kUsedShare}};
    draft.text = fmt::format(
        "{}: nothing left the NAT, where all {} ports of {} towards {} were in use; {} got one "
        "towards {} at the same time",
        flow_text(c.original), space->capacity(), to_string(space->address), end_text(far),
        end_text(found.control->internal), end_text(found.control->far));
    for (const FrameRef& frame : lost.tries.frames) draft.frame(Role::kCause, frame);
    draft.missing(nat.outside_tap, c.start);
    draft.connections.push_back(lost.connection);
    draft.frame(
        Role::kControl,
        frame_at(picture, picture.translations()[found.control->translation], nat.outside_tap));
    of.report.raise(std::move(draft));
  }
}

void run(const Case& of) {
  for (const Nat& nat : of.picture.nats()) {
    if (!is_nat(nat.relation) || nat.inside_tap == nat.outside_tap) continue;
    const auto flows = mapped_by(of.picture, nat);
    report_overloads(of, nat, flows);
    report_shares(of, nat, flows);
    report_exhausted(of, nat, flows);
  }
}

}  // namespace

const Family kPorts{kCodes, run};

}  // namespace natlens::findings
