// A Linux router made of rules and connection tracking: packets in, packets out.
//
// A packet that enters at an interface is tracked, meets the chains of its hooks, is translated
// and forwarded, as far as the rules can be judged. What they leave open is told in `doubt`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "natlens/conntrack/tracker.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

struct Interface {
  // As rules call it; "" = not known; "(...)": not known, but none of the other interfaces'.
  std::string name;
  std::vector<Prefix> behind;      // what is routed there; the longest match wins
  std::vector<Address> addresses;  // the router's own, the first one of each family first
  std::uint32_t mtu = 0;  // of IP packets that leave there, with `errors`; 0 = any size
};

struct RouterSetup {
  std::vector<Interface> interfaces;
  // Nothing listens on the router: it answers packets to itself with RST or an ICMP error.
  bool answers = false;
  // It tells the sender of a packet whose TTL ends here, that is too large and may not be cut,
  // that a rule rejects, or that goes nowhere; at a limited rate. What may be cut is cut.
  bool errors = false;
  std::uint64_t seed = 1;
  // The port (id) that a real box gave to a translated packet, which would have been drawn by
  // chance: --ports-from.
  std::function<std::optional<std::uint16_t>(const Tuple& candidate, bool source)> actual_port;
};

// Names that the rules use for the interfaces: which of two sides is called what. A name that
// is masqueraded or translated to on the way out, or translated from on the way in, is the
// outer one's. "" = the rules do not tell.
struct InterfaceNames {
  std::string inside;
  std::string outside;
};
InterfaceNames infer_names(const Ruleset& rules);

struct Emitted {
  unsigned interface = 0;
  bool own = false;  // made by the router itself
  std::vector<std::uint8_t> ip;
};

enum class Fate : std::uint8_t {
  kForwarded,
  kLocal,           // delivered to the router itself
  kDropped,         // by a rule
  kClash,           // no translation that can be told apart from another one
  kHelper,          // a helper dropped it
  kTtl,             // may go no further
  kUnrouted,        // multicast, broadcast, no route
  kWaiting,         // a fragment that waits for others
  kUnreadable,      // the capture does not hold enough of it
  kUntranslatable,  // between IPv4 and IPv6, or between prefixes: no counterpart
  kTooLarge,        // for the interface where it would leave
  kCount
};
std::string_view to_string(Fate fate);

// What became of one packet.
struct Passed {
  conntrack::Packet packet;  // with the zone that rules chose
  conntrack::Verdict verdict;
  Fate fate = Fate::kUnreadable;
  const Rule* rule = nullptr;  // that translated (first packets) or dropped; of the ruleset
  const Rule* set_up_by = nullptr;  // that translated the first packet of its connection
  const Rule* doubt = nullptr;      // because of which this is not certain
  bool doubtful = false;            // the entry was set up in doubt, or this packet is
  bool by_chance = false;           // the entry's port was drawn
  Tuple before;                     // as it entered
  Tuple after;                      // as it left
  // The connection that it went through behind a NAT64; 0 = none.
  std::uint32_t second_connection = 0;
  std::vector<Emitted> out;
};

class Router {
 public:
  // `rules` and `sink` are not owned and outlive the router.
  Router(const Ruleset& rules,
         RouterSetup setup,
         conntrack::Options options,
         conntrack::Sink& sink);
  ~Router();
  Router(Router&&) noexcept;

  // A packet (a layer that is not quoted) that enters at an interface. `out` is overwritten;
  // use the same one again, and nothing is allocated. `cut_later`: it is longer than what
  // travels (segmentation offload), so its length says nothing.
  void pass(const conntrack::Packet& packet,
            unsigned interface,
            Passed& out,
            bool cut_later = false);
  // Goes on with other rules; connections stay as they were set up, but for which rule it was.
  // What NAT64s know stays where their rules did not change. `rules` as above; the old ones may
  // go.
  void replace_rules(const Ruleset& rules);
  // The interface behind which a source lies.
  unsigned interface_of_source(const Address& source) const;
  conntrack::Tracker& tracker();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::ruleset
