#include "rules.h"

#include <algorithm>
#include <array>

#include "natlens/findings/catalogue.h"
#include "natlens/findings/diagnose.h"

#include "traffic.h"

namespace natlens::findings {
namespace {

// Capture quality comes last: it tells what the others could not judge.
// One a line, so that families are added apart.
constexpr auto kFamilies = std::to_array<const Family*>({
    &kLost,    &kMade,        &kChanges,    &kTimeouts,  &kInbound,   &kAsymmetric,  &kLeaks,
    &kMapping, &kHairpin,     &kPorts,      &kPortOrder, &kIcmp,      &kIntegrity,   &kOptions,
    &kPath,    &kInvalid,     &kHandshakes, &kMtu,       &kFragments, &kTable,       &kLatency,
    &kAlg,     &kVpnSessions, &kVpnPaths,   &kVpnLeaks,  &kProxies,   &kTranslators, &kCapture,
});

}  // namespace

std::span<const Family* const> families() {
  return kFamilies;
}

bool detected(std::string_view code) {
  return std::any_of(kFamilies.begin(), kFamilies.end(), [&](const Family* family) {
    return std::find(family->codes.begin(), family->codes.end(), code) != family->codes.end();
  });
}

std::vector<Finding> diagnose(Rows rows, const Parameters& parameters) {
  const Picture picture(std::move(rows));
  const Gates gates(picture, parameters);
  Report report(picture);
  for (const Family* family : kFamilies) family->run({picture, gates, parameters, report});
  return report.finish();
}

}  // namespace natlens::findings
