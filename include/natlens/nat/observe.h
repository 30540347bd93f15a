// Translations -> mappings, relations between taps, paths. Fed from rows that the store hands
// back in sorted order, so memory does not grow with the capture.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "natlens/nat/records.h"

namespace natlens::nat {

// Internal and external end of a translation by its kind: the sources, inside and outside; for
// dnat the destinations; for hairpin the destinations too, internal where the server sees it.
// False for kinds without a mapping (bridged, routed, tunnel).
bool mapping_ends(const TranslationRow& row, Endpoint& internal, Endpoint& external);

// True for kinds that a NAT makes: all but bridged, routed, proxy and tunnel.
bool translates(correlate::TranslationKind kind);

// Relations between taps. Feed taps and every translation in any order; then rows().
class RelationBuilder {
 public:
  explicit RelationBuilder(std::uint16_t taps) : taps_(taps) {}
  // When a tap (tap.id) had frames, reference clock. Without it no pair is called isolated.
  void tap(std::uint16_t id, Timestamp first, Timestamp last);
  // Returns the nat.id that the pair of taps will have, so that one pass over the translations
  // can feed a MappingBuilder too. Ids count from 1 in the order in which pairs first appear.
  std::int64_t add(const TranslationRow& row);
  // In order of tap ids: pairs of taps that carried translations, and pairs that no chain of
  // such pairs joins: `isolated` if both had traffic at the same time, else `unrelated` (not
  // listed above 64 taps). A pair has a second row, with its taps exchanged, if it translates
  // in that direction too; if it only let traffic pass, that is counted in the first one, and
  // the id of the second is of no row (no mapping names it).
  std::vector<Nat> rows() const;

 private:
  struct Span {
    Timestamp first = Timestamp::max();
    Timestamp last = Timestamp::none();
  };
  Nat& pair(std::uint16_t inside, std::uint16_t outside);
  void add_strangers(std::vector<Nat>& rows) const;

  std::uint16_t taps_;
  std::vector<Nat> pairs_;   // ordered pairs as the translations name them
  std::vector<Span> spans_;  // by tap.id
};

// nat.id of the pair of taps that a translation lies between; 0 = none of `rows`, which are
// those of RelationBuilder::rows().
std::int64_t nat_id(std::span<const Nat> rows, const TranslationRow& row);

// Mappings. REQUIRES: rows sorted by (inside_tap, outside_tap, protocol, internal endpoint,
// external endpoint, start) -- store::TranslationOrder::kByMapping. Emits each mapping when its
// key changes, and the last at finish(). Translations without a mapping are passed over.
class MappingBuilder {
 public:
  explicit MappingBuilder(std::function<void(const Mapping&)> emit);
  void add(const TranslationRow& row, std::int64_t nat_id);
  void finish();

 private:
  void add_far_end(const Endpoint& end);
  void sort_far_ends();

  std::function<void(const Mapping&)> emit_;
  Mapping current_;
  std::vector<Endpoint> far_ends_;
  std::size_t sort_at_ = 0;
  bool open_ = false;
};

// Paths of three and more steps: the same traffic at taps 1, 2, 3... from where the connection
// was opened towards its server. A path of two steps is its translation and is not emitted.
// Where a connection changed its partner in the middle, each of the stretches is a path of its
// own, and the translations before and after belong to both; every pair of translations that
// follow each other in travel while both held is in some path (up to 8 paths per translation,
// where many partners held at once). Tunnels end a path: many share one carrier.
//
// Feed translations in the order of their start (store::TranslationOrder::kChained). A group of
// joined connections is emitted as soon as none of them lives, so memory is that of connections
// alive at once. In any other order, leave alive_until at max(): all is emitted at finish().
class PathBuilder {
 public:
  explicit PathBuilder(std::function<void(const PathStep&)> emit);
  ~PathBuilder();
  void add(const TranslationRow& row);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::nat
