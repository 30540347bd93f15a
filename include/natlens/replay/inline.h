// The NAT engine in the path: packets are read from a TUN device, go through the router, and
// what leaves is written back. The caller owns the clock and the waiting.
//
// One device is both sides of the router: a packet whose source lies behind the inner interface
// enters there, any other one at the outer interface.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "natlens/conntrack/tracker.h"
#include "natlens/decode/decoder.h"
#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"
#include "natlens/ruleset/router.h"

namespace natlens::replay {

// Who wants to know of connections and of what became of packets. Calls are cheap: it copies.
class Watcher : public conntrack::Sink {
 public:
  // After each packet, behind what the Sink was told of it.
  virtual void passed(const ruleset::Passed& passed, unsigned entered) = 0;
};

struct InlineOptions {
  ruleset::RouterSetup setup;  // 0 the inner interface, 1 the outer one
  conntrack::Options tracking;
  bool offload = false;  // packets have a virtio_net_hdr in front, both ways
};

struct InlineCounters {
  std::uint64_t packets_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t own = 0;           // of those out: made by the router itself
  std::uint64_t unreadable = 0;    // no IP packet, or the headers contradict themselves
  std::uint64_t martian = 0;       // from an address of the router's own
  std::uint64_t sent_back = 0;     // would have left as it came, to come again: dropped
  std::uint64_t write_failed = 0;  // the kernel did not take it
  std::uint64_t inconclusive = 0;  // a rule could not be judged
  std::array<std::uint64_t, static_cast<std::size_t>(ruleset::Fate::kCount)> fates{};
};

class InlineNat {
 public:
  // `watcher` is not owned and outlives this.
  InlineNat(std::unique_ptr<const ruleset::Ruleset> rules,
            const InlineOptions& options,
            Watcher& watcher);
  ~InlineNat();

  // Reads what waits at `fd`, at most a batch, and sends on what leaves. `now` never steps
  // back. Returns how many packets there were; an Error if the device is gone. Allocates
  // nothing once warm.
  Result<std::size_t> serve(int fd, Timestamp now);
  // Connections that have timed out end.
  void tick(Timestamp now);
  // Goes on with other rules.
  void reload(std::unique_ptr<const ruleset::Ruleset> rules);
  // All connections end.
  void finish(Timestamp now);

  const ruleset::Ruleset& rules() const { return *rules_; }
  const InlineCounters& counters() const { return counters_; }
  conntrack::TrackerStats tracking() { return router_.tracker().stats(); }
  conntrack::Tracker& tracker() { return router_.tracker(); }

 private:
  struct Buffers;
  void handle(int fd, std::span<std::uint8_t> bytes, Timestamp now);
  bool sends_back(const ruleset::Passed& passed, unsigned entered) const;
  void write_out(int fd, std::span<const std::uint8_t> header);

  std::unique_ptr<const ruleset::Ruleset> rules_;
  const bool offload_;
  const std::uint32_t mtu_;
  const std::vector<Address> own_;
  Watcher& watcher_;
  ruleset::Router router_;
  decode::Decoder decoder_;
  std::unique_ptr<Buffers> buffers_;
  ruleset::Passed passed_;
  InlineCounters counters_;
  std::uint32_t frames_ = 0;
};

}  // namespace natlens::replay
