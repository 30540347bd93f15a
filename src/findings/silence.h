// What packets that ended a silence tell of a timeout. One that still came through says "at
// least so long", one that was refused "not so long". Only packets that came in count: on a NAT
// that keeps ports an outbound packet makes a new mapping that looks like the old one.
#pragma once

#include <array>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "rules.h"

namespace natlens::findings {

// The class of a connection when it fell silent.
enum class Phase : std::uint8_t {
  kUnreplied,
  kExchange,
  kStream,
  kOpening,
  kEstablished,
  kClosing,
  kEcho,
  kOther
};
constexpr auto kPhaseNames =
    std::to_array<std::string_view>({"unreplied", "single-exchange", "stream", "opening",
                                     "established", "closing", "echo", ""});

struct Silence {
  const Note* note = nullptr;
  std::uint32_t translation = kNone;
  Phase phase = Phase::kOther;
  double seconds = 0;
  bool refused = false;  // else it came through
};

// What is known of one NAT and phase.
struct Bounds {
  double lower_s = 0;
  double upper_s = INFINITY;
  std::vector<Silence> refusals;
  const Note* survivor = nullptr;  // the longest
};
using Known = std::map<std::pair<std::int64_t, Phase>, Bounds>;

std::vector<Silence> silences(const Case& of);
Known bounds_of(const Case& of, const std::vector<Silence>& all);

}  // namespace natlens::findings
