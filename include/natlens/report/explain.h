// What `natlens explain DB TAP:FRAME` prints: why connection tracking gave a frame its class,
// and what became of its connection at the other taps.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "natlens/conntrack/tracker.h"
#include "natlens/decode/keys.h"
#include "natlens/net/result.h"
#include "natlens/store/database.h"

namespace natlens::report {

// A frame by its number in a file, as Wireshark shows it.
struct ExplainTarget {
  std::string place;  // a tap, or a file by its path or name
  std::uint32_t frame = 0;
};
// "lan:37", "lan.pcap:37", "captures/lan.pcap:37".
Result<ExplainTarget> parse_explain_target(std::string_view text);

struct Explanation {
  std::string text;     // the page, or
  std::string missing;  // why there is none: what the database has instead
};

// Reads the capture again up to that frame, and tracks it with `options` and decrypts it with
// `keys` (or none), which must be those of the analysis. Where the capture is gone the page
// holds what the database kept of the frame; an Error if that is nothing.
Result<Explanation> explain_frame(store::Database& database,
                                  const ExplainTarget& target,
                                  const conntrack::Options& options,
                                  std::shared_ptr<const decode::KeyRing> keys = nullptr);

}  // namespace natlens::report
