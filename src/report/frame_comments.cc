#include "frame_comments.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "natlens/report/text.h"

namespace natlens::report {
namespace {

// A connection is asked for when its first packet comes, and forgotten when there are too many.
constexpr std::size_t kMostConnections = 65'536;
constexpr std::int64_t kIdsOfTap = 10'000'000'000;  // docs/schema.md, connection.id
constexpr std::size_t kMostStretches = 4;
// Around a translation: its first and last packet are as of either tap.
constexpr Nanoseconds kAround = std::chrono::seconds(1);

constexpr std::string_view kTranslations =
    "SELECT t.kind, t.confidence, t.bits, t.start_ns, t.end_ns, c.protocol, c.src, c.sport, "
    "c.dst, c.dport, here.name AS tap, o.protocol AS other_protocol, o.src AS other_src, "
    "o.sport AS other_sport, o.dst AS other_dst, o.dport AS other_dport, there.name AS "
    "other_tap FROM translation t JOIN connection c ON c.id = ?1 JOIN tap here ON here.id = "
    "c.tap_id JOIN connection o ON o.id = CASE WHEN t.inside_connection_id = ?1 THEN "
    "t.outside_connection_id ELSE t.inside_connection_id END JOIN tap there ON there.id = "
    "o.tap_id WHERE t.id IN (SELECT id FROM translation WHERE inside_connection_id = ?1 UNION "
    "SELECT id FROM translation WHERE outside_connection_id = ?1) ORDER BY t.start_ns, t.id";

constexpr std::string_view kFates =
    "SELECT f.file_id, f.frame, f.fate, f.note FROM packet_fate f WHERE f.connection_id = ?1 "
    "AND f.translation_id IN (SELECT id FROM translation WHERE inside_connection_id = ?1 UNION "
    "SELECT id FROM translation WHERE outside_connection_id = ?1)";

constexpr auto kFateWords = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"only_before", "not seen at the tap behind"},
     {"only_after", "not seen at the tap before"},
     {"only_here", "not seen at the other tap"},
     {"duplicated", "came twice"},
     {"reordered", "came out of order"},
     {"changed", "changed on the way"}});

std::string fate_text(const std::string& fate, const std::string& note) {
  const auto* const words = std::find_if(kFateWords.begin(), kFateWords.end(),
                                         [&](const auto& row) { return row.first == fate; });
  const std::string text(words == kFateWords.end() ? std::string_view(fate) : words->second);
  return note.empty() ? text : fmt::format("{}: {}", text, printable(note));
}

void append_line(std::string& out, std::string_view line) {
  if (!out.empty()) out += '\n';
  out += line;
}

}  // namespace

FrameComments::FrameComments(Loader& loader) : loader_(loader) {
  linked_ = !loader_.query("SELECT 1 FROM packet_link LIMIT 1").rows.empty();
  load_findings();
}

std::uint64_t FrameComments::key_of(std::int64_t file, std::int64_t frame) {
  return static_cast<std::uint64_t>(file) << 32 | static_cast<std::uint32_t>(frame);
}

void FrameComments::load_findings() {
  const store::Table rows = loader_.query(
      "SELECT f.code, f.severity, f.text, e.role, e.file_id, e.frame FROM finding_frame e JOIN "
      "finding f ON f.id = e.finding_id WHERE e.frame IS NOT NULL ORDER BY f.id, e.number");
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    append_line(findings_[key_of(rows.integer(i, "file_id"), rows.integer(i, "frame"))],
                fmt::format("{} {} ({}): {}", rows.text(i, "severity"), rows.text(i, "code"),
                            rows.text(i, "role"), printable(rows.text(i, "text"))));
  }
}

FrameComments::Known FrameComments::load(std::int64_t connection) {
  Known known;
  const store::Table rows = loader_.query(kTranslations, {connection});
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const auto side = [&](const std::string& prefix) {
      const std::string protocol = protocol_word(rows.text(i, prefix + "protocol"));
      return fmt::format("{} {} {}", printable(rows.text(i, prefix + "tap")), protocol,
                         tuple_text(rows, i, protocol, prefix));
    };
    known.stretches.push_back(
        {fmt::format("{} is {} ({}, {}, {:.0f} bits)", side(""), side("other_"),
                     rows.text(i, "kind"), rows.text(i, "confidence"),
                     real_at(rows, i, "bits")),
         time_at(rows, i, "start_ns"), time_at(rows, i, "end_ns")});
  }
  const store::Table fates = loader_.query(kFates, {connection});
  for (std::size_t i = 0; i < fates.rows.size(); ++i) {
    known.fates.emplace_back(key_of(fates.integer(i, "file_id"), fates.integer(i, "frame")),
                             fate_text(fates.text(i, "fate"), fates.text(i, "note")));
  }
  return known;
}

const FrameComments::Known& FrameComments::known(std::int64_t connection) {
  const auto found = connections_.find(connection);
  if (found != connections_.end()) return found->second;
  if (connections_.size() >= kMostConnections) connections_.clear();
  return connections_.emplace(connection, load(connection)).first->second;
}

void FrameComments::append_links(std::string& out, const FrameName& name) {
  const store::Table rows = loader_.query(
      "SELECT tap, frame FROM (SELECT other_tap AS tap, other_frame AS frame FROM packet_links "
      "WHERE file_id = ?1 AND frame = ?2 UNION SELECT tap, frame FROM packet_links WHERE "
      "other_file_id = ?1 AND other_frame = ?2) ORDER BY tap, frame LIMIT 8",
      {name.file, std::int64_t{name.frame}});
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    append_line(out, fmt::format("the same packet: {}:{}", printable(rows.text(i, "tap")),
                                 rows.integer(i, "frame")));
  }
}

std::string FrameComments::of(const FrameName& name,
                              std::int64_t tap,
                              Timestamp time,
                              std::span<const conntrack::Verdict> verdicts) {
  std::string out;
  const std::uint64_t key = key_of(name.file, name.frame);
  for (const conntrack::Verdict& verdict : verdicts) {
    if (verdict.packet_class == conntrack::PacketClass::kInvalid) {
      append_line(out,
                  fmt::format("INVALID: {}", conntrack::to_string(verdict.invalid.reason)));
    }
    if (verdict.connection == 0) continue;
    const Known& told = known(tap * kIdsOfTap + verdict.connection);
    std::size_t shown = 0;
    for (const Stretch& stretch : told.stretches) {
      if (time < stretch.start - kAround || time > stretch.end + kAround) continue;
      if (++shown > kMostStretches) break;
      append_line(out, stretch.text);
    }
    for (const auto& [frame, text] : told.fates) {
      if (frame == key) append_line(out, text);
    }
  }
  if (linked_) append_links(out, name);
  if (const auto found = findings_.find(key); found != findings_.end()) {
    append_line(out, found->second);
  }
  return out;
}

}  // namespace natlens::report
