// Setting up a connection's translation: which rule, which range, which end.
#include "router_impl.h"

namespace natlens::ruleset {
namespace {

namespace status = conntrack::status;

Address address_of(const Number& number, Family family) {
  const std::span<const std::uint8_t, 16> bytes(number);
  return family == Family::kIpv4 ? Address::v4(bytes.last<4>()) : Address::v6(bytes);
}

// `prefix` to `prefix`: the host part is kept (nft_nat_setup_netmap).
Address mapped_host(const Address& address, const Range& to) {
  Number out = number_of(address);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto host = static_cast<std::uint8_t>(to.low[i] ^ to.high[i]);
    out[i] = static_cast<std::uint8_t>((out[i] & host) | (to.low[i] & ~host));
  }
  return address_of(out, address.family());
}

// The member that a look-up in a map gives.
const Element* look_up(const Source& source,
                       const Facts& facts,
                       std::uint32_t chance,
                       bool& told) {
  const Element* found = nullptr;
  told = source.map != nullptr &&
         find_element(*source.map, source.keys, facts, chance, found) != Truth::kUnknown;
  return found;
}

}  // namespace

// False: the value cannot be told, or the look-up finds nothing.
bool Router::Impl::value_of_source(const Source& source, Range& range, Range* port) {
  if (source.keys.empty()) {
    range = source.constant;
    return true;
  }
  bool told = false;
  const Element* element = look_up(source, facts, random(), told);
  if (element == nullptr || element->data.empty()) {
    return false;
  }
  if (source.keys.front().field == Field::kChance) {
    fresh.by_chance = true;
  }
  range = element->data.front();
  if (port != nullptr && element->data.size() > 1) {
    *port = element->data[1];
  }
  return true;
}

bool Router::Impl::range_of(const Statement& statement, Side side, NatRange& range) {
  const Nat& nat = statement.nat;
  const Family family = facts.tuple.src.family();
  range.random = nat.random || nat.fully_random;
  range.persistent = nat.persistent;
  range.port_base = nat.port_base;
  Range port;
  bool has_port = nat.port.present;
  if (nat.address.present) {
    Range address;
    port.name = "none";
    if (!value_of_source(nat.address, address, &port)) {
      return false;
    }
    has_port = has_port || port.name.empty();
    range.has_address = true;
    if (nat.netmap) {
      range.first = range.last =
          mapped_host(side == Side::kSource ? facts.tuple.src : facts.tuple.dst, address);
    } else {
      range.first = address_of(address.low, family);
      range.last = address_of(address.high, family);
    }
  } else if (nat.type == NatType::kMasquerade || nat.type == NatType::kRedirect) {
    const unsigned interface = nat.type == NatType::kMasquerade ? way.interface : in;
    const Address mine = own_address(setup.interfaces[interface], family);
    if (mine.family() == Family::kNone) {
      return false;
    }
    range.has_address = true;
    range.first = range.last = mine;
  }
  if (nat.port.present && !value_of_source(nat.port, port, nullptr)) {
    return false;
  }
  if (has_port) {
    range.has_ports = true;
    range.first_port = static_cast<std::uint16_t>(low_bits(port.low));
    range.last_port = static_cast<std::uint16_t>(low_bits(port.high));
  }
  return true;
}

// nf_nat_setup_info.
void Router::Impl::translate(conntrack::Passage& passage, Side side, const NatRange& range) {
  Tuple current;
  conntrack::invert(reply, current);
  PortSearch search{passage.table, sources, *this, passage.zone,
                    (passage.status & status::kExpected) != 0};
  const Choice choice = search.choose(current, side, range);
  fresh.by_chance = fresh.by_chance || choice.by_chance;
  if (!(choice.tuple == current)) {
    conntrack::invert(choice.tuple, reply);
    passage.reply = reply;
    passage.add_status |= side == Side::kSource ? status::kSrcNat : status::kDstNat;
  }
  passage.add_status |= side == Side::kSource ? status::kSrcNatDone : status::kDstNatDone;
  bits = passage.status | passage.add_status;
  facts.status = bits;
  facts.reply = reply;
}

// Without a rule: its own address, any port that makes it unique (16.5).
NatRange Router::Impl::null_binding(const conntrack::Passage&, Side side) const {
  NatRange range;
  range.has_address = true;
  range.first = range.last = side == Side::kSource ? reply.dst : reply.src;
  return range;
}

// False: dropped by a rule, or the rule's target cannot be told.
bool Router::Impl::set_up(conntrack::Passage& passage, Side side, Hook at) {
  const Decision decision =
      chains->decide({at, ChainType::kNat, kAllBelow, kAllAbove}, facts, random());
  if (!apply(decision)) {
    return false;
  }
  NatRange range = null_binding(passage, side);
  if (decision.nat != nullptr) {
    NatRange wanted;
    if (range_of(*decision.nat, side, wanted)) {
      range = wanted;
      fresh.rule = now->rule = decision.rule;
    } else {
      now->doubt = now->doubt == nullptr ? decision.rule : now->doubt;
    }
  }
  translate(passage, side, range);
  return true;
}

bool Router::Impl::prerouting_nat(conntrack::Passage& passage) {
  if (passage.following.follows) {
    const conntrack::Following& following = passage.following;
    NatRange with_port;
    with_port.has_address = with_port.has_ports = true;
    with_port.first_port = with_port.last_port = following.port;
    NatRange plain;
    plain.has_address = true;
    NatRange& source = following.port_is_source ? with_port : plain;
    NatRange& destination = following.port_is_source ? plain : with_port;
    source.first = source.last = following.src;
    destination.first = destination.last = following.dst;
    translate(passage, Side::kSource, source);
    translate(passage, Side::kDestination, destination);
    return true;
  }
  return set_up(passage, Side::kDestination, own ? Hook::kOutput : Hook::kPrerouting);
}

bool Router::Impl::postrouting_nat(conntrack::Passage& passage) {
  if (passage.following.follows) {
    return true;
  }
  return set_up(passage, Side::kSource,
                way.kind == Route::Kind::kLocal ? Hook::kInput : Hook::kPostrouting);
}

InterfaceNames infer_names(const Ruleset& rules) {
  InterfaceNames names;
  std::vector<std::string> seen;
  for (const Table& table : rules.tables) {
    for (const Chain& chain : table.chains) {
      for (const Rule& rule : chain.rules) {
        std::string in;
        std::string out;
        const Nat* nat = nullptr;
        for (const Statement& s : rule.statements) {
          const bool plain = s.kind == ActionKind::kMatch && s.keys.size() == 1 && s.set &&
                             s.set->elements.size() == 1 && s.compare == Compare::kEqual &&
                             !s.set->elements[0].parts.empty();
          if (plain && s.keys[0].field == Field::kInInterface)
            in = s.set->elements[0].parts[0].name;
          if (plain && s.keys[0].field == Field::kOutInterface)
            out = s.set->elements[0].parts[0].name;
          if (s.kind == ActionKind::kNat) nat = &s.nat;
        }
        seen.push_back(in);
        seen.push_back(out);
        const bool source = nat != nullptr &&
                            (nat->type == NatType::kSnat || nat->type == NatType::kMasquerade);
        if (source && in != out && names.outside.empty()) names.outside = out;
        if (nat != nullptr && nat->type == NatType::kDnat && names.outside.empty())
          names.outside = in;
      }
    }
  }
  for (const std::string& name : seen) {
    const bool exact = !name.empty() && name != "lo" && name.back() != '*';
    if (exact && name != names.outside && names.inside.empty() && !names.outside.empty()) {
      names.inside = name;
    }
  }
  return names;
}

}  // namespace natlens::ruleset
