// The bindings and sessions of a stateful NAT64 (RFC 6146 3): which IPv4 end an IPv6 end has,
// and how long.
//
// Mapping and filtering are endpoint-independent: who once sent from an end may be answered by
// anybody. A host keeps its IPv4 address, an end its port where that is free, else the next one
// of the same range and parity.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <absl/container/flat_hash_map.h>

#include "natlens/net/address.h"
#include "natlens/net/embedded.h"
#include "natlens/net/timestamp.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

class Nat64Table {
 public:
  // REQUIRES: a prefix that RFC 6052 allows, and a pool.
  explicit Nat64Table(const Nat64& rule);

  const Nat64& rule() const { return rule_; }
  // Is there somebody behind this IPv4 end?
  bool bound(const Tuple& v4, Timestamp now) const;

  // The IPv4 tuple of a packet from the IPv6 side, and the IPv6 tuple of one from the IPv4
  // side; tuples are as conntrack has them. `tcp_flags` as on the wire. nullopt: it is dropped.
  std::optional<Tuple> outward(const Tuple& v6, unsigned tcp_flags, Timestamp now);
  std::optional<Tuple> inward(const Tuple& v4, unsigned tcp_flags, Timestamp now);
  // The same for a packet that an error quotes, which went the other way: nothing changes by
  // it.
  std::optional<Tuple> quoted_outward(const Tuple& v6, Timestamp now) const;
  std::optional<Tuple> quoted_inward(const Tuple& v4, Timestamp now) const;
  std::size_t sessions() const { return sessions_.size(); }
  // The same prefix and pool?
  bool serves(const Nat64& rule) const;
  // Goes on with what another one knew. REQUIRES: it served the same rule.
  void take(Nat64Table& other);

 private:
  enum class TcpState : std::uint8_t {
    kClosed,
    kV4Init,
    kV6Init,
    kOpen,
    kV4Fin,
    kV6Fin,
    kFins,
    kGoing
  };
  // An end, in src and src_port of a tuple of its protocol (ICMP's for both families).
  struct TupleHash {
    std::size_t operator()(const Tuple& tuple) const { return hash(tuple, 0); }
  };
  struct Binding {
    Tuple outer;
    Timestamp until;  // no session of it lasts longer
  };
  struct Session {
    TcpState state = TcpState::kClosed;
    Timestamp until;
  };

  const Binding* find(const Tuple& inner, Timestamp now) const;
  const Tuple* find_inner(const Tuple& outer, Timestamp now) const;
  std::optional<Tuple> bind(const Tuple& inner, Timestamp now);
  std::optional<Tuple> free_outer(const Tuple& inner, Timestamp now) const;
  std::size_t address_of(const Address& host) const;
  bool seen(const Tuple& inner, const Tuple& v4, bool from_v6, unsigned flags, Timestamp now);
  void sweep(Timestamp now);

  Nat64 rule_;
  const EmbeddedForm& form_;
  absl::flat_hash_map<Tuple, Binding, TupleHash> by_inner_;
  absl::flat_hash_map<Tuple, Tuple, TupleHash> by_outer_;
  absl::flat_hash_map<Tuple, Session, TupleHash> sessions_;  // by the IPv4 tuple outwards
  Timestamp swept_;
};

}  // namespace natlens::ruleset
