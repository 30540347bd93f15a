// A capture read again, up to one frame: what connection tracking made of that frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "natlens/conntrack/tracker.h"
#include "natlens/decode/keys.h"
#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"

namespace natlens::report {

// A frame of the files of one source.
struct ReplayRequest {
  std::vector<std::string> files;
  std::string file;                                       // where the frame is, one of `files`
  std::uint32_t number = 0;                               // of the frame in that file
  std::shared_ptr<const decode::KeyRing> keys = nullptr;  // none: what is closed stays closed
};

// A tap of the source, as its files tell it.
struct ReplayTap {
  std::size_t index = 0;  // in the order of discovery
  std::string interface;
  std::uint32_t ifindex = 0;
};

// The tap of that frame; nothing if the files no longer have the frame.
Result<std::optional<ReplayTap>> tap_of_frame(const ReplayRequest& request);

// One packet of the frame: an IP layer that is not quoted.
struct ReplayedPacket {
  conntrack::Verdict verdict;
  conntrack::EntryView before;  // connection 0: none
  conntrack::EntryView after;
  std::string opened_by;  // the frame that opened the entry after it, or before it; "" unknown
  std::string bound_frame;  // that set the bound of an INVALID
};

struct ReplayedFrame {
  Timestamp time = Timestamp::none();
  std::string decoded;  // report::append_decode_text
  bool copy = false;    // left out of tracking
  bool waits_for_fragments = false;
  std::vector<ReplayedPacket> packets;
};

// Nothing: the files no longer have this frame at the tap of this index.
Result<std::optional<ReplayedFrame>> replay_frame(const ReplayRequest& request,
                                                  std::size_t tap,
                                                  const conntrack::Options& options);

}  // namespace natlens::report
