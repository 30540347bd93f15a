#include "allowed.h"

#include <algorithm>

#include <fmt/format.h>

#include "values.h"

namespace natlens::ruleset {
namespace {

constexpr std::size_t kMostTargets = 4096;

Address address_of(const Number& number, Family family) {
  const std::span<const std::uint8_t, 16> bytes(number);
  return family == Family::kIpv4 ? Address::v4(bytes.last<4>()) : Address::v6(bytes);
}

// `prefix` to `prefix`: the host part is kept.
Address mapped_host(const Address& address, const Range& to) {
  Number out = number_of(address);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto host = static_cast<std::uint8_t>(to.low[i] ^ to.high[i]);
    out[i] = static_cast<std::uint8_t>((out[i] & host) | (to.low[i] & ~host));
  }
  return address_of(out, address.family());
}

void set_ports(Target& target, const Range& port) {
  target.has_ports = true;
  target.first_port = static_cast<std::uint16_t>(low_bits(port.low));
  target.last_port = static_cast<std::uint16_t>(low_bits(port.high));
}

// What a source may give: its constant, the member that a look-up finds, or all members.
std::vector<const Element*> members(const Source& source, const Facts& facts, bool& told) {
  std::vector<const Element*> all;
  if (source.map == nullptr) return all;
  const bool drawn = source.keys.front().field == Field::kChance;
  if (!drawn) {
    const Element* found = nullptr;
    const Truth truth = find_element(*source.map, source.keys, facts, 0, found);
    if (truth == Truth::kYes && found != nullptr) return {found};
    if (truth == Truth::kNo) return all;
    told = false;
  }
  for (const Element& element : source.map->elements) {
    if (all.size() < kMostTargets) all.push_back(&element);
  }
  return all;
}

}  // namespace

Allowed allowed_by(const Nat& nat,
                   const Facts& facts,
                   const std::vector<Address>& interface,
                   bool source) {
  Allowed allowed;
  const Family family = facts.tuple.src.family();
  const Address own = source ? facts.tuple.src : facts.tuple.dst;
  const auto add = [&](const Range& address, const Range* port) {
    Target target;
    if (nat.netmap) {
      target.first = target.last = mapped_host(own, address);
    } else {
      target.first = address_of(address.low, family);
      target.last = address_of(address.high, family);
    }
    if (port != nullptr) set_ports(target, *port);
    allowed.targets.push_back(target);
  };
  if (!nat.address.present) {
    if (nat.type == NatType::kMasquerade || nat.type == NatType::kRedirect) {
      for (const Address& address : interface) {
        if (address.family() == family) allowed.targets.push_back({address, address});
      }
      allowed.any_address = allowed.targets.empty();
      if (allowed.any_address) allowed.targets.push_back({});
    } else {
      allowed.targets.push_back({own, own});  // the port alone
    }
  } else if (nat.address.keys.empty()) {
    add(nat.address.constant, nullptr);
  } else {
    for (const Element* element : members(nat.address, facts, allowed.told)) {
      if (element->data.empty()) continue;
      add(element->data.front(), element->data.size() > 1 ? &element->data[1] : nullptr);
    }
  }
  if (!nat.port.present) return allowed;
  std::vector<Range> ports{nat.port.constant};
  if (!nat.port.keys.empty()) {
    ports.clear();
    for (const Element* element : members(nat.port, facts, allowed.told)) {
      if (!element->data.empty())
        ports.push_back(
            element->data[std::min<std::size_t>(nat.port.part, element->data.size() - 1)]);
    }
  }
  std::vector<Target> with_ports;
  for (const Target& target : allowed.targets) {
    for (const Range& port : ports) {
      with_ports.push_back(target);
      set_ports(with_ports.back(), port);
      if (with_ports.size() > kMostTargets) break;
    }
  }
  allowed.targets = std::move(with_ports);
  return allowed;
}

bool contains(const Allowed& allowed, const Address& address, std::uint16_t port, bool ports) {
  return std::any_of(allowed.targets.begin(), allowed.targets.end(), [&](const Target& t) {
    const bool address_fits =
        t.first.family() == Family::kNone ||
        (t.first.family() == address.family() && t.first <= address && address <= t.last);
    return address_fits &&
           (!t.has_ports || !ports || (t.first_port <= port && port <= t.last_port));
  });
}

std::string to_text(const Allowed& allowed) {
  std::vector<std::string> texts;
  for (const Target& t : allowed.targets) {
    std::string text =
        t.first.family() == Family::kNone ? "the interface's address" : to_string(t.first);
    const bool v6 = t.first.is_v6() && t.has_ports;
    if (t.last != t.first) text += "-" + to_string(t.last);
    if (v6) text = "[" + text + "]";
    if (t.has_ports) {
      text += fmt::format(":{}", t.first_port);
      if (t.last_port != t.first_port) text += fmt::format("-{}", t.last_port);
    }
    texts.push_back(std::move(text));
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  constexpr std::size_t kMostTold = 4;
  std::string out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i == kMostTold) {
      out += fmt::format(" or {} more", texts.size() - i);
      break;
    }
    out += (i == 0 ? "" : " or ") + texts[i];
  }
  return out;
}

}  // namespace natlens::ruleset
