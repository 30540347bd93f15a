// The router's inside. router.cc: a packet's way; router_nat.cc: setting up translations;
// router_emit.cc: what leaves; router_answers.cc: what it says itself; router_ipv6.cc: NAT64
// and prefix translation.
#pragma once

#include <limits>
#include <optional>

#include <absl/container/flat_hash_map.h>

#include "natlens/ruleset/router.h"

#include "error_limit.h"
#include "evaluate.h"
#include "fragments.h"
#include "local_answer.h"
#include "nat64.h"
#include "npt.h"
#include "ports.h"
#include "route.h"
#include "siit.h"

namespace natlens::ruleset {

inline constexpr std::int64_t kAllBelow = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kAllAbove = std::numeric_limits<std::int64_t>::max();
// Priorities (uapi netfilter_ipv4.h).
inline constexpr std::int64_t kTracking = -200;
inline constexpr std::int64_t kDestinationNat = -100;
inline constexpr std::int64_t kSourceNat = 100;

struct Router::Impl : conntrack::Way, conntrack::Sink, Chance {
  Impl(const Ruleset& ruleset,
       RouterSetup given,
       conntrack::Options options,
       conntrack::Sink& outer);

  // conntrack::Way, Chance
  bool pass(conntrack::Passage& passage) override;
  std::uint32_t random() override;
  std::optional<std::uint16_t> actual(const Tuple& candidate, Side side) override;
  // conntrack::Sink: what NAT has to know of connections; all is handed on.
  void opened(const conntrack::Opened& opened) override;
  void closed(const conntrack::Closed& closed) override;
  void event(const conntrack::Event& event) override { sink.event(event); }
  void expectation(const conntrack::ExpectationEvent& e) override { sink.expectation(e); }

  // router.cc
  void run(const conntrack::Packet& packet, unsigned interface, Passed& result);
  bool before_tracking(conntrack::Packet& packet);
  bool hook(Hook at, std::int64_t from, std::int64_t to, Decision* found = nullptr);
  bool apply(const Decision& decision);
  void route();
  bool leave();  // FORWARD and POSTROUTING, or INPUT, without NAT
  void without_entry(std::uint32_t state);
  void icmp_error(const conntrack::Packet& packet);

  // router_nat.cc
  bool prerouting_nat(conntrack::Passage& passage);
  bool postrouting_nat(conntrack::Passage& passage);
  void translate(conntrack::Passage& passage, Side side, const NatRange& range);
  bool range_of(const Statement& statement, Side side, NatRange& range);
  bool value_of_source(const Source& source, Range& range, Range* port);
  NatRange null_binding(const conntrack::Passage& passage, Side side) const;
  bool set_up(conntrack::Passage& passage, Side side, Hook at);

  // router_emit.cc
  void emit(const conntrack::Packet& packet);
  void rewrite(std::vector<std::uint8_t>& ip, const conntrack::Packet& packet);
  void add_out(std::vector<std::uint8_t> ip,
               const decode::Layer& cause,
               std::size_t payload_at);
  std::vector<std::uint8_t> buffer();
  void keep(std::vector<std::uint8_t> bytes);

  // router_answers.cc
  void answer(const conntrack::Packet& packet);
  void send_own(std::vector<std::uint8_t> ip, const conntrack::Packet& cause, Fate fate);
  void tell_sender();
  void refuse(IcmpError error, std::uint32_t mtu = 0);
  bool fits(std::size_t bytes) const;
  std::vector<std::uint32_t> cuts_for(ByteView ip, std::size_t payload_at) const;

  // router_ipv6.cc
  // A packet whose addresses were changed before anything else saw it.
  struct Renamed {
    std::vector<std::uint8_t> ip;
    decode::Layer layer;
    decode::Layer quoted;
  };
  bool rename_entering(conntrack::Packet& packet, Renamed& storage);
  bool rename_leaving(std::vector<std::uint8_t>& ip, const decode::Layer& layer);
  std::optional<unsigned> nat64_interface() const;
  void through_nat64(const std::vector<std::uint8_t>& ip, const conntrack::Packet& packet);
  std::optional<CrossedPacket> crossed(Nat64Table& table,
                                       const decode::Layer& layer,
                                       const decode::Layer* quoted,
                                       std::vector<std::uint32_t> cuts);
  void add_translators();

  const Ruleset* rules;
  std::optional<Chains> chains;
  RouterSetup setup;
  conntrack::Sink& sink;
  conntrack::Tracker tracker;
  SourceIndex sources;
  FragmentShapes shapes;
  std::vector<Nat64Table> nat64;
  std::size_t first_nat64 = 0;  // interface of nat64[0]; the others follow
  std::uint16_t identification = 0;
  std::uint64_t chance_state;
  bool nat_v4;
  bool nat_v6;

  // What is remembered of connections.
  struct Memory {
    const Rule* rule = nullptr;
    const Rule* doubt = nullptr;
    bool by_chance = false;
    Mark ct_mark;
    unsigned out = 0;
  };
  absl::flat_hash_map<std::uint32_t, Memory> memory;
  void recall(const Memory& known) const;
  void replace_rules(const Ruleset& ruleset);

  ErrorLimit error_limit;
  std::vector<std::vector<std::uint8_t>> spare;  // buffers of packets that have left

  // The packet at hand.
  const conntrack::Packet* arrival = nullptr;  // as it came from the wire
  unsigned entered_at = 0;
  bool cut_later = false;
  std::int64_t grown = 0;  // bytes by which what is too large is longer than it was
  bool rejected = false;   // dropped by a rule that says so
  Timestamp time;
  Passed* now = nullptr;
  Facts facts;
  unsigned in = 0;
  Route way;
  Tuple original;
  Tuple reply;
  bool has_tuples = false;
  bool routed = false;
  std::uint32_t direction = 0;
  std::uint32_t bits = 0;  // status of the entry
  std::uint32_t serial = 0;
  Memory fresh;  // of a connection that is not confirmed yet
  bool nat_active = false;
  bool own = false;  // it is the router's own
};

// The tuple that packets of one direction leave with.
Tuple translated(const Tuple& original, const Tuple& reply, std::uint32_t direction);

}  // namespace natlens::ruleset
