// Choosing a translation: address, then port, so that the reply tuple is nobody else's
// (nf_nat_core.c, get_unique_tuple and what it calls).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/conntrack/way.h"
#include "natlens/net/address.h"

namespace natlens::ruleset {

enum class Side : std::uint8_t { kSource, kDestination };

// What a rule allows (nf_nat_range2).
struct NatRange {
  bool has_address = false;
  Address first;
  Address last;
  bool has_ports = false;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  std::optional<std::uint16_t> port_base;
  bool random = false;
  bool persistent = false;
};

// Where chance comes from, so that it can be repeated, or taken from what really happened.
class Chance {
 public:
  virtual ~Chance() = default;
  virtual std::uint32_t random() = 0;
  // The port (id, key) that the real box gave to this candidate, if that is known.
  virtual std::optional<std::uint16_t> actual(const Tuple& candidate, Side side) = 0;
};

// Which outside end each inside end has had: the newest first (nf_nat_bysource).
class SourceIndex {
 public:
  void add(const Tuple& original, const Tuple& reply, std::uint32_t zone, std::uint32_t serial);
  void remove(std::uint32_t serial);
  // The newest mapped source of this source that lies in the range.
  std::optional<Tuple> find(const Tuple& tuple,
                            const NatRange& range,
                            std::uint32_t zone) const;

 private:
  struct Source {
    Address address;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;
    std::uint32_t zone = 0;
    bool operator==(const Source&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Source& s) {
      return H::combine(H::combine_contiguous(std::move(h), s.address.bytes().data(),
                                              s.address.bytes().size()),
                        s.port, s.protocol, s.zone);
    }
  };
  struct Mapped {
    Tuple source;  // the mapped source, in src and src_port
    std::uint32_t serial = 0;
  };
  absl::flat_hash_map<Source, std::vector<Mapped>> by_source_;  // newest last
  absl::flat_hash_map<std::uint32_t, Source> by_serial_;
};

struct Choice {
  Tuple tuple;
  bool by_chance = false;  // the kernel would have drawn it
};

// One search. `master`: the connection is expected (PPTP's GRE keys may be changed).
struct PortSearch {
  conntrack::Occupancy& table;
  const SourceIndex& sources;
  Chance& chance;
  std::uint32_t zone = 0;
  bool expected = false;

  // `tuple`: the packet's, as it is before this translation.
  Choice choose(const Tuple& tuple, Side side, const NatRange& range);

 private:
  bool taken(const Tuple& candidate) const;
  bool free_by_force(const Tuple& candidate, unsigned tries_left);
  bool keep_port(const Tuple& candidate, Side side, const NatRange& range) const;
  void find_free(Choice& choice, Side side, const NatRange& range);
};

bool in_range(const Tuple& source, const NatRange& range);
// Which of several addresses (find_best_ips_proto).
Address address_of_range(const Tuple& tuple, const NatRange& range, std::uint32_t zone);

}  // namespace natlens::ruleset
