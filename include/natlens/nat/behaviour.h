// What a NAT is like (RFC 4787, 5382, 5508, 6888): how it maps, filters, assigns ports, pairs
// addresses, hairpins, and how long it remembers, told by its translations alone. Each answer
// has its evidence, or is undetermined.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "natlens/nat/records.h"

namespace natlens::nat {

struct Hairpin;

class BehaviourBuilder {
 public:
  // Of each NAT the earliest `most` translations are kept: memory is bounded, and a NAT that
  // shows nothing in so many will not later.
  explicit BehaviourBuilder(std::size_t most = 32'768);
  ~BehaviourBuilder();

  // When the capture of a tap (tap.id) ended. What came later was not refused, but not
  // captured.
  void tap(std::uint16_t id, Timestamp last);
  // A translation of NAT `nat` (nat.id), in any order.
  void add(std::int64_t nat, const TranslationRow& row);
  // All translations were added.
  void seal();
  // A connection without partner, from which a NAT may have refused a packet. False: it says
  // nothing of any NAT. REQUIRES: seal() before.
  bool unpaired(const UnpairedRow& row);

  // The answers for every NAT that translates, by nat and protocol. REQUIRES: seal() before.
  std::vector<Behaviour> rows(std::span<const Nat> nats) const;

 private:
  struct Kept;  // of one NAT
  void judge(const Nat& nat, const Kept& kept, std::vector<Behaviour>& out) const;
  std::vector<Hairpin> hairpins_of(const Kept& kept) const;
  bool told_elsewhere(const Kept& kept) const;

  std::size_t most_;
  std::map<std::uint16_t, Timestamp> taps_;
  std::map<std::int64_t, Kept> nats_;
};

}  // namespace natlens::nat
