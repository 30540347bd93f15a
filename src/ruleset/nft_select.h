// The left and right sides of nft matches: selectors, values, sets, look-ups.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "natlens/ruleset/records.h"

#include "tokens.h"

namespace natlens::ruleset {

// What the rules of one table may name, and where gaps are told.
struct Context {
  Ruleset& out;
  std::string file;
  std::string table;
  // By "table name"; made when first named, filled when defined.
  std::map<std::string, std::shared_ptr<Set>>& sets;
  std::map<std::string, bool>& defined;
  std::map<std::string, std::string>& helpers;  // ct helper objects: what they are
  std::optional<Place> place{};                 // instead of the tokens' own, if set

  Place at(const Token& token) const;
  void gap(const Token& token, std::string what) const;
  std::shared_ptr<Set> named_set(std::string_view name) const;
};

// One or more selectors joined by dots. False: this is no selector; nothing is taken.
bool read_keys(Cursor& cursor, const Context& context, std::vector<Key>& keys);
// "{ 80, 443 }", "@web", or one value; behind keys. For maps: elements with data or verdicts.
std::shared_ptr<Set> read_set(Cursor& cursor,
                              const Context& context,
                              const std::vector<Key>& keys);
// The elements between braces, into `set`. `data`: how to read what is behind the colon.
void read_elements(Cursor& cursor,
                   const Context& context,
                   const std::vector<Key>& keys,
                   bool verdicts,
                   Set& set);
// An operator and the right side of a match.
Statement read_match(Cursor& cursor, const Context& context, std::vector<Key> keys);
// The keys of "type ipv4_addr . inet_service".
std::vector<Key> keys_of_type(std::string_view type);
// "accept", "jump web"; false: no verdict.
bool read_verdict(Cursor& cursor, Verdict& verdict);
// Flags and numbers joined by |, in parentheses or not.
std::optional<Number> read_bits(Cursor& cursor, const Key& key);

}  // namespace natlens::ruleset
