// What one stage of the way costs, measured over a whole capture: once without and once with
// it.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <utility>

#include "natlens/capture/source.h"

namespace natlens::bench {

inline double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

// Ends the program with 2 if the file cannot be read.
inline std::unique_ptr<capture::Source> open(const char* file) {
  auto source = capture::Source::open({.name = "", .files = {file}, .interface = ""});
  if (!source) {
    std::fprintf(stderr, "%s\n", source.error().message.c_str());
    std::exit(2);
  }
  return std::move(*source);
}

template <typename Pass>
struct Compared {
  Pass without;
  Pass with;
};

// The least `ns` of three passes each, in turn. `pass(bool)`: one over the capture, with the
// stage or without it.
template <typename Run>
auto compare(Run pass) {
  pass(false);  // the file is in the page cache from here on
  Compared<decltype(pass(true))> out{pass(false), pass(true)};
  for (int round = 1; round < 3; ++round) {
    out.without.ns = std::min(out.without.ns, pass(false).ns);
    out.with.ns = std::min(out.with.ns, pass(true).ns);
  }
  return out;
}

}  // namespace natlens::bench
