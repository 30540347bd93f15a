// Rules written for a test, and packets that meet them.
#pragma once

#include <string>

#include "natlens/ruleset/parse.h"

#include "support/catch.h"

namespace natlens::ruleset {

inline Ruleset rules_of(const std::string& text) {
  auto rules = parse(text, "test.rules");
  INFO(text << "\n" << (rules ? "" : rules.error().message));
  REQUIRE(rules);
  return std::move(*rules);
}

// A table with one chain of each kind, as short as it goes.
inline std::string nat_table(const std::string& pre, const std::string& post) {
  return "table ip nat {\n chain pre {\n  type nat hook prerouting priority dstnat; policy "
         "accept;\n  " +
         pre + "\n }\n chain post {\n  type nat hook postrouting priority srcnat;\n  " + post +
         "\n }\n}\n";
}

}  // namespace natlens::ruleset
