// The codes: what each means, how it is told, what to do about it. Compiled in.
#pragma once

#include <span>
#include <string_view>

#include "natlens/findings/records.h"

namespace natlens::findings {

struct CodeEntry {
  std::string_view code;
  std::string_view severity;  // as the catalogue has it: "warning/error" by circumstances
  std::string_view taps;      // how many it needs: "2", "1+" (one will do for a suspicion)
  int tier = 2;
  std::string_view brief;
  std::string_view seen;   // what somebody notices
  std::string_view rule;   // how it is told
  std::string_view traps;  // what looks like it and is not
  std::string_view advice;
  std::string_view reference;
};

// By code, in alphabetical order.
std::span<const CodeEntry> catalogue();
const CodeEntry* find_code(std::string_view code);  // nullptr: none
// True: some rule raises it.
bool detected(std::string_view code);

}  // namespace natlens::findings
