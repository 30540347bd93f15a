#include "natlens/ruleset/router.h"

#include <array>
#include <utility>

#include "natlens/decode/records.h"

#include "packet_layer.h"
#include "router_impl.h"

namespace natlens::ruleset {
namespace {

using conntrack::PacketClass;

std::uint32_t state_of(PacketClass packet_class) {
  switch (packet_class) {
    case PacketClass::kNew:
      return state_bit::kNew;
    case PacketClass::kEstablished:
      return state_bit::kEstablished;
    case PacketClass::kRelated:
      return state_bit::kRelated;
    case PacketClass::kUntracked:
      return state_bit::kUntracked;
    default:
      return state_bit::kInvalid;
  }
}

}  // namespace

std::string_view to_string(Fate fate) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(Fate::kCount)> kNames{
      "forwarded", "local",    "dropped",    "clash",          "helper",   "ttl",
      "unrouted",  "fragment", "unreadable", "untranslatable", "too large"};
  return kNames[static_cast<std::size_t>(fate)];
}

Tuple translated(const Tuple& original, const Tuple& reply, std::uint32_t direction) {
  Tuple out;
  conntrack::invert(direction == 0 ? reply : original, out);
  return out;
}

Router::Impl::Impl(const Ruleset& ruleset,
                   RouterSetup given,
                   conntrack::Options options,
                   conntrack::Sink& outer)
    : rules(&ruleset),
      chains(ruleset),
      setup(std::move(given)),
      sink(outer),
      tracker((options.expect_partial_zones(), options), *this),
      chance_state(setup.seed),
      nat_v4(chains->has_nat(Family::kIpv4)),
      nat_v6(chains->has_nat(Family::kIpv6)),
      error_limit(setup.seed) {
  tracker.set_way(*this);
  add_translators();
}

// SplitMix64.
std::uint32_t Router::Impl::random() {
  std::uint64_t z = (chance_state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 16);
}

std::optional<std::uint16_t> Router::Impl::actual(const Tuple& candidate, Side side) {
  return setup.actual_port ? setup.actual_port(candidate, side == Side::kSource) : std::nullopt;
}

void Router::Impl::opened(const conntrack::Opened& o) {
  memory[o.connection] = fresh;
  if (nat_active) {
    sources.add(o.original, o.reply, o.zone, o.connection);
  }
  sink.opened(o);
}

void Router::Impl::closed(const conntrack::Closed& c) {
  sources.remove(c.connection);
  memory.erase(c.connection);
  sink.closed(c);
}

// True: go on. What the decision says of the packet is kept.
bool Router::Impl::apply(const Decision& decision) {
  if (decision.doubt != nullptr) {
    now->doubt = now->doubt == nullptr ? decision.doubt : now->doubt;
  }
  facts.mark = decision.mark;
  facts.ct_mark = decision.ct_mark;
  if (decision.verdict == VerdictKind::kDrop || decision.verdict == VerdictKind::kReject ||
      decision.verdict == VerdictKind::kUnknown) {
    now->fate = Fate::kDropped;
    now->rule = decision.rule;
    rejected = decision.verdict == VerdictKind::kReject;
    return false;
  }
  return true;
}

bool Router::Impl::hook(Hook at, std::int64_t from, std::int64_t to, Decision* found) {
  const Decision decision = chains->decide({at, ChainType::kFilter, from, to}, facts, random());
  if (found != nullptr) {
    *found = decision;
  }
  return apply(decision);
}

// Zones and notrack are chosen before tracking. False: dropped.
bool Router::Impl::before_tracking(conntrack::Packet& packet) {
  facts.state = state_bit::kInvalid;
  Decision decision;
  if (!hook(own ? Hook::kOutput : Hook::kPrerouting, kAllBelow, kTracking, &decision)) {
    return false;
  }
  if (decision.notrack) {
    now->verdict.packet_class = PacketClass::kUntracked;
  } else if (decision.zone) {
    packet.zone = decision.zone->zone;
    packet.zone_original = decision.zone->original;
    packet.zone_reply = decision.zone->reply;
  }
  return true;
}

void Router::Impl::route() {
  const auto translator = nat64_interface();
  way = translator ? Route{Route::Kind::kForward, *translator}
                   : find_route(setup.interfaces, facts.tuple.dst);
  routed = true;
  now->fate = way.kind == Route::Kind::kLocal ? Fate::kLocal : Fate::kForwarded;
  if (way.kind == Route::Kind::kForward) {
    facts.out = &setup.interfaces[way.interface].name;
  }
}

// The chains behind routing, around source NAT where the caller has put it.
bool Router::Impl::leave() {
  if (way.kind == Route::Kind::kNone) {
    now->fate = Fate::kUnrouted;
    return false;
  }
  if (way.kind == Route::Kind::kLocal) {
    return hook(Hook::kInput, kAllBelow, kAllAbove);
  }
  if (own) {
    return hook(Hook::kPostrouting, kAllBelow, kSourceNat);
  }
  if (facts.layer->ttl <= 1) {
    now->fate = Fate::kTtl;
    return false;
  }
  return hook(Hook::kForward, kAllBelow, kAllAbove) &&
         hook(Hook::kPostrouting, kAllBelow, kSourceNat);
}

void Router::Impl::replace_rules(const Ruleset& ruleset) {
  rules = &ruleset;
  chains.emplace(ruleset);
  nat_v4 = chains->has_nat(Family::kIpv4);
  nat_v6 = chains->has_nat(Family::kIpv6);
  for (auto& [connection, known] : memory) known.rule = known.doubt = nullptr;
  setup.interfaces.resize(first_nat64);
  auto known = std::exchange(nat64, {});
  add_translators();
  for (Nat64Table& table : nat64) {
    for (Nat64Table& old : known) {
      if (old.serves(table.rule())) table.take(old);
    }
  }
}

// What holds for every packet of a connection.
void Router::Impl::recall(const Memory& known) const {
  now->set_up_by = known.rule;
  now->doubtful = known.doubt != nullptr;
  now->by_chance = known.by_chance;
}

// A packet of an entry, between tracking and confirming.
bool Router::Impl::pass(conntrack::Passage& passage) {
  original = passage.original;
  reply = passage.reply;
  has_tuples = true;
  direction = static_cast<std::uint32_t>(passage.direction);
  bits = passage.status;
  serial = passage.connection;
  nat_active = passage.original.src.is_v4() ? nat_v4 : nat_v6;
  facts.has_entry = true;
  facts.state = state_of(passage.packet_class);
  facts.direction = direction;
  facts.original = original;
  facts.reply = reply;
  facts.status = bits;
  facts.tuple = direction == 0 ? original : reply;
  fresh = {};
  facts.ct_mark = {0, rules->sets_ct_mark};
  if (!passage.first()) {
    const Memory& known = memory[passage.connection];
    facts.ct_mark = known.ct_mark;
    recall(known);
  }
  Decision mangled;
  if (!hook(own ? Hook::kOutput : Hook::kPrerouting, kTracking, kDestinationNat, &mangled)) {
    return false;
  }
  passage.helper = mangled.helper;
  if (passage.first() && nat_active && !prerouting_nat(passage)) {
    return false;
  }
  facts.tuple.dst = translated(original, reply, direction).dst;
  facts.tuple.dst_port = translated(original, reply, direction).dst_port;
  facts.dst_type = type_of(setup.interfaces, facts.tuple.dst);
  if (!hook(own ? Hook::kOutput : Hook::kPrerouting, kDestinationNat, kAllAbove, &mangled)) {
    return false;
  }
  passage.helper = mangled.helper.empty() ? passage.helper : mangled.helper;
  route();
  const bool open =
      leave() && (!passage.first() || !nat_active || postrouting_nat(passage)) &&
      (way.kind != Route::Kind::kForward || hook(Hook::kPostrouting, kSourceNat, kAllAbove));
  now->by_chance = now->by_chance || fresh.by_chance;
  if (passage.first()) now->set_up_by = fresh.rule;
  fresh.ct_mark = facts.ct_mark;
  fresh.doubt = now->doubt;
  fresh.out = way.interface;
  if (!passage.first()) {
    memory[passage.connection].ct_mark = facts.ct_mark;
  }
  return open;
}

// INVALID and untracked packets: rules, no NAT.
void Router::Impl::without_entry(std::uint32_t state) {
  facts.has_entry = false;
  facts.state = state;
  if (hook(own ? Hook::kOutput : Hook::kPrerouting, kTracking, kAllAbove)) {
    route();
    if (leave() && way.kind == Route::Kind::kForward) {
      hook(Hook::kPostrouting, kSourceNat, kAllAbove);
    }
  }
}

// An error about a packet of an entry goes where that packet came from.
void Router::Impl::icmp_error(const conntrack::Packet& packet) {
  const conntrack::EntryView entry = tracker.lookup(packet);
  original = entry.original;
  reply = entry.reply;
  has_tuples = true;
  bits = entry.status;
  serial = entry.connection;
  direction = static_cast<std::uint32_t>(now->verdict.direction);
  const Memory& known = memory[serial];
  recall(known);
  facts.has_entry = true;
  facts.original = original;
  facts.reply = reply;
  facts.direction = direction;
  facts.status = bits;
  facts.ct_mark = known.ct_mark;
  facts.state = state_bit::kRelated;
  if (!hook(own ? Hook::kOutput : Hook::kPrerouting, kTracking, kDestinationNat)) {
    return;
  }
  facts.tuple.dst = translated(original, reply, direction).dst;
  if (!hook(own ? Hook::kOutput : Hook::kPrerouting, kDestinationNat, kAllAbove)) {
    return;
  }
  route();
  if (leave() && way.kind == Route::Kind::kForward) {
    hook(Hook::kPostrouting, kSourceNat, kAllAbove);
  }
  // A redirect about a translated flow would tell of addresses that nobody knows.
  constexpr std::uint32_t kNat = conntrack::status::kSrcNat | conntrack::status::kDstNat;
  const bool redirect =
      packet.layer->protocol == protocol::kIcmp && packet.layer->icmp.type == 5;
  if (redirect && (bits & kNat) != 0 && now->fate == Fate::kForwarded) {
    now->fate = Fate::kDropped;
  }
}

void Router::Impl::run(const conntrack::Packet& given, unsigned interface, Passed& result) {
  conntrack::Packet packet = given;
  now = &result;
  time = given.time;
  result.before = tuple_of(*packet.layer);
  Renamed renamed;
  if (!own && !rename_entering(packet, renamed)) {
    result.packet = packet;
    result.fate = Fate::kUntranslatable;
    return;
  }
  facts = {};
  facts.layer = packet.layer;
  facts.tuple = tuple_of(*packet.layer);
  facts.in = own ? nullptr : &setup.interfaces[interface].name;
  facts.src_type = type_of(setup.interfaces, facts.tuple.src);
  facts.dst_type = type_of(setup.interfaces, facts.tuple.dst);
  facts.mark.known = rules->sets_mark;
  facts.ct_mark.known = rules->sets_ct_mark;
  in = interface;
  has_tuples = routed = false;
  result.packet = given;
  const bool whole = !packet.layer->fragment;
  if (whole && !before_tracking(packet)) {
    return;
  }
  result.packet.zone = packet.zone;
  result.packet.zone_original = packet.zone_original;
  result.packet.zone_reply = packet.zone_reply;
  const bool untracked = result.verdict.packet_class == PacketClass::kUntracked;
  if (untracked) {
    tracker.advance(packet.time);
  } else {
    tracker.track({&packet, 1}, {&result.verdict, 1});
  }
  const PacketClass c = result.verdict.packet_class;
  if (c == PacketClass::kNone) {
    if (packet.layer->fragment) {
      shapes.add(*packet.layer);
    }
    result.fate = packet.layer->fragment ? Fate::kWaiting : Fate::kUnreadable;
    return;
  }
  if (c == PacketClass::kUntracked || c == PacketClass::kInvalid) {
    without_entry(state_of(c));
  } else if (!has_tuples && is_icmp(packet.layer->protocol)) {
    icmp_error(packet);
  } else if (result.verdict.dropped &&
             (result.fate == Fate::kForwarded || result.fate == Fate::kLocal)) {
    result.fate = result.verdict.connection == 0 ? Fate::kClash : Fate::kHelper;
  }
  emit(packet);
}

Router::Router(const Ruleset& rules,
               RouterSetup setup,
               conntrack::Options options,
               conntrack::Sink& sink)
    : impl_(std::make_unique<Impl>(rules, std::move(setup), std::move(options), sink)) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;

void Router::pass(const conntrack::Packet& packet,
                  unsigned interface,
                  Passed& out,
                  bool cut_later) {
  auto left = std::move(out.out);
  for (Emitted& emitted : left) impl_->keep(std::move(emitted.ip));
  left.clear();
  out = {};
  out.out = std::move(left);
  impl_->arrival = &packet;
  impl_->entered_at = interface;
  impl_->cut_later = cut_later;
  impl_->rejected = false;
  impl_->run(packet, interface, out);
  impl_->tell_sender();
}

void Router::replace_rules(const Ruleset& rules) {
  impl_->replace_rules(rules);
}

unsigned Router::interface_of_source(const Address& source) const {
  const Route route = find_route(impl_->setup.interfaces, source);
  return route.interface;
}

conntrack::Tracker& Router::tracker() {
  return impl_->tracker;
}

}  // namespace natlens::ruleset
