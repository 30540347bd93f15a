// Connections of a router that are open, and how they become rows: one at each side that they
// were seen at, and the translation between the two.
#pragma once

#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/pipeline/router_log.h"
#include "natlens/store/writer.h"

namespace natlens::pipeline {

class RouterRows {
 public:
  explicit RouterRows(store::Writer& writer) : writer_(writer) {}

  void opened(const RouterConnection& connection);
  void event(const conntrack::Event& event);
  void packets(const RouterPackets& packets);
  void closed(const conntrack::Closed& closed);
  // Writes the rows of what has changed: all that changed its state, and of those that only
  // had packets so many, the others later.
  void write_changed();

 private:
  // Which rows an entry has: those of both sides; with a NAT64 there is an entry for each.
  enum class Part : std::uint8_t { kBoth, kBefore, kAfter };
  struct Live {
    RouterConnection opened;
    Part part = Part::kBoth;
    bool changed = false;  // waits in changed_
    std::uint8_t state = 0;
    std::uint32_t status = 0;
    std::uint32_t timeout_seconds = 0;
    Timestamp last;
    std::array<conntrack::DirectionCounters, 2> counters;
    std::vector<store::EventItem> events;
  };
  static constexpr std::size_t kMostEvents = 64;
  static constexpr std::size_t kMostAtOnce = 5000;

  void mark(std::uint32_t serial, Live& live);
  void write(const Live& live, const conntrack::Closed* closed);
  void write_translation(const Live& live, Timestamp end);
  void fill(const Live& live, const conntrack::Closed* closed);

  store::Writer& writer_;
  absl::flat_hash_map<std::uint32_t, Live> live_;  // by serial
  std::vector<std::uint32_t> changed_;
  std::size_t next_changed_ = 0;
  store::ConnectionRow row_;
};

}  // namespace natlens::pipeline
