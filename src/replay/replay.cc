#include "natlens/replay/replay.h"

#include "merged.h"
#include "run.h"

namespace natlens::replay {

Result<ReplayResult> replay(const ruleset::Ruleset& rules,
                            const ReplayOptions& options,
                            const std::function<Result<void>(const Left&)>& on_left) {
  Run run(rules, options);
  if (auto done = run.prepare(); !done) return done.error();
  const auto done = each_merged(
      options, [&](const capture::Frame& frame, const decode::DecodedFrame& decoded,
                   unsigned side) { return run.frame(frame, decoded, side, on_left); });
  if (!done) return done.error();
  return run.result();
}

}  // namespace natlens::replay
