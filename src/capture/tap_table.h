// Which tap is a frame of? One tap for each place where frames were captured: an interface of a
// pcapng, an ifindex of a cooked capture (LINUX_SLL2), an interface name of a PKTAP capture; a
// classic file is one place.
//
// The same place in several files (or sections) of a source is the same tap. Places are the
// same if the interface has the same name and the same rank among those of that name in its
// section; interfaces without a name, if they have the same index. So a ring buffer's files
// join, and two hosts' "eth0" that mergecap put into one section stay apart.
//
// Names: a tap is called as its source if it is the only one that can be there; with
// "/INTERFACE" behind it as soon as the headers show several places, or a link type that tells
// the interface in each frame (then always, so that the name does not depend on what comes
// later).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "natlens/capture/records.h"

#include "format_reader.h"

namespace natlens::capture {

class TapTable {
 public:
  // `interface`: what to select, "" = everything.
  TapTable(std::string name, std::string interface)
      : base_(std::move(name)), selected_(std::move(interface)) {}

  // The places that the headers of a file show. To be called for files in order, before frames
  // are looked up; what comes later in a file is found by tap_of().
  void add_leading(const std::vector<InterfaceInfo>& interfaces, std::size_t count);
  // The next frames and drops are of another file.
  void begin_file();

  static constexpr std::int32_t kNotSelected = -1;
  // The tap's index or kNotSelected. Sets frame.direction where the link layer tells it.
  std::int32_t tap_of(Frame& frame, const std::vector<InterfaceInfo>& interfaces);

  // Counts what the frame is to its tap. REQUIRES: frame.tap is set.
  void count(const Frame& frame) {
    TapInfo& tap = taps_[frame.tap];
    ++tap.frames;
    if (!frame.time.has_value()) return;
    if (!tap.first.has_value() || frame.time < tap.first) tap.first = frame.time;
    if (frame.time > tap.last) tap.last = frame.time;
  }
  void count_odd_time(std::uint16_t tap) { ++taps_[tap].odd_times; }
  // Takes over the drop counters of an interface of the current file.
  void update_drops(std::uint32_t interface, const InterfaceInfo& info);

  const std::vector<TapInfo>& taps() const { return taps_; }
  // Everything that was there to be selected, for an error message.
  const std::set<std::string>& seen() const { return seen_; }

 private:
  // What the link layer tells of the interface: an ifindex in decimal, a PKTAP name;
  // zero-filled.
  using SubName = std::array<char, 24>;
  // Interface name, rank or index, SubName as text.
  using Place = std::tuple<std::string, std::uint32_t, std::string>;
  struct SubTap {
    SubName name{};
    std::int32_t tap = 0;
  };
  static constexpr std::int32_t kUnknown = -2;
  struct InterfaceTaps {
    std::int32_t tap = kUnknown;  // of frames that tell no interface of their own
    std::vector<SubTap> sub;      // sorted by name
    std::size_t last_sub = 0;
  };
  // Counters of one capturing process: files of a ring buffer go on counting, other files begin
  // anew.
  struct Drops {
    std::uint64_t before = 0;
    std::uint64_t current = 0;
    std::uint64_t start = 0;
    bool has_start = false;
    std::uint32_t file = 0;
    std::uint32_t interface = 0;
  };

  std::int32_t sub_tap_of(const Frame& frame,
                          const SubName& name,
                          const std::vector<InterfaceInfo>& interfaces);
  std::int32_t find_or_add(const Frame& frame,
                           const InterfaceInfo& info,
                           const std::string& sub);
  bool is_selected(const InterfaceInfo& info, std::uint32_t index, const std::string& sub);
  std::string tap_name(const std::string& label) const;
  void apply_drops(std::size_t tap, std::uint32_t interface, const InterfaceInfo& info);

  std::string base_;
  std::string selected_;
  bool several_ = false;  // names get a suffix
  bool full_ = false;     // the last tap takes all further places
  std::uint32_t file_ = 0;
  std::set<Place> leading_;
  std::map<Place, std::int32_t> by_place_;
  std::vector<InterfaceTaps> current_;  // by Frame::interface, of the current file
  std::vector<TapInfo> taps_;
  std::vector<Drops> drops_;
  std::set<std::string> seen_;
};

}  // namespace natlens::capture
