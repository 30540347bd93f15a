// Agreement with the Linux kernel, packet by packet, and with conntrack(8), line by line.
//
// Compared as the goldens' own description says: class, direction, entry (up to numbering),
// state, timeout, flags, window scale, SCTP tags and events, all exactly; but late removals of
// entries that had timed out are the kernel's whim, and where the capture was replayed in real
// time a number of seconds may be one off (the kernel reads its clock in ticks).
#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include <fmt/format.h>

#include "natlens/capture/source.h"
#include "natlens/decode/decoder.h"
#include "natlens/report/track_text.h"

#include "conntrack_golden.h"
#include "support/catch.h"

namespace natlens::test {
namespace {

using nlohmann::json;

// Calls visit(frame, decoded) for each frame of a capture.
template <typename Visit>
void each_frame(const std::filesystem::path& path, Visit visit) {
  capture::SourceSpec spec;
  spec.files.push_back(path.string());
  auto source = capture::Source::open(spec);
  REQUIRE(source);
  decode::Decoder decoder;
  decode::DecodedFrame decoded;
  for (;;) {
    const auto frames = (*source)->next(32);
    if (frames.empty()) return;
    for (const auto& frame : frames) {
      decoder.decode(frame, decoded);
      visit(frame, decoded);
    }
  }
}

// Entry numbers of golden and result, matched as they appear.
class Numbering {
 public:
  bool same(long golden, long result) {
    return there_.try_emplace(golden, result).first->second == result &&
           back_.try_emplace(result, golden).first->second == golden;
  }
  std::string renumbered(const std::string& event) const {
    static const std::regex kNumber(R"(^(NEW|UPDATE|DESTROY) (\d+))");
    std::smatch m;
    if (!std::regex_search(event, m, kNumber)) return event;
    const auto found = there_.find(std::stol(m.str(2)));
    return found == there_.end()
               ? event
               : fmt::format("{} {}{}", m.str(1), found->second, m.suffix().str());
  }

 private:
  std::map<long, long> there_;
  std::map<long, long> back_;
};

std::vector<std::string> events_of(const json& row) {
  std::vector<std::string> out;
  for (const auto& e : row.value("ev", json::array())) {
    const auto text = e.get<std::string>();
    const bool late = text.starts_with("DESTROY") && text.find(" t=") == std::string::npos;
    if (!late) out.push_back(text);
  }
  return out;
}

// The number behind " t=" in an event, taken out of it; -1: none.
long take_seconds(std::string& event) {
  static const std::regex kSeconds(R"( t=(\d+))");
  std::smatch m;
  if (!std::regex_search(event, m, kSeconds)) return -1;
  const long seconds = std::stol(m.str(1));
  event = m.prefix().str() + m.suffix().str();
  return seconds;
}

bool same_events(std::vector<std::string> golden,
                 std::vector<std::string> result,
                 bool realtime,
                 const Numbering& numbering) {
  if (golden.size() != result.size()) return false;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    const long a = take_seconds(golden[i]);
    const long b = take_seconds(result[i]);
    if (numbering.renumbered(golden[i]) != result[i] || std::abs(a - b) > (realtime ? 1 : 0)) {
      return false;
    }
  }
  return true;
}

// The keys that differ between a golden's packet and the result.
std::string differences(const json& golden,
                        const json& result,
                        bool realtime,
                        Numbering& numbering) {
  std::string out;
  for (const char* key : {"class", "dir", "state", "f", "ws", "fl", "vtag", "ct", "t", "ev"}) {
    const json a = golden.value(key, json());
    const json b = result.value(key, json());
    bool same = a == b;
    if (std::string_view(key) == "ct" && a.is_number() && b.is_number()) {
      same = numbering.same(a.get<long>(), b.get<long>());
    } else if (std::string_view(key) == "t" && realtime && a.is_number() && b.is_number()) {
      same = std::abs(a.get<long>() - b.get<long>()) <= 1;
    } else if (std::string_view(key) == "ev") {
      same = same_events(events_of(golden), events_of(result), realtime, numbering);
    }
    if (!same) out += fmt::format(" {}: {} but {}", key, a.dump(), b.dump());
  }
  return out;
}

// Opened entries, and every event as a line, without id and use, which a capture cannot know.
struct TextSink : conntrack::Sink {
  void opened(const conntrack::Opened& o) override { entries[o.connection] = o; }
  void closed(const conntrack::Closed&) override {}
  void event(const conntrack::Event& e) override {
    report::ConntrackEntry entry = entry_of(entries.at(e.connection));
    entry.state = e.state;
    entry.has_state = e.has_state;
    entry.status = e.status;
    if (e.kind != conntrack::EventKind::kDestroy || e.timeout_seconds != 0) {
      entry.timeout_seconds = e.timeout_seconds;
    }
    lines.push_back(report::conntrack_event_line(e.kind, e.time, entry));
  }
  static report::ConntrackEntry entry_of(const conntrack::Opened& o) {
    report::ConntrackEntry entry;
    entry.original = o.original;
    entry.reply = o.reply;
    entry.zone = o.zone;
    entry.helper = o.helper;
    return entry;
  }
  std::map<std::uint32_t, conntrack::Opened> entries;
  std::vector<std::string> lines;
};

// What cannot be compared taken out: the moment, ids, use counts; seconds left, which the
// kernel shows one lower as soon as a tick has passed, rounded up by the caller's choice.
std::string comparable(const std::string& line) {
  static const std::regex kNoise(R"(^\[[0-9.]+\]\s+| (use|id)=\d+)");
  static const std::regex kSeconds(R"(^((\[\w+\] )?\S+ +\d+ \S+ +\d+) \d+ )");
  return std::regex_replace(std::regex_replace(line, kNoise, ""), kSeconds, "$1 T ");
}

bool is_late_removal(const std::string& line) {
  return line.starts_with("[DESTROY]") && line.find(" T ") == std::string::npos;
}

std::vector<std::string> comparable_lines(const json& lines) {
  std::vector<std::string> out;
  for (const auto& line : lines) {
    auto text = comparable(line.get<std::string>());
    if (!is_late_removal(text)) out.push_back(std::move(text));
  }
  return out;
}

}  // namespace

TEST_CASE("golden: every packet is judged as the kernel judged it", "[golden][conntrack]") {
  std::size_t packets = 0;
  for (const auto& golden : load_conntrack_goldens()) {
    if (golden.has_nat()) continue;
    DYNAMIC_SECTION(golden.name) {
      report::TrackJsonl track(golden.options());
      Numbering numbering;
      std::size_t i = 0;
      each_frame(golden.capture, [&](const auto& frame, const auto& decoded) {
        REQUIRE(i < golden.packets.size());
        const auto result = json::parse(track.line(frame, decoded));
        INFO("packet " << i << ": " << result.dump());
        CHECK(differences(golden.packets[i], result, golden.realtime(), numbering) == "");
        ++i;
      });
      CHECK(i == golden.packets.size());
      packets += i;
    }
  }
}

TEST_CASE("golden: events and listings read as conntrack(8) prints them",
          "[golden][conntrack]") {
  for (const auto& golden : load_conntrack_goldens()) {
    if (golden.has_nat() || golden.final_texts.is_null()) continue;
    DYNAMIC_SECTION(golden.name) {
      TextSink sink;
      conntrack::Tracker tracker(golden.options(), sink);
      each_frame(golden.capture, [&](const auto& frame, const auto& decoded) {
        if (decoded.layers().empty()) return;
        conntrack::Packet packet;
        packet.layer = &decoded.layers().front();
        packet.frame = frame.ordinal;
        packet.time = frame.time;
        conntrack::Verdict verdict;
        tracker.track({&packet, 1}, {&verdict, 1});
      });
      CHECK(comparable_lines(json(sink.lines)) ==
            comparable_lines(golden.final_texts["conntrack_E"]));

      std::multiset<std::string> listed;
      for (const auto& [serial, opened] : sink.entries) {
        const auto view = tracker.lookup(opened.original, 0);
        if (view.connection != serial) continue;  // ended
        report::ConntrackEntry entry = TextSink::entry_of(opened);
        entry.state = view.state;
        entry.status = view.status;
        entry.timeout_seconds = view.remaining_seconds;
        listed.insert(comparable(report::conntrack_line(entry)));
      }
      const auto expected = comparable_lines(golden.final_texts["conntrack_L"]);
      // In real time the listing came later: what had timed out by then is not in it.
      if (!golden.realtime()) {
        CHECK(listed == std::multiset<std::string>(expected.begin(), expected.end()));
      }
    }
  }
}

}  // namespace natlens::test
