// A TOML file as a tree with places; the only file that knows the TOML library is its source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "natlens/net/result.h"
#include "natlens/ruleset/records.h"

namespace natlens::verify {

struct Item {
  enum class Type : std::uint8_t { kNone, kText, kInteger, kReal, kBool, kDate, kList, kTable };
  Type type = Type::kNone;
  std::string text;  // kText; kDate as "2027-03-31"
  std::int64_t integer = 0;
  double real = 0;
  bool flag = false;
  std::vector<Item> list;
  std::vector<std::pair<std::string, Item>> members;  // in the order of the file
  ruleset::Place place;                               // of the value
  ruleset::Place key;                                 // of its key, if it has one

  const Item* find(std::string_view name) const;
};

// An Error says "FILE:LINE:COLUMN: what".
Result<Item> read_toml(std::string_view text, const std::string& where);

// A file's text, or an Error that names it.
Result<std::string> read_file(const std::string& path);
// Relative names are relative to the file that names them.
std::string beside(const std::string& file, const std::string& name);
// "nat.toml:12:3: what".
Error at(const ruleset::Place& place, std::string_view what);

}  // namespace natlens::verify
