// What the database knows of a frame, in lines for people: where its connection is at other
// taps, what became of the packet, findings that name it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "natlens/conntrack/records.h"
#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"

#include "loader.h"

namespace natlens::report {

struct FrameName {
  std::int64_t file = 0;  // file.id
  std::uint32_t frame = 0;
};

class FrameComments {
 public:
  explicit FrameComments(Loader& loader);  // `loader` outlives it
  // "" if there is nothing to say. `verdicts` are of its packets, the outermost first; `time`
  // is by the reference clock.
  std::string of(const FrameName& name,
                 std::int64_t tap,
                 Timestamp time,
                 std::span<const conntrack::Verdict> verdicts);

 private:
  struct Stretch {
    std::string text;
    Timestamp start;
    Timestamp end;
  };
  struct Known {
    std::vector<Stretch> stretches;
    std::vector<std::pair<std::uint64_t, std::string>> fates;  // by key_of()
  };
  static std::uint64_t key_of(std::int64_t file, std::int64_t frame);
  const Known& known(std::int64_t connection);
  Known load(std::int64_t connection);
  void load_findings();
  void append_links(std::string& out, const FrameName& name);

  Loader& loader_;
  bool linked_ = false;  // the analysis kept which frame is which
  std::unordered_map<std::uint64_t, std::string> findings_;
  std::unordered_map<std::int64_t, Known> connections_;
};

}  // namespace natlens::report
