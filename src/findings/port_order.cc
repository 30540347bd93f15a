// The ways in which a NAT hands out ports: parity, order, blocks for subscribers.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "between.h"
#include "mapped.h"
#include "rules.h"
#include "words.h"

namespace natlens::findings {
namespace {

constexpr auto kCodes =
    std::to_array<std::string_view>({"NAT-PORT-PARITY", "NAT-PORT-PREDICTABLE", "CGN-BLOCK"});

std::string where(const Case& of, const Nat& nat) {
  return fmt::format("the NAT between {} and {}", of.picture.name(nat.inside_tap),
                     of.picture.name(nat.outside_tap));
}

void report_parity(const Case& of, const Nat& nat, std::uint8_t protocol) {
  struct Question {
    std::string_view property;
    std::string_view bad;
    std::string_view variant;
    std::string_view words;
  };
  constexpr auto kQuestions = std::to_array<Question>(
      {{"port_parity", "not kept", "parity", "does not keep ports even or odd"},
       {"port_contiguity", "not kept", "contiguity",
        "does not keep neighbouring ports (RTP and RTCP) together"}});
  for (const Question& question : kQuestions) {
    const Behaviour* row = behaviour_of(of.picture, nat, protocol, question.property);
    if (row == nullptr || row->value != question.bad) continue;
    Draft draft = nat_draft("NAT-PORT-PARITY", nat, Severity::kInfo);
    draft.variant = question.variant;
    draft.confidence = confidence_of(*row);
    draft.count = row->evidence_for;
    draft.facts = {{"protocol", protocol_name(protocol)},
                   {"kept", row->evidence_against},
                   {"total", row->evidence_for + row->evidence_against}};
    draft.text = fmt::format("{} {}: {}", where(of, nat), question.words, row->detail);
    for (const std::int64_t id : row->examples) {
      const std::uint32_t t = of.picture.translation(id);
      if (t != kNone) show(of.picture, t, Role::kExample, draft);
    }
    of.report.raise(std::move(draft));
  }
}

// System ports that became user ports, or the reverse.
void report_range(const Case& of, const Nat& nat, const std::vector<Mapped>& flows) {
  constexpr std::uint16_t kFirstUserPort = 1024;
  for (const Mapped& flow : flows) {
    if (flow.protocol != protocol::kTcp && flow.protocol != protocol::kUdp) continue;
    if ((flow.internal.port < kFirstUserPort) == (flow.external.port < kFirstUserPort))
      continue;
    Draft draft = nat_draft("NAT-PORT-PARITY", nat, Severity::kInfo);
    draft.variant = "range";
    draft.facts = {{"protocol", protocol_name(flow.protocol)},
                   {"internal", end_text(flow.internal)},
                   {"external", end_text(flow.external)}};
    draft.text = fmt::format("{} gave {} {}: the port left the range 0-1023 or 1024-65535",
                             where(of, nat), end_text(flow.internal), end_text(flow.external));
    show(of.picture, flow.translation, Role::kExample, draft);
    of.report.raise(std::move(draft));
  }
}

void report_predictable(const Case& of, const Nat& nat, std::uint8_t protocol) {
  const Behaviour* row = behaviour_of(of.picture, nat, protocol, "port_order");
  if (row == nullptr || row->value != "sequential") return;
  Draft draft = nat_draft("NAT-PORT-PREDICTABLE", nat, Severity::kInfo);
  draft.confidence = confidence_of(*row);
  draft.variant = protocol_name(protocol);
  draft.count = row->evidence_for;
  draft.facts = {{"steps_of_one_or_two", row->evidence_for},
                 {"others", row->evidence_against},
                 {"detail", row->detail}};
  draft.text = fmt::format("{} hands out {} ports one after the other: {}", where(of, nat),
                           protocol_name(protocol), row->detail);
  for (const std::int64_t id : row->examples) {
    const std::uint32_t t = of.picture.translation(id);
    if (t != kNone) show(of.picture, t, Role::kExample, draft);
  }
  of.report.raise(std::move(draft));
}

// ---- blocks of ports

std::size_t block_size(const Behaviour& row) {
  constexpr std::string_view kPrefix = "blocks of ";
  std::size_t size = 0;
  if (row.value.starts_with(kPrefix)) {
    std::from_chars(row.value.data() + kPrefix.size(), row.value.data() + row.value.size(),
                    size);
  }
  return size;
}

// The most ports of a subscriber in use at once, by address.
std::map<Address, std::size_t> most_used(const std::vector<Mapped>& flows) {
  struct Change {
    Timestamp time;
    int step;  // an end sorts before a beginning
    Endpoint external;
    std::uint8_t protocol;
    auto operator<=>(const Change&) const = default;
  };
  std::map<Address, std::vector<Change>> changes;
  for (const Mapped& flow : flows) {
    if (flow.protocol != protocol::kTcp && flow.protocol != protocol::kUdp) continue;
    auto& list = changes[flow.internal.address];
    list.push_back({flow.start, 1, flow.external, flow.protocol});
    list.push_back({flow.end, -1, flow.external, flow.protocol});
  }
  std::map<Address, std::size_t> out;
  for (auto& [address, list] : changes) {
    std::sort(list.begin(), list.end());
    std::map<std::pair<std::uint8_t, Endpoint>, int> used;
    std::size_t& most = out[address];
    for (const Change& change : list) {
      const auto at = used.try_emplace({change.protocol, change.external}, 0).first;
      at->second += change.step;
      if (at->second == 0) used.erase(at);
      most = std::max(most, used.size());
    }
  }
  return out;
}

void report_blocks(const Case& of,
                   const Nat& nat,
                   const std::vector<Mapped>& flows,
                   std::uint8_t protocol) {
  constexpr double kFull = 0.95;
  const Behaviour* row = behaviour_of(of.picture, nat, protocol, "port_blocks");
  if (row == nullptr || !row->value.starts_with("blocks")) return;
  const std::size_t size = block_size(*row);
  Draft draft = nat_draft("CGN-BLOCK", nat, Severity::kInfo);
  draft.confidence = confidence_of(*row);
  draft.count = row->evidence_for;
  draft.facts = {{"block_size", size}, {"subscribers", row->evidence_for}};
  draft.facts["evidence_ports"] = row->detail;
  draft.text = fmt::format("{} gives each subscriber a block of ports{}: {}", where(of, nat),
                           size == 0 ? "" : fmt::format(" of {} or more", size), row->detail);
  for (const std::int64_t id : row->examples) {
    const std::uint32_t t = of.picture.translation(id);
    if (t != kNone) show(of.picture, t, Role::kExample, draft);
  }
  Draft full = draft;
  of.report.raise(std::move(draft));
  for (const auto& [address, most] : most_used(flows)) {
    if (size == 0 || static_cast<double>(most) < kFull * static_cast<double>(size)) continue;
    full.variant = "full";
    full.severity = Severity::kWarning;
    full.facts["subscriber"] = to_string(address);
    full.facts["in_use"] = most;
    full.facts["block_full_share"] = kFull;
    full.text = fmt::format("{} used {} of the {} ports of its block at once",
                            to_string(address), most, size);
    of.report.raise(full);
  }
}

void run(const Case& of) {
  for (const Nat& nat : of.picture.nats()) {
    if (!is_nat(nat.relation) || nat.inside_tap == nat.outside_tap) continue;
    const auto flows = mapped_by(of.picture, nat);
    report_range(of, nat, flows);
    for (const std::uint8_t protocol : protocols_of(of.picture, nat)) {
      report_parity(of, nat, protocol);
      report_predictable(of, nat, protocol);
      report_blocks(of, nat, flows, protocol);
    }
  }
}

}  // namespace

const Family kPortOrder{kCodes, run};

}  // namespace natlens::findings
