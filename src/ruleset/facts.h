// What rules may ask of a packet at some point of its way.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "natlens/decode/records.h"
#include "natlens/net/address.h"
#include "natlens/ruleset/records.h"

namespace natlens::ruleset {

// A mark: known until something sets it that is not understood.
struct Mark {
  std::uint32_t value = 0;
  bool known = true;
  bool operator==(const Mark&) const = default;
};

struct Facts {
  const decode::Layer* layer = nullptr;
  Tuple tuple;  // as the headers are at this point
  bool has_entry = false;
  Tuple original;
  Tuple reply;
  std::uint32_t state = 0;   // one state_bit
  std::uint32_t status = 0;  // conntrack::status
  std::uint32_t direction = 0;
  // Names of the interface; nullptr: the hook has none. Empty text: it has an unknown name.
  const std::string* in = nullptr;
  const std::string* out = nullptr;
  std::uint32_t dst_type = 0;  // address_type; 0: unknown
  std::uint32_t src_type = 0;
  Mark mark;
  Mark ct_mark;
};

// The value of a field; kNo: the packet has no such field; kUnknown: it cannot be told.
Truth value_of(const Key& key, const Facts& facts, Number& value);
// Does a match hold?
Truth holds(const Statement& match, const Facts& facts);
// The first member of a set that holds these facts; kUnknown: cannot be told. A chance key
// takes the member that `chance` gives.
Truth find_element(const Set& set,
                   const std::vector<Key>& keys,
                   const Facts& facts,
                   std::uint32_t chance,
                   const Element*& found);

}  // namespace natlens::ruleset
