// Live interfaces as sources: libpcap, one source for each interface.
//
//   [NAME=]INTERFACE          one interface, one tap
//   [NAME=]any                all interfaces, one tap for each (LINUX_SLL2), found as they show
//                             packets: NAME/eth0, any/eth0...
//
// A live source has no end of its own: it ends with the limits that all sources of a capture
// share, or with its interface. Times are the kernel's, in nanoseconds where it has them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/capture/frame_log.h"
#include "natlens/capture/records.h"
#include "natlens/capture/source.h"
#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"

namespace natlens::capture {

struct LiveSpec {
  std::string name;       // of the tap
  std::string interface;  // or "any"
};

// Splits one command-line argument; whether there is such an interface shows when it is opened.
Result<LiveSpec> parse_live(std::string_view argument);

struct LiveOptions {
  std::uint32_t snaplen = 262144;
  std::uint64_t buffer_bytes = std::uint64_t{32} << 20;  // of the kernel, for each interface
  std::string filter;                                    // BPF; "" = everything
  bool promiscuous = true;
  FrameLog* log = nullptr;  // where the frames are written too; outlives the source
};

// How many frames all taps together may take, and for how long; shared by their threads.
class LiveLimits {
 public:
  // 0: no limit. The time counts from start().
  LiveLimits(std::uint64_t frames, Nanoseconds duration) : left_(frames), duration_(duration) {
    counted_ = frames != 0;
  }
  void start();
  // One more frame is taken; false: there were enough.
  bool take();
  bool over() const;
  void end() { ended_.store(true, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> left_;
  std::atomic<bool> ended_{false};
  bool counted_ = false;
  Nanoseconds duration_;
  std::int64_t until_ns_ = 0;  // steady clock; 0 = no limit, or not started
};

// Opens the interface and sets the filter; from here on the kernel collects packets. `limits`
// outlives the source. Errors: no such interface (names those that there are), no permission
// (says which capability), a filter that cannot be compiled.
Result<std::unique_ptr<Source>> open_live(const LiveSpec& spec,
                                          const LiveOptions& options,
                                          LiveLimits& limits);

}  // namespace natlens::capture
