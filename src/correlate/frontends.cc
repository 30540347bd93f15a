#include "frontends.h"

#include <algorithm>

namespace natlens::correlate {

void Frontends::add(const Endpoint& from, const Endpoint& to) {
  const std::uint64_t key = key_of(from);
  if (known_.size() == kMost && !known_.contains(key)) return;
  Ends& of = known_[key];
  const auto end = of.ends.begin() + static_cast<std::ptrdiff_t>(of.count);
  if (of.count == of.ends.size() || std::find(of.ends.begin(), end, to) != end) return;
  of.ends[of.count++] = to;
}

void Frontends::learn(const Endpoint& frontend, const Endpoint& server) {
  if (frontend == server) return;
  add(frontend, server);
  add(server, frontend);
  if (frontend.port != server.port || frontend.address == server.address) return;
  add({frontend.address, 0}, {server.address, 0});
  add({server.address, 0}, {frontend.address, 0});
}

bool Frontends::lead(const Endpoint& one, const Endpoint& other) const {
  bool out = false;
  each(one, [&](const Endpoint& end) { out |= end == other; });
  return out;
}

}  // namespace natlens::correlate
