// Translations -> mappings, relations between taps, paths. Fed from rows that the store hands
// back in sorted order, so memory does not grow with the capture.
#pragma once

#include <functional>
#include <vector>

#include "natlens/nat/records.h"

namespace natlens::nat {

// Relations between taps. Feed every translation in any order; then rows() in order of tap ids.
class RelationBuilder {
 public:
  explicit RelationBuilder(std::uint16_t taps) : taps_(taps) {}
  void add(const TranslationRow& row);
  // Pairs of taps that carried translations or that had traffic in time together; ids from 1.
  std::vector<Nat> rows() const;

 private:
  std::uint16_t taps_;
  std::vector<Nat> pairs_;
};

// Mappings. REQUIRES: rows sorted by (inside_tap, outside_tap, protocol, internal endpoint,
// external endpoint, start) -- the order of store::Reader::translations_by_mapping. Emits each
// mapping when its key changes, and the last at finish().
class MappingBuilder {
 public:
  explicit MappingBuilder(std::function<void(const Mapping&)> emit);
  void add(const TranslationRow& row, std::int64_t nat_id);
  void finish();

 private:
  std::function<void(const Mapping&)> emit_;
  Mapping current_;
  std::vector<std::uint64_t> far_hashes_;
  bool open_ = false;
};

// Internal and external end of a translation by its kind (snat: sources; dnat: destinations...).
// False for kinds without a mapping (bridged, routed).
bool mapping_ends(const TranslationRow& row, Endpoint& internal, Endpoint& external);

}  // namespace natlens::nat
