#include "natlens/report/track_lines.h"

#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "natlens/net/timestamp.h"

namespace natlens::report {
namespace {

std::string word(const nlohmann::json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : "";
}

// " ct 1 ESTABLISHED 432000 s  10.0.0.2,5000>203.0.113.5,80": the entry after the frame.
std::string entry_text(const nlohmann::json& line) {
  const auto entry = line.find("ct");
  if (entry == line.end() || !entry->is_number()) return "";
  const std::string state = word(line, "state");
  const std::string flags = word(line, "f");
  return fmt::format(" ct {}{}{} {} s{}  {}", entry->get<std::uint64_t>(),
                     state.empty() ? "" : " ", state, line.value("t", std::int64_t{0}),
                     flags.find('A') != std::string::npos   ? " ASSURED"
                     : flags.find('S') == std::string::npos ? " UNREPLIED"
                                                            : "",
                     word(line, "orig"));
}

// "; seq_above_window: 5000 is beyond 4000 by 1000 (set by frame 7)".
std::string reason_text(const nlohmann::json& line) {
  const std::string reason = word(line, "reason");
  if (reason.empty()) return "";
  if (!line.contains("excess")) return "; " + reason;
  return fmt::format(
      "; {}: {} is beyond {} by {} (bound set by frame {})", reason,
      line.value("value", std::uint64_t{0}), line.value("bound", std::uint64_t{0}),
      line.value("excess", std::uint64_t{0}), line.value("bound_frame", std::uint64_t{0}));
}

// What rules made of it: "; reply 203.0.113.5,80>198.51.100.1,5000 by nat.nft:12:3; dropped".
std::string rules_text(const nlohmann::json& line) {
  std::string out;
  if (word(line, "status").find("_NAT|") != std::string::npos) {
    out += "; reply " + word(line, "reply");
  }
  if (const std::string rule = word(line, "rule"); !rule.empty()) out += " by " + rule;
  if (const std::string fate = word(line, "fate"); !fate.empty()) out += "; " + fate;
  if (const auto doubt = line.find("inconclusive"); doubt != line.end()) {
    out += "; inconclusive";
    if (doubt->is_string()) out += " because of " + doubt->get<std::string>();
  }
  return out;
}

}  // namespace

std::string track_lines(std::string_view json, const capture::Frame& frame) {
  const auto line = nlohmann::json::parse(json, nullptr, false);
  if (!line.is_object()) return "";
  const std::string direction = word(line, "dir");
  std::string out =
      fmt::format("{:5} {} {}", frame.number, format_seconds(frame.time), word(line, "class"));
  if (!direction.empty()) out += ' ' + direction;
  out += entry_text(line) + rules_text(line) + reason_text(line) + '\n';
  const auto events = line.find("ev");
  if (events == line.end() || !events->is_array()) return out;
  for (const auto& event : *events) {
    if (event.is_string()) out += fmt::format("      event {}\n", event.get<std::string>());
  }
  return out;
}

}  // namespace natlens::report
