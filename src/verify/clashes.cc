#include "clashes.h"

#include <algorithm>

namespace natlens::verify {

Clashes::Clashes(const Scene& scene) {
  for (const Flow& flow : scene.flows) {
    const Tuple& before = flow.entered.tuple;
    const Tuple& after = flow.left.tuple;
    outer_[{flow.left.tap, after}].push_back({flow.start_ns, before.src, before.src_port});
    inner_[{flow.entered.tap, {before.src, before.src_port}, before.protocol}].emplace_back(
        flow.start_ns, Endpoint{after.src, after.src_port});
  }
  for (const Alone& alone : scene.alone) {  // the router's own, and other inner networks'
    outer_[{alone.sight.tap, alone.sight.tuple}].push_back(
        {alone.sight.start_ns, alone.sight.tuple.src, alone.sight.tuple.src_port});
  }
}

// An entry lives on after its last packet, for longer than most captures: whatever came earlier
// counts.
bool Clashes::explain(const Flow& flow) const {
  const Tuple& before = flow.entered.tuple;
  Tuple wanted = flow.left.tuple;
  wanted.src_port = before.src_port;
  const auto taken = outer_.find({flow.left.tap, wanted});
  if (taken != outer_.end() &&
      std::any_of(taken->second.begin(), taken->second.end(),
                  [&](const Use& use) { return use.start <= flow.start_ns; })) {
    return true;
  }
  const Endpoint got{flow.left.tuple.src, flow.left.tuple.src_port};
  const auto earlier =
      inner_.find({flow.entered.tap, {before.src, before.src_port}, before.protocol});
  return earlier != inner_.end() &&
         std::any_of(earlier->second.begin(), earlier->second.end(), [&](const auto& other) {
           return other.first < flow.start_ns && other.second == got;
         });
}

}  // namespace natlens::verify
