#include "packet_remarks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "natlens/report/text.h"

namespace natlens::report {
namespace {

constexpr std::size_t kFramesNamed = 5;

std::string frames_of(Loader& loader,
                      std::int64_t translation,
                      const std::string& direction,
                      const char* fate) {
  const store::Table rows = loader.query(
      "SELECT tap, frame, note FROM packet_fates WHERE translation_id = ?1 AND direction = ?2 "
      "AND fate = ?3 ORDER BY id LIMIT ?4",
      {translation, direction, std::string(fate), std::int64_t{kFramesNamed + 1}});
  std::string out;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    if (i == kFramesNamed) return out + "...";
    out += fmt::format("{}{}:{}", i == 0 ? ": " : ", ", rows.text(i, "tap"),
                       rows.integer(i, "frame"));
    if (i == 0 && !null_at(rows, i, "note")) out += fmt::format(" ({})", rows.text(i, "note"));
  }
  return out;
}

// One line of remarks about a direction; `what` has a place for the count.
class Remarks {
 public:
  Remarks(Loader& loader, const store::Table& table, std::size_t row)
      : loader_(loader),
        table_(table),
        row_(row),
        translation_(table.integer(row, "translation_id")),
        direction_(table.text(row, "direction")),
        before_(table.text(row, "before_tap")),
        after_(table.text(row, "after_tap")) {}

  std::vector<std::string> take() {
    const std::string why = table_.text(row_, "why_uncertain");
    const std::string hedge = why.empty() ? "" : fmt::format(" ({}: {})", certainty(), why);
    add(count("only_before"), fmt::format("missing at {}{}", after_, hedge), "only_before");
    add(count("only_after"), fmt::format("seen at {} only{}", after_, hedge), "only_after");
    add(count("duplicated"), "there twice at one of the taps", "duplicated");
    add(count("reordered"), fmt::format("reordered on the way to {}", after_), "reordered");
    add(changed(), "changed otherwise than usual", "changed");
    add(count("id_changes"), "with another IP identification", nullptr);
    compare("MSS", "mss_before", "mss_after");
    compare("TCP options", "tcp_options_before", "tcp_options_after");
    const std::uint64_t unknown = count("unknown_before") + count("unknown_after");
    add(unknown, "without verdict: " + words_of(table_.text(row_, "why_unknown")), nullptr);
    return std::move(lines_);
  }

 private:
  std::uint64_t count(const char* column) const { return count_at(table_, row_, column); }
  std::string certainty() const { return table_.text(row_, "certainty"); }
  std::uint64_t changed() const {
    return std::max(
        {count("ttl_changes"), count("tos_changes"), count("df_cleared"), count("df_set")});
  }
  void say(const std::string& text) {
    lines_.push_back(fmt::format("{} -> {}: {}", before_, after_, text));
  }
  void add(std::uint64_t packets, const std::string& what, const char* fate) {
    if (packets == 0) return;
    say(fmt::format("{} {}{}", count_of(packets, "packet", "packets"), what,
                    fate == nullptr ? "" : frames_of(loader_, translation_, direction_, fate)));
  }
  void compare(const char* what, const char* before, const char* after) {
    const std::string had = table_.text(row_, before);
    const std::string has = table_.text(row_, after);
    if (!had.empty() && !has.empty() && had != has) {
      say(fmt::format("{} {} became {}", what, had, has));
    }
  }
  static std::string words_of(std::string reasons) {
    for (std::size_t at = 0; (at = reasons.find_first_of("_,", at)) != std::string::npos;
         ++at) {
      if (reasons[at] == '_') {
        reasons[at] = ' ';
      } else {
        reasons.replace(at, 1, ", ");
      }
    }
    return reasons;
  }

  Loader& loader_;
  const store::Table& table_;
  const std::size_t row_;
  const std::int64_t translation_;
  const std::string direction_;
  const std::string before_;
  const std::string after_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> packet_remarks(Loader& loader, std::int64_t translation) {
  const store::Table table = loader.query(
      "SELECT * FROM packet_accounts WHERE translation_id = ?1 AND coalesce(why_unknown, '') "
      "<> 'proxy' ORDER BY direction",
      {translation});
  std::vector<std::string> out;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    for (std::string& line : Remarks(loader, table, row).take()) out.push_back(std::move(line));
  }
  return out;
}

std::vector<std::string> frame_remarks(Loader& loader, std::int64_t file, std::uint32_t frame) {
  const store::Table table = loader.query(
      "SELECT fate, tap, frame, other_tap, other_frame, note, certainty, why_uncertain, "
      "file_id = ?1 AND frame = ?2 AS own FROM packet_fates WHERE (file_id = ?1 AND frame = "
      "?2) "
      "OR (other_file_id = ?1 AND other_frame = ?2) ORDER BY id",
      {file, std::int64_t{frame}});
  std::vector<std::string> out;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const std::string fate = table.text(i, "fate");
    const bool own = table.integer(i, "own") != 0;
    const std::string partner =
        null_at(table, i, "other_frame")
            ? table.text(i, "other_tap")
            : fmt::format("{}:{}", table.text(i, own ? "other_tap" : "tap"),
                          table.integer(i, own ? "other_frame" : "frame"));
    std::string line =
        fate == "duplicated"  ? "a second copy, which " + partner + " has not"
        : fate == "reordered" ? "overtaken on the way; the same packet: " + partner
        : fate == "changed"   ? fmt::format("changed on the way: {}; the same packet: {}",
                                            table.text(i, "note"), partner)
                              : "not seen at " + partner;
    line += ", " + table.text(i, "certainty");
    if (!null_at(table, i, "why_uncertain")) {
      line += fmt::format(" ({})", table.text(i, "why_uncertain"));
    }
    out.push_back(std::move(line));
  }
  const store::Table links = loader.query(
      "SELECT DISTINCT other_tap AS tap, other_frame AS frame FROM packet_links "
      "WHERE file_id = ?1 AND frame = ?2 UNION SELECT tap, frame FROM packet_links "
      "WHERE other_file_id = ?1 AND other_frame = ?2 ORDER BY 1, 2",
      {file, std::int64_t{frame}});
  for (std::size_t i = 0; i < links.rows.size(); ++i) {
    out.push_back(
        fmt::format("the same packet: {}:{}", links.text(i, "tap"), links.integer(i, "frame")));
  }
  return out;
}

}  // namespace natlens::report
