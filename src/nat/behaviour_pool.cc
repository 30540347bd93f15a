// What a NAT does with a pool: external addresses per host (RFC 4787, 4.1; RFC 6888 REQ-2), and
// blocks of ports per subscriber (RFC 6888, RFC 7422).
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "observation.h"
#include "statistics.h"

namespace natlens::nat {
namespace {

constexpr std::size_t kMostTogether = 32;  // flows of one host looked at together

struct Host {
  std::vector<const Observation*> flows;  // outbound, by start
  bool together = false;                  // two flows at once
  bool several = false;                   // ... with two external addresses
};

std::map<Address, Host> hosts_of(const Observed& seen) {
  std::map<Address, Host> hosts;
  for (const Observation& o : seen.all()) {
    if (!o.inbound && !o.fixed) hosts[o.internal.address].flows.push_back(&o);
  }
  for (auto& [address, host] : hosts) {
    for (std::size_t j = 1; j < host.flows.size(); ++j) {
      const Observation& later = *host.flows[j];
      for (std::size_t i = j > kMostTogether ? j - kMostTogether : 0; i < j; ++i) {
        const Observation& earlier = *host.flows[i];
        if (earlier.alive < later.start) continue;
        host.together = true;
        host.several |= earlier.external.address != later.external.address;
      }
    }
  }
  return hosts;
}

// Every remote address always got one external address: the choice is a function of it.
bool by_destination(const Observed& seen) {
  std::map<Address, Address> chosen;
  for (const Observation& o : seen.all()) {
    if (o.inbound || o.fixed) continue;
    if (chosen.insert({o.far.address, o.external.address}).first->second !=
        o.external.address) {
      return false;
    }
  }
  return chosen.size() >= 3;
}

}  // namespace

Behaviour pooling_behaviour(const Observed& seen) {
  const auto property = Property::kPooling;
  const auto hosts = hosts_of(seen);
  std::set<Address> pool;
  Evidence flows;
  Evidence paired;
  Evidence arbitrary;
  for (const auto& [address, host] : hosts) {
    for (const Observation* o : host.flows) {
      pool.insert(o->external.address);
      flows.add(o->id);
    }
    if (host.together) (host.several ? arbitrary : paired).add(host.flows.front()->id);
  }
  const std::string detail = fmt::format(
      "{} external addresses; of the inside hosts with flows at once {} had one of "
      "them, {} several",
      pool.size(), paired.count(), arbitrary.count());
  if (hosts.empty()) return undetermined(property, "no flow from inside");
  if (pool.size() == 1) {
    return verdict(property, "one external address", kCertain, flows);
  }
  if (arbitrary.count() >= 2) {
    return verdict_of_both(property,
                           by_destination(seen) ? "arbitrary, by destination" : "arbitrary",
                           kCertain, arbitrary, paired, detail);
  }
  if (arbitrary.count() == 0 && paired.count() >= 2) {
    return verdict(property, "paired", kCertain, paired, {}, detail);
  }
  return undetermined(property, detail, paired);
}

namespace {

constexpr std::uint64_t kLeastPorts = 4;  // of a subscriber
constexpr double kPorts = 64512;          // 1024 to 65535
constexpr double kChanceOfAll = 1e-6;
constexpr double kChanceOfOne = 1e-9;
constexpr auto kSizes =
    std::to_array<std::uint32_t>({64, 128, 256, 504, 512, 1000, 1008, 1024, 2000, 2016, 2048,
                                  4000, 4032, 4096, 8064, 8192, 16128, 16384, 32256});

struct Subscriber {
  Address address;
  std::vector<std::uint16_t> ports;  // distinct, sorted
  std::int64_t example = 0;
  std::uint32_t width() const { return std::uint32_t{ports.back()} - ports.front() + 1U; }
};

// Hosts of the external address with the most changed ports.
std::vector<Subscriber> subscribers_of(const Observed& seen) {
  std::map<Address, std::map<Address, Subscriber>> by_external;
  std::map<Address, std::size_t> flows;
  for (const Observation* o : seen.fresh()) {
    const bool port = o->protocol != protocol::kIcmp && o->protocol != protocol::kIcmpv6;
    if (o->preserved() || !port) continue;
    Subscriber& s = by_external[o->external.address][o->internal.address];
    if (s.ports.empty()) s.example = o->id;
    s.address = o->internal.address;
    s.ports.push_back(o->external.port);
    ++flows[o->external.address];
  }
  std::vector<Subscriber> out;
  const auto most =
      std::max_element(flows.begin(), flows.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == flows.end()) return out;
  for (auto& [address, subscriber] : by_external[most->first]) {
    auto& ports = subscriber.ports;
    std::sort(ports.begin(), ports.end());
    ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
    if (ports.size() >= kLeastPorts) out.push_back(std::move(subscriber));
  }
  std::sort(out.begin(), out.end(), [](const Subscriber& a, const Subscriber& b) {
    return a.ports.front() < b.ports.front();
  });
  return out;
}

bool disjoint(const std::vector<Subscriber>& by_first_port) {
  for (std::size_t i = 1; i < by_first_port.size(); ++i) {
    if (by_first_port[i].ports.front() <= by_first_port[i - 1].ports.back()) return false;
  }
  return true;
}

// Blocks [offset + i b, offset + (i + 1) b): no block with two subscribers.
bool separates(const std::vector<Subscriber>& subscribers,
               std::uint32_t b,
               std::uint32_t offset) {
  std::map<std::int64_t, std::size_t> owner;
  for (std::size_t s = 0; s < subscribers.size(); ++s) {
    for (const std::uint16_t port : subscribers[s].ports) {
      const std::int64_t block = (std::int64_t{port} + b - offset % b) / b;
      if (owner.insert({block, s}).first->second != s) return false;
    }
  }
  return true;
}

// The least known size that most subscribers fit in and that keeps them apart; 0: none.
std::uint32_t size_of(const std::vector<Subscriber>& subscribers) {
  for (const std::uint32_t b : kSizes) {
    std::size_t fit = 0;
    for (const Subscriber& s : subscribers) fit += s.width() <= b ? 1 : 0;
    if (fit * 2 <= subscribers.size()) continue;
    for (const std::uint32_t offset : {0U, 1024U, 1000U}) {
      if (separates(subscribers, b, offset)) return b;
    }
  }
  return 0;
}

std::string blocks_text(const std::vector<Subscriber>& subscribers) {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(subscribers.size(), 5); ++i) {
    const Subscriber& s = subscribers[i];
    out += fmt::format("{}{} had {} to {}", i == 0 ? "" : ", ", to_string(s.address),
                       s.ports.front(), s.ports.back());
  }
  return out + fmt::format("; {} subscribers with {} and more changed ports",
                           subscribers.size(), kLeastPorts);
}

}  // namespace

// One subscriber alone cannot tell its block from the range of the whole NAT; several that
// share a narrow range have no blocks. So with several the range is what they cover together.
Behaviour port_blocks(const Observed& seen) {
  const auto property = Property::kPortBlocks;
  const auto subscribers = subscribers_of(seen);
  Evidence evidence;
  double product = 1;
  double range = kPorts;
  if (subscribers.size() >= 2) {
    std::uint16_t last = 0;
    for (const Subscriber& s : subscribers) last = std::max(last, s.ports.back());
    range = static_cast<double>(last) - subscribers.front().ports.front() + 1;
  }
  for (const Subscriber& s : subscribers) {
    evidence.add(s.example);
    product *= narrow_probability(s.ports.size(), s.width(), range);
  }
  if (subscribers.empty()) return undetermined(property, "no inside host with 4 changed ports");
  const std::string detail = blocks_text(subscribers);
  if (subscribers.size() >= 2 && disjoint(subscribers) && product < kChanceOfAll) {
    const std::uint32_t size = size_of(subscribers);
    return verdict(property,
                   size == 0 ? "blocks" : fmt::format("blocks of {} ports or more", size),
                   subscribers.size() >= 3 ? kCertain : kLikely, evidence, {}, detail);
  }
  if (subscribers.size() == 1 && product < kChanceOfOne) {
    return verdict(property, "a block, or a range of all", kLikely, evidence, {}, detail);
  }
  if (subscribers.size() >= 3) {
    return verdict(property, "none", product > 0.01 ? kCertain : kLikely, evidence, {}, detail);
  }
  return undetermined(property, detail, evidence);
}

// RFC 7422: blocks that follow from the hosts' addresses. Five hosts are in order by chance
// once in sixty times.
Behaviour block_order(const Observed& seen) {
  constexpr std::size_t kLeastSubscribers = 5;
  constexpr std::size_t kSureSubscribers = 8;
  const auto property = Property::kBlockOrder;
  auto subscribers = subscribers_of(seen);
  Evidence evidence;
  for (const Subscriber& s : subscribers) evidence.add(s.example);
  if (subscribers.size() < kLeastSubscribers || !disjoint(subscribers)) {
    return undetermined(property, "no five hosts with ports of their own", evidence);
  }
  const std::string detail = blocks_text(subscribers);
  const auto by_address = [](const Subscriber& a, const Subscriber& b) {
    return a.address < b.address;
  };
  const bool rising = std::is_sorted(subscribers.begin(), subscribers.end(), by_address);
  std::reverse(subscribers.begin(), subscribers.end());
  const bool falling = std::is_sorted(subscribers.begin(), subscribers.end(), by_address);
  if (rising || falling) {
    return verdict(property, "deterministic",
                   subscribers.size() >= kSureSubscribers ? kCertain : kLikely, evidence, {},
                   detail);
  }
  return verdict(property, "not in the order of the hosts", kCertain, evidence, {}, detail);
}

}  // namespace natlens::nat
