// What the parts of the tunnel tracker share: taps, tunnels, hypotheses, and what waits.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "natlens/correlate/tunnels.h"
#include "natlens/net/serial_index.h"
#include "natlens/net/slab.h"

#include "tunnel_aligner.h"

namespace natlens::correlate {

struct TunnelTracker::Impl {
  Impl(const TunnelOptions& o, TunnelSink& s) : options(o), sink(s) {}

  struct Tap {
    InnerRing ring;
    std::int64_t slack = 0;
    bool device = false;
  };
  struct Due {
    std::int64_t time = 0;
    std::uint32_t tunnel = 0;
  };
  struct Ended {
    std::int64_t due = 0;
    std::uint16_t tap = 0;
    std::uint32_t serial = 0;
    std::array<std::uint64_t, 2> packets{};
  };
  // A connection that opened while no tunnel was known. What a source tells of is ahead of what
  // it shows, so this happens to those inside the first one.
  struct Early {
    ConnectionRef connection;
    std::uint64_t src = 0;
    std::uint64_t dst = 0;
  };
  static constexpr std::size_t kMostEarly = 1U << 14;
  // Ended connections that wait for what a tunnel's far end may still show.
  static constexpr std::size_t kMostEnded = 1U << 17;
  using Aligners = std::vector<std::unique_ptr<TunnelAligner>>;

  static InnerEnds& ends_of(void* self, std::uint16_t tap, std::uint32_t serial) {
    return static_cast<Impl*>(self)->ends(tap, serial);
  }
  InnerEnds& ends(std::uint16_t tap, std::uint32_t serial) {
    std::uint32_t slot = index.find(tap, serial);
    if (slot == kNoSlot) {
      slot = inner.take();
      index.insert(tap, serial, slot);
      inner[slot].carrier = table.is_carrier({tap, serial});
    }
    return inner[slot];
  }

  void reach(std::int64_t time);
  void schedule(std::uint32_t tunnel, std::int64_t time);
  void process(std::uint32_t number, bool all);
  std::int64_t wait_of(std::uint32_t number);
  void gather(std::uint32_t number, unsigned lane);
  void rehearse(std::uint32_t number);
  void align_lane(std::uint32_t number, unsigned lane, bool all);
  void align_tap(std::uint32_t number,
                 std::uint16_t tap,
                 unsigned lane,
                 std::size_t final_rows);
  void propose(std::uint32_t number, std::uint16_t tap);
  bool awake(const TunnelAligner& aligner) const {
    return !aligner.dropped() && !aligner.dormant(now);
  }
  TunnelAligner::Context context(std::uint32_t number, std::size_t i);
  void elect(Aligners& of, std::uint16_t tap);
  void settle(const Ended& ended);
  bool tells(const TunnelAligner& aligner, std::uint32_t number, const InnerEnds& of);
  // What became of a connection's packets, in all tunnels that it was in.
  struct Account {
    decode::Encapsulation kind = decode::Encapsulation::kNone;  // of the surest
    float bits = 0;                                             // likewise; 0: in none
    std::array<std::uint64_t, 2> linked{};
    std::array<std::uint64_t, 2> unsure{};
    std::array<std::uint64_t, 2> unseen{};
    std::array<std::uint64_t, 2> overhead{};
    void add(decode::Encapsulation of, float more_bits, const InnerState& state);
  };
  void tell(TunnelAligner& aligner,
            std::uint32_t number,
            const Ended& ended,
            const InnerState& state,
            Account& account);
  void close_account(const Ended& ended, const Account& account);
  void sweep();

  // Only where there are tunnels the addresses of inner connections are kept.
  void note_opened() {
    for (const Early& opened : early) {
      InnerEnds& of = ends(opened.connection.tap, opened.connection.serial);
      of.src = opened.src;
      of.dst = opened.dst;
    }
    early.clear();
  }

  TunnelOptions options;
  TunnelSink& sink;
  TunnelStats stats;
  std::vector<Tap> taps;
  TunnelTable table;
  std::vector<Aligners> aligners;  // by tunnel
  SerialIndex index;               // to inner
  Slab<InnerEnds> inner;
  Alignment alignment;
  std::deque<Due> due;
  std::deque<Ended> ended;
  std::deque<Early> early;
  std::array<std::vector<OuterPacket*>, 2> rows;  // open packets, by lane
  std::int64_t now = INT64_MIN / 4;
  std::int64_t swept = INT64_MIN / 4;
};

}  // namespace natlens::correlate
