// Which interface is which, from the captures alone.
//
// Packets of the inner capture are seen again outside, from another source: that is the
// router's outer address (else the one seen most), and the MAC address that sends with it is
// the router's. What else is seen there is outside. The inner interface's MAC is the one that
// packets for the outside are sent to; the hosts that send them are inside; and an inner
// address that this MAC sends with is the router's own.
#include "tap_frames.h"

#include <algorithm>
#include <map>

#include "content.h"

namespace natlens::replay {
namespace {

constexpr std::size_t kMostAddresses = 1U << 20;

bool counts(const decode::DecodedFrame& decoded) {
  if (decoded.layers().empty()) return false;
  const decode::Layer& layer = decoded.layers().front();
  const auto src = layer.src.bytes();
  const bool link_local = layer.src.is_v6() && src[0] == 0xfe && (src[1] & 0xc0U) == 0x80;
  return !layer.dst.is_multicast() && !link_local && layer.src != Address() &&
         !(layer.src.is_v4() && layer.src.v4_host_order() == 0);
}

template <typename Key>
std::optional<Key> most_seen(const std::map<Key, std::uint64_t>& counts) {
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? std::nullopt : std::optional(most->first);
}

bool has_mac(const Mac& mac) {
  return mac != Mac{};
}

bool is_behind(const ruleset::Interface& interface, const Address& address) {
  return std::any_of(
      interface.behind.begin(), interface.behind.end(),
      [&](const ruleset::Prefix& p) { return p.bits > 0 && p.contains(address); });
}

// What translators of natlens's own answer to, outside and inside.
bool is_outer_end(const ruleset::Ruleset& rules, const Address& address) {
  return std::any_of(rules.nat64.begin(), rules.nat64.end(),
                     [&](const auto& nat64) { return ruleset::in_pool(nat64, address); }) ||
         std::any_of(rules.npt.begin(), rules.npt.end(),
                     [&](const auto& npt) { return npt.outside.contains(address); });
}
bool is_far_name(const ruleset::Ruleset& rules, const Address& address) {
  return std::any_of(rules.nat64.begin(), rules.nat64.end(),
                     [&](const auto& nat64) { return nat64.prefix.contains(address); });
}

// Sources under which packets of the inner capture were seen outside: votes for the router's
// own address, of IPv4 and IPv6.
struct Votes {
  std::map<Address, std::uint64_t> translated;
  std::map<Address, std::uint64_t> seen;
  std::map<Mac, std::uint64_t> macs;  // that sent what was translated
  std::optional<Address> best(Family family, bool by_translation) const {
    std::map<Address, std::uint64_t> of_family;
    for (const auto& [address, count] : by_translation ? translated : seen) {
      if (address.family() == family) of_family[address] = count;
    }
    return most_seen(of_family);
  }
};

Result<void> look_outside(const std::string& inside,
                          const std::string& path,
                          TapView& outer,
                          const ruleset::Ruleset& rules,
                          const ruleset::RouterSetup& setup) {
  absl::flat_hash_map<std::uint64_t, Address> sources;
  auto done = each_decoded(inside, [&](const capture::Frame&, const decode::DecodedFrame& d) {
    if (!counts(d) || sources.size() > kMostAddresses) return;
    sources.try_emplace(content_key(d.layers().front()), d.layers().front().src);
  });
  if (!done) return done;
  Votes votes;
  std::map<Family, bool> translators;  // do they send here?
  std::map<std::pair<Address, Mac>, std::uint64_t> senders;
  std::map<std::pair<Address, Mac>, std::uint64_t> receivers;
  done = each_decoded(path, [&](const capture::Frame&, const decode::DecodedFrame& decoded) {
    if (!counts(decoded) || votes.seen.size() > kMostAddresses) return;
    const decode::Layer& layer = decoded.layers().front();
    translators[layer.src.family()] |= is_outer_end(rules, layer.src);
    ++votes.seen[layer.src];
    ++votes.seen[layer.dst];
    ++senders[{layer.src, decoded.src_mac}];
    ++receivers[{layer.dst, decoded.dst_mac}];
    const auto source = sources.find(content_key(layer));
    if (source != sources.end() && source->second != layer.src &&
        !is_outer_end(rules, layer.src)) {
      ++votes.translated[layer.src];
      if (has_mac(decoded.src_mac)) ++votes.macs[decoded.src_mac];
    }
  });
  if (!done) return done;
  std::map<Family, std::optional<Address>> own;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    own[family] = votes.best(family, !votes.translated.empty() || translators[family]);
  }
  for (const Address& given : setup.interfaces[1].addresses) own[given.family()] = given;
  for (const auto& [family, address] : own) {
    if (address) outer.own.insert(*address);
  }
  const auto routers = [&](const Address& address) {
    return outer.own.contains(address) || is_outer_end(rules, address);
  };
  std::map<Mac, std::uint64_t> macs;
  for (const auto& [sender, count] : senders) {
    if (routers(sender.first) && has_mac(sender.second)) macs[sender.second] += count;
  }
  outer.router = most_seen(votes.macs.empty() ? macs : votes.macs);
  std::map<Mac, std::uint64_t> to_own;
  for (const auto& [receiver, count] : receivers) {
    if (routers(receiver.first)) to_own[receiver.second] += count;
  }
  if (const auto most = most_seen(to_own); most && most != outer.router) {
    outer.router.reset();  // see look_inside
  }
  // What the router forwards unchanged carries an inner address here, too: it is the router's
  // MAC that sends and receives such a packet.
  for (const auto* ends : {&senders, &receivers}) {
    for (const auto& [end, count] : *ends) {
      const bool by_router = outer.router && end.second == *outer.router;
      const bool outside = !by_router && !is_behind(setup.interfaces[0], end.first);
      if (outside && !routers(end.first)) outer.behind.insert(end.first);
    }
  }
  return {};
}

Result<void> look_inside(const std::string& path,
                         TapView& inner,
                         const TapView& outer,
                         const ruleset::Ruleset& rules,
                         const ruleset::RouterSetup& setup) {
  std::map<Mac, std::uint64_t> macs;
  std::map<Mac, std::uint64_t> senders;  // of what comes from far
  auto far = [&](const Address& a) {
    return is_far_name(rules, a) || (outer.behind.empty() ? !is_behind(setup.interfaces[0], a)
                                                          : outer.behind.contains(a));
  };
  auto done =
      each_decoded(path, [&](const capture::Frame&, const decode::DecodedFrame& decoded) {
        if (counts(decoded) && has_mac(decoded.dst_mac) && far(decoded.layers().front().dst)) {
          ++macs[decoded.dst_mac];
        }
        if (counts(decoded) && far(decoded.layers().front().src)) ++senders[decoded.src_mac];
      });
  if (!done) return done;
  inner.router = most_seen(macs);
  // Made captures may have the same addresses in both directions: then they tell nothing.
  if (const auto sender = most_seen(senders); sender && sender != inner.router) {
    inner.router.reset();
  }
  return each_decoded(path, [&](const capture::Frame&, const decode::DecodedFrame& decoded) {
    if (!counts(decoded) || inner.behind.size() > kMostAddresses) return;
    const decode::Layer& layer = decoded.layers().front();
    const bool sent = inner.router ? decoded.src_mac == *inner.router : far(layer.src);
    if (sent && !far(layer.src) && !outer.own.contains(layer.src)) inner.own.insert(layer.src);
    if (!sent && !far(layer.src)) inner.behind.insert(layer.src);
  });
}

void fill(ruleset::RouterSetup& setup,
          const std::array<TapView, 2>& taps,
          bool infer_prefixes) {
  for (std::size_t i = 0; i < 2; ++i) {
    auto& addresses = setup.interfaces[i].addresses;
    std::vector<Address> found(taps[i].own.begin(), taps[i].own.end());
    std::sort(found.begin(), found.end());
    for (const Address& address : found) {
      const bool known =
          std::find(addresses.begin(), addresses.end(), address) != addresses.end();
      if (!known) addresses.push_back(address);
    }
    if (!infer_prefixes) continue;
    for (const Address& address : taps[i].behind) {
      const bool own = taps[0].own.contains(address) || taps[1].own.contains(address);
      if (!own) {
        setup.interfaces[i].behind.push_back(
            {address, static_cast<unsigned>(address.bytes().size() * 8)});
      }
    }
  }
}

}  // namespace

bool TapView::enters(const decode::DecodedFrame& decoded) const {
  if (router) {
    return decoded.dst_mac == *router && decoded.src_mac != *router;
  }
  return !decoded.layers().empty() && behind.contains(decoded.layers().front().src);
}

Result<std::array<TapView, 2>> infer_taps(const std::string& inside,
                                          const std::string& outside,
                                          bool infer_prefixes,
                                          const ruleset::Ruleset& rules,
                                          ruleset::RouterSetup& setup) {
  std::array<TapView, 2> taps;
  if (!outside.empty()) {
    if (auto done = look_outside(inside, outside, taps[1], rules, setup); !done)
      return done.error();
  }
  if (auto done = look_inside(inside, taps[0], taps[1], rules, setup); !done)
    return done.error();
  fill(setup, taps, infer_prefixes);
  return taps;
}

}  // namespace natlens::replay
