// Events become rungs: in order of time, an event joins the earliest rung that has the same
// text, has nothing of its tap yet, began less than a second ago, and comes after the tap's
// last rung; else it starts a new one. So the order within a tap is never changed.
#include "natlens/report/ladder.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "natlens/report/text.h"

namespace natlens::report {
namespace {

constexpr Nanoseconds kSameEvent = std::chrono::seconds(1);
constexpr std::size_t kOpenRungs = 16;  // how far back a partner is looked for

struct Rung {
  std::string text;
  Timestamp first;
  std::vector<std::optional<Timestamp>> times;  // by column
};

std::vector<Rung> rungs_of(const Ladder& ladder) {
  std::vector<LadderEvent> events = ladder.events;
  std::stable_sort(events.begin(), events.end(),
                   [](const auto& one, const auto& other) { return one.time < other.time; });
  std::vector<Rung> rungs;
  std::vector<std::size_t> next(ladder.columns.size(),
                                0);  // first rung a column may still join
  for (const LadderEvent& event : events) {
    const std::size_t oldest = rungs.size() > kOpenRungs ? rungs.size() - kOpenRungs : 0;
    std::size_t i = std::max(next[event.column], oldest);
    while (i < rungs.size() &&
           (rungs[i].text != event.text || event.time - rungs[i].first > kSameEvent)) {
      ++i;
    }
    if (i == rungs.size()) {
      rungs.push_back({event.text, event.time, {}});
      rungs.back().times.resize(ladder.columns.size());
    }
    rungs[i].times[event.column] = event.time;
    next[event.column] = i + 1;
  }
  return rungs;
}

std::string cell(const Rung& rung, std::size_t column) {
  const std::optional<Timestamp>& time = rung.times[column];
  if (!time) return "";
  const Nanoseconds later = *time - rung.first;
  if (later.count() == 0) return printable(rung.text);
  return fmt::format("{} +{}", printable(rung.text), format_duration(later));
}

std::string_view link(const Rung& rung, std::size_t column) {
  const auto& left = rung.times[column];
  const auto& right = rung.times[column + 1];
  if (!left || !right) return "       ";
  if (*left == *right) return "  ---  ";
  return *left < *right ? "  -->  " : "  <--  ";
}

std::string trimmed(std::string line) {
  const std::size_t end = line.find_last_not_of(' ');
  line.resize(end == std::string::npos ? 0 : end + 1);
  return line + '\n';
}

}  // namespace

std::string ladder_text(const Ladder& ladder, std::size_t max_lines) {
  const std::vector<Rung> rungs = rungs_of(ladder);
  if (rungs.empty()) return "";
  const Timestamp start = rungs.front().first;
  const auto clock = [start](Timestamp time) {
    return fmt::format("{:.6f}", static_cast<double>((time - start).count()) / 1e9);
  };
  std::size_t time_width = std::string_view("seconds").size();
  std::vector<std::size_t> widths;
  for (const std::string& name : ladder.columns)
    widths.push_back(display_width(printable(name)));
  for (const Rung& rung : rungs) {
    time_width = std::max(time_width, clock(rung.first).size());
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(cell(rung, i)));
    }
  }

  std::string head = pad_left("seconds", time_width) + "  ";
  for (std::size_t i = 0; i < widths.size(); ++i) {
    head += pad_right(printable(ladder.columns[i]), widths[i]);
    if (i + 1 < widths.size()) head += "       ";
  }
  std::string out = trimmed(head);
  const std::size_t shown = std::min(rungs.size(), max_lines);
  const std::size_t left_out = rungs.size() - shown;
  for (std::size_t r = 0; r < rungs.size(); ++r) {
    if (left_out > 0 && r == shown - shown / 4) {
      out += fmt::format("{}  ... {} left out\n", pad_left("", time_width), left_out);
      r += left_out;
    }
    if (r >= rungs.size()) break;
    std::string line = pad_left(clock(rungs[r].first), time_width) + "  ";
    for (std::size_t i = 0; i < widths.size(); ++i) {
      line += pad_right(cell(rungs[r], i), widths[i]);
      if (i + 1 < widths.size()) line += link(rungs[r], i);
    }
    out += trimmed(line);
  }
  return out;
}

}  // namespace natlens::report
