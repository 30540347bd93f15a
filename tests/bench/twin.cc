// How it works.
//
// Content of a packet: protocol, far end, direction, IP identification and length, what TCP has
// besides ports and checksum (without sequence numbers where the box shifts them), the echo's
// type and sequence, the payload as far as the capture has it. Ports and addresses of the near
// end are the box's to change, so they say nothing.
//
// 1. Every packet is held against every packet of the other capture that has the same content
//    and stands within `kTransit`, by the true clocks. A pair of flows has as its score how
//    many packets of each found one in the other.
// 2. Two flows that are each other's one best choice belong together, but one inside flow may
//    have several outside flows, one after the other. Pairs that this excludes are struck out,
//    and the rest is looked at again, until nothing changes. What then still has candidates has
//    several that are equally good: nobody could tell.
//
// It shares no line with the correlator, and knows what that has to find out (clocks, which end
// is far, what the box leaves alone).
#include "twin.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace natlens::bench {
namespace {

constexpr std::int64_t kTransit = 5'000'000;  // ns; reordering holds packets back for 3 ms
constexpr std::uint32_t kExternal = 0xC6336407;
constexpr std::int64_t kStart = 1'700'000'000'000'000'000;  // of the generator's clocks
constexpr std::size_t kEthernet = 14;

using Frame = std::vector<std::uint8_t>;

std::uint32_t at16(const Frame& f, std::size_t i) {
  return i + 2 <= f.size() ? static_cast<std::uint32_t>(f[i] << 8 | f[i + 1]) : 0U;
}
std::uint32_t at32(const Frame& f, std::size_t i) {
  return at16(f, i) << 16 | at16(f, i + 2);
}
std::string dotted(std::uint32_t address) {
  return std::to_string(address >> 24) + '.' + std::to_string(address >> 16 & 255U) + '.' +
         std::to_string(address >> 8 & 255U) + '.' + std::to_string(address & 255U);
}

// Takes what is left alone, in order.
class Content {
 public:
  void add(std::string_view bytes) { text_.append(bytes); }
  void add(std::uint32_t value) {
    char bytes[4];
    std::memcpy(bytes, &value, 4);
    add({bytes, 4});
  }
  void add(const Frame& frame, std::size_t from, std::size_t to) {
    to = std::min(to, frame.size());
    if (from < to)
      text_.append(frame.begin() + static_cast<long>(from),
                   frame.begin() + static_cast<long>(to));
  }
  std::uint64_t hash() const { return std::hash<std::string>()(text_); }

 private:
  std::string text_;
};

struct Ends {
  bool up = true;  // towards the far end
  std::uint32_t near = 0, far = 0;
  std::uint32_t near_port = 0, far_port = 0;
};

Ends ends_of(const Frame& frame, bool outside) {
  const std::uint32_t src = at32(frame, kEthernet + 12);
  const std::uint32_t dst = at32(frame, kEthernet + 16);
  Ends ends;
  ends.up = outside ? src == kExternal : src >> 24 == 10;
  std::tie(ends.near, ends.far) = ends.up ? std::pair(src, dst) : std::pair(dst, src);
  const std::size_t l4 = kEthernet + 20;
  if (frame[kEthernet + 9] == 1) {
    ends.near_port = at16(frame, l4 + 4);
  } else {
    ends.near_port = at16(frame, ends.up ? l4 : l4 + 2);
    ends.far_port = at16(frame, ends.up ? l4 + 2 : l4);
  }
  return ends;
}

std::uint64_t content_of(const Frame& frame, const Ends& ends, bool shifted) {
  const std::size_t l4 = kEthernet + 20;
  const std::uint8_t protocol = frame[kEthernet + 9];
  Content content;
  content.add(static_cast<std::uint32_t>(protocol) << 1 | (ends.up ? 1U : 0U));
  content.add(ends.far);
  content.add(ends.far_port);
  content.add(frame, kEthernet + 2, kEthernet + 6);  // length, identification
  if (protocol == 6) {
    if (!shifted) content.add(frame, l4 + 4, l4 + 12);
    content.add(frame, l4 + 12, l4 + 16);  // flags, window
    content.add(frame, l4 + 20, frame.size());
  } else if (protocol == 17) {
    content.add(frame, l4 + 8, frame.size());
  } else {
    content.add(frame[l4]);
    content.add(frame, l4 + 6, frame.size());
  }
  return content.hash();
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

using Scores =
    std::vector<std::vector<std::pair<std::uint32_t, std::uint32_t>>>;  // flow, score

// Adds a point to (flow, other) for every packet of `from` that stands in `to` as well.
void count(const TwinCapture& from, const TwinCapture& to, bool turned, Scores& scores) {
  std::vector<std::uint32_t> met;
  std::size_t first = 0;  // of the packets in `to` that may be the same
  for (const TwinPacket& packet : from.packets) {
    const auto before = [&](const TwinPacket& other) {
      return other.content != packet.content ? other.content < packet.content
                                             : other.time_ns < packet.time_ns - kTransit;
    };
    while (first < to.packets.size() && before(to.packets[first])) ++first;
    met.clear();
    for (std::size_t i = first; i < to.packets.size(); ++i) {
      const TwinPacket& other = to.packets[i];
      if (other.content != packet.content || other.time_ns > packet.time_ns + kTransit) break;
      if (std::find(met.begin(), met.end(), other.flow) == met.end()) met.push_back(other.flow);
    }
    for (const std::uint32_t flow : met) {
      auto& list = scores[turned ? flow : packet.flow];
      const std::uint32_t partner = turned ? packet.flow : flow;
      const auto known = std::find_if(
          list.begin(), list.end(), [&](const auto& entry) { return entry.first == partner; });
      if (known != list.end()) {
        ++known->second;
      } else {
        list.emplace_back(partner, 1U);
      }
    }
  }
}

struct Span {
  std::int64_t first = INT64_MAX;
  std::int64_t last = INT64_MIN;
  bool overlaps(const Span& other) const { return first <= other.last && other.first <= last; }
};

std::vector<Span> spans_of(const TwinCapture& capture) {
  std::vector<Span> out(capture.flows.size());
  for (const TwinPacket& packet : capture.packets) {
    Span& span = out[packet.flow];
    span.first = std::min(span.first, packet.time_ns);
    span.last = std::max(span.last, packet.time_ns);
  }
  return out;
}

// Which pairs are still possible: all that no decided one excludes.
class Board {
 public:
  Board(const TwinCapture& inside, const TwinCapture& outside)
      : by_inside_(inside.flows.size()),
        by_outside_(outside.flows.size()),
        spans_(spans_of(outside)),
        taken_(outside.flows.size()),
        partners_(inside.flows.size()) {
    count(inside, outside, false, by_inside_);
    count(outside, inside, true, by_inside_);
    for (std::uint32_t flow = 0; flow < by_inside_.size(); ++flow) {
      for (const auto& [partner, score] : by_inside_[flow])
        by_outside_[partner].emplace_back(flow, score);
    }
  }

  // Takes the outside flow's partner if it is beyond doubt.
  bool take(std::uint32_t outside) {
    if (taken_[outside]) return false;
    std::uint32_t best = TwinVerdict::kUndecided;
    std::uint32_t score = 0;
    for (const auto& [inside, points] : by_outside_[outside]) {
      if (!possible(inside, outside) || points < score) continue;
      best = points > score ? inside : TwinVerdict::kUndecided;
      score = points;
    }
    if (best == TwinVerdict::kUndecided) return false;
    for (const auto& [rival, points] : by_inside_[best]) {
      if (rival != outside && points >= score && possible(best, rival) &&
          spans_[rival].overlaps(spans_[outside])) {
        return false;
      }
    }
    taken_[outside] = true;
    partners_[best].push_back(outside);
    return true;
  }

  TwinVerdict verdict() const {
    TwinVerdict out;
    for (std::uint32_t flow = 0; flow < partners_.size(); ++flow) {
      for (const std::uint32_t partner : partners_[flow]) out.pairs.emplace_back(flow, partner);
      const auto& list = by_inside_[flow];
      const bool open = std::any_of(list.begin(), list.end(), [&](const auto& entry) {
        return !taken_[entry.first] && possible(flow, entry.first);
      });
      if (partners_[flow].empty() && open) ++out.undecided_inside;
    }
    for (std::uint32_t flow = 0; flow < taken_.size(); ++flow) {
      const auto& list = by_outside_[flow];
      const bool open = std::any_of(list.begin(), list.end(), [&](const auto& entry) {
        return possible(entry.first, flow);
      });
      if (!taken_[flow] && open) ++out.undecided_outside;
    }
    return out;
  }

 private:
  // The inside flow is at nobody else's while the outside one goes on.
  bool possible(std::uint32_t inside, std::uint32_t outside) const {
    if (taken_[outside]) return false;
    const auto& partners = partners_[inside];
    return std::none_of(partners.begin(), partners.end(), [&](std::uint32_t partner) {
      return spans_[partner].overlaps(spans_[outside]);
    });
  }

  Scores by_inside_;
  Scores by_outside_;
  std::vector<Span> spans_;  // of the outside flows
  std::vector<bool> taken_;
  std::vector<std::vector<std::uint32_t>> partners_;  // of the inside flows
};

}  // namespace

namespace {

// Takes the step off a capture's times. Frames come in order of true time: one that is earlier
// than the one before it was captured by the clock that had been set back.
class StepRemover {
 public:
  StepRemover(const TwinOptions& options, bool outside)
      : step_ns_(std::llround(options.step_seconds[outside ? 1 : 0] * 1e9)),
        at_ns_(kStart +
               std::llround((options.step_at_seconds + (outside ? options.offset_seconds : 0)) *
                            1e9)) {}
  std::int64_t without(std::int64_t time_ns) {
    stepped_ = stepped_ || time_ns >= at_ns_ || time_ns < last_ns_;
    last_ns_ = time_ns;
    return stepped_ ? time_ns - step_ns_ : time_ns;
  }

 private:
  std::int64_t step_ns_;
  std::int64_t at_ns_;
  std::int64_t last_ns_ = 0;
  bool stepped_ = false;
};

}  // namespace

TwinCapture read_twin_capture(const std::string& path,
                              const TwinOptions& options,
                              bool outside) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  std::uint32_t header[6];
  if (!file || std::fread(header, sizeof header, 1, file.get()) != 1 || header[0] != 0xA1B2C3D4)
    throw std::runtime_error(path + ": no capture of the generator");
  TwinCapture out;
  std::unordered_map<std::string, std::uint32_t> index;
  Frame frame;
  StepRemover step(options, outside);
  for (std::uint32_t record[4]; std::fread(record, sizeof record, 1, file.get()) == 1;) {
    frame.resize(record[2]);
    if (std::fread(frame.data(), 1, frame.size(), file.get()) != frame.size()) break;
    const Ends ends = ends_of(frame, outside);
    const std::string name = std::to_string(frame[kEthernet + 9]) + ' ' + dotted(ends.near) +
                             ':' + std::to_string(ends.near_port) + ' ' + dotted(ends.far) +
                             ':' + std::to_string(ends.far_port);
    const auto [at, fresh] = index.emplace(name, static_cast<std::uint32_t>(out.flows.size()));
    if (fresh) out.flows.push_back(name);
    std::int64_t time =
        record[0] * std::int64_t{1'000'000'000} + record[1] * std::int64_t{1000};
    time = step.without(time);
    if (outside) {
      const double elapsed = static_cast<double>(time - kStart) - options.offset_seconds * 1e9;
      time -= std::llround(options.offset_seconds * 1e9 +
                           elapsed / (1 + options.drift_ppm * 1e-6) * options.drift_ppm * 1e-6);
    }
    out.packets.push_back({content_of(frame, ends, options.shifted), time, at->second});
  }
  std::sort(out.packets.begin(), out.packets.end(), [](const auto& a, const auto& b) {
    return std::tie(a.content, a.time_ns, a.flow) < std::tie(b.content, b.time_ns, b.flow);
  });
  return out;
}

TwinVerdict decide(const TwinCapture& inside, const TwinCapture& outside) {
  Board board(inside, outside);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::uint32_t flow = 0; flow < outside.flows.size(); ++flow) {
      if (board.take(flow)) changed = true;
    }
  }
  return board.verdict();
}

}  // namespace natlens::bench
