// The rules, one file per family. A family names the codes that it raises; the table of
// families is in rules.cc.
#pragma once

#include <span>
#include <string_view>

#include "natlens/findings/parameters.h"

#include "gates.h"
#include "picture.h"
#include "report.h"

namespace natlens::findings {

struct Case {
  const Picture& picture;
  const Gates& gates;
  const Parameters& parameters;
  Report& report;
};

struct Family {
  std::span<const std::string_view> codes;
  void (*run)(const Case&);
};

// In the order in which they run: a later family may ask what an earlier one raised.
std::span<const Family* const> families();

extern const Family kLost;
extern const Family kMade;
extern const Family kChanges;
extern const Family kTimeouts;
extern const Family kLeaks;
extern const Family kInbound;
extern const Family kAsymmetric;
extern const Family kMapping;
extern const Family kHairpin;
extern const Family kPorts;
extern const Family kPortOrder;
extern const Family kIcmp;
extern const Family kIntegrity;
extern const Family kOptions;
extern const Family kPath;
extern const Family kInvalid;
extern const Family kHandshakes;
extern const Family kVpnSessions;
extern const Family kVpnPaths;
extern const Family kVpnLeaks;
extern const Family kProxies;
extern const Family kTranslators;
extern const Family kCapture;

}  // namespace natlens::findings
