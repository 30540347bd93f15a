// What became of each packet between two taps: real captures with frames taken out, repeated,
// swapped and changed by hand, and the frames that are named for it.
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/pipeline/analysis.h"
#include "natlens/store/database.h"

#include "support/catch.h"
#include "support/edited_pcap.h"
#include "support/temp_dir.h"

using namespace natlens;
using test::EditedPcap;

namespace {

std::string capture(const std::string& set, const std::string& file) {
  return std::string(NATLENS_TEST_DATA "/captures/") + set + "/" + file + ".pcap";
}

// Two taps of a set, edited, and what the analysis says of them.
class Edited {
 public:
  explicit Edited(std::string set = "01-home-masquerade",
                  std::string inside = "lan",
                  std::string outside = "wan")
      : names_{std::move(inside), std::move(outside)},
        lan(capture(set, names_[0])),
        wan(capture(set, names_[1])) {}

  // The rows of a query, columns between bars.
  std::vector<std::string> ask(const std::string& sql) {
    if (!database_) analyze();
    const auto table = database_->query(sql);
    if (!table) FAIL(table.error().message);
    std::vector<std::string> out;
    for (const auto& row : table->rows) {
      out.emplace_back();
      for (const auto& value : row) {
        if (&value != &row.front()) out.back() += '|';
        out.back() += store::to_text(value);
      }
    }
    return out;
  }
  std::vector<std::string> fates() {
    return ask("SELECT fate, tap, frame, certainty FROM packet_fates ORDER BY time_ns, id");
  }

 private:
  void analyze() {
    pipeline::AnalysisOptions options;
    const EditedPcap* files[] = {&lan, &wan};
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string path = folder_.path(fmt::format("{}.pcap", names_[i]));
      files[i]->write(path);
      options.sources.push_back({names_[i], {path}, ""});
    }
    options.output = folder_.path("nat.db");
    options.command_line = "test";
    options.correlate.links = true;
    REQUIRE(pipeline::analyze(options));
    auto opened = store::Database::open(options.output);
    REQUIRE(opened);
    database_ = std::move(*opened);
  }

  std::array<std::string, 2> names_;
  test::TempDir folder_;
  std::unique_ptr<store::Database> database_;

 public:
  EditedPcap lan;
  EditedPcap wan;
};

constexpr const char* kAlone =
    "SELECT coalesce(sum(only_before), 0), coalesce(sum(only_after), 0) FROM packet_accounts";

// Frames that qualify, from the middle of the file on.
std::vector<std::size_t> frames_with(const EditedPcap& file,
                                     std::size_t count,
                                     const std::function<bool(std::size_t)>& wanted) {
  std::vector<std::size_t> out;
  for (std::size_t n = file.frames() / 8; n <= file.frames() && out.size() < count; ++n) {
    if (wanted(n)) out.push_back(n);
  }
  REQUIRE(out.size() == count);
  return out;
}

bool is_inside(std::uint32_t address) {
  return address >> 16 == 0xac14;  // 172.20.0.0/16
}

}  // namespace

TEST_CASE("packets: an untouched capture of a good box has nothing to tell",
          "[pipeline][packets]") {
  for (const char* set : {"01-home-masquerade", "03-portforward-hairpin"}) {
    INFO(set);
    Edited edited{set};
    CHECK(edited.fates().empty());
    CHECK(edited.ask(kAlone) == std::vector<std::string>{"0|0"});
  }
}

TEST_CASE("packets: frames that the outside lacks are named at the inside",
          "[pipeline][packets]") {
  Edited edited;
  const auto data = frames_with(edited.lan, 40, [&](std::size_t n) {
    return (edited.lan.is_tcp(n) || edited.lan.is_udp(n)) && is_inside(edited.lan.src(n)) &&
           edited.lan.image(edited.wan, n) != 0;
  });
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < data.size(); i += 10) {
    edited.wan.remove(edited.lan.image(edited.wan, data[i]));
    expected.push_back(fmt::format("only_before|lan|{}|certain", data[i]));
  }
  CHECK(edited.fates() == expected);
  CHECK(edited.ask(kAlone) == std::vector<std::string>{"4|0"});
}

TEST_CASE("packets: frames that the inside lacks are named at the outside, by their way",
          "[pipeline][packets]") {
  Edited edited;
  const auto out = frames_with(edited.wan, 30, [&](std::size_t n) {
    return edited.wan.is_tcp(n) &&
           is_inside(
               edited.lan.src(std::max<std::size_t>(edited.wan.image(edited.lan, n), 1))) &&
           edited.wan.image(edited.lan, n) != 0;
  });
  const auto in = frames_with(edited.wan, 30, [&](std::size_t n) {
    const std::size_t image = edited.wan.image(edited.lan, n);
    return edited.wan.is_tcp(n) && image != 0 && is_inside(edited.lan.dst(image));
  });
  edited.lan.remove(edited.wan.image(edited.lan, out.back()));
  edited.lan.remove(edited.wan.image(edited.lan, in.back()));
  std::vector<std::string> expected = {fmt::format("only_after|wan|{}|certain", out.back()),
                                       fmt::format("only_before|wan|{}|certain", in.back())};
  if (in.back() < out.back()) std::swap(expected[0], expected[1]);
  CHECK(edited.fates() == expected);
}

TEST_CASE("packets: a second copy is one, and no packet out of nowhere",
          "[pipeline][packets]") {
  Edited edited;
  const auto data = frames_with(edited.wan, 3, [&](std::size_t n) {
    return edited.wan.is_tcp(n) && edited.wan.payload_bytes(n) > 0;
  });
  edited.wan.repeat(data.back());
  CHECK(edited.fates() ==
        std::vector<std::string>{fmt::format("duplicated|wan|{}|certain", data.back() + 1)});
  CHECK(edited.ask(kAlone) == std::vector<std::string>{"0|0"});
}

TEST_CASE("packets: on request every frame is linked with its other side",
          "[pipeline][packets]") {
  Edited edited;
  const auto links = edited.ask(
      "SELECT CASE tap WHEN 'lan' THEN frame ELSE other_frame END, "
      "CASE tap WHEN 'lan' THEN other_frame ELSE frame END FROM packet_links");
  CHECK(edited.ask("SELECT sum(both) FROM packet_accounts") ==
        std::vector<std::string>{std::to_string(links.size())});
  std::size_t checked = 0;
  for (const std::string& link : links) {
    const std::size_t inside = std::stoul(link);
    const std::size_t outside = std::stoul(link.substr(link.find('|') + 1));
    const std::size_t image =
        edited.lan.is_ip(inside) ? edited.lan.image(edited.wan, inside) : 0;
    if (image == 0) continue;  // not told by its header alone
    CHECK(image == outside);
    ++checked;
  }
  CHECK(checked > 1000);
}

TEST_CASE("packets: a mirror port that shows all twice changes nothing",
          "[pipeline][packets]") {
  Edited edited;
  for (std::size_t n = 1; n <= edited.wan.frames(); ++n) edited.wan.repeat(n);
  const auto frames = static_cast<std::int64_t>(edited.wan.frames());
  CHECK(edited.ask(kAlone) == std::vector<std::string>{"0|0"});
  CHECK(edited.ask("SELECT frames - copies - " + std::to_string(frames) +
                   " < 60 FROM tap WHERE name = 'wan'") == std::vector<std::string>{"1"});
  CHECK(edited.ask("SELECT count(*), max(confidence <> 'certain') FROM translation") ==
        std::vector<std::string>{"158|0"});
  CHECK(edited.ask("SELECT clock_basis FROM tap WHERE name = 'wan'") ==
        std::vector<std::string>{"packets"});
}

TEST_CASE("packets: one that was overtaken is named where it came late",
          "[pipeline][packets]") {
  Edited edited;
  const EditedPcap& lan = edited.lan;
  const std::size_t late = frames_with(lan, 20, [&](std::size_t n) {
                             return lan.is_tcp(n) && is_inside(lan.dst(n)) &&
                                    lan.payload_bytes(n) > 0 && n < lan.frames() &&
                                    lan.is_tcp(n + 1) && lan.same_flow(n, n + 1) &&
                                    lan.image(edited.wan, n) != 0;
                           }).back();
  edited.lan.delay(late, late + 1);
  CHECK(edited.ask("SELECT fate, tap, frame, other_tap, other_frame FROM packet_fates") ==
        std::vector<std::string>{
            fmt::format("reordered|lan|{}|wan|{}", late + 1, lan.image(edited.wan, late))});
}

TEST_CASE("packets: what the way changed in headers is counted, and named",
          "[pipeline][packets]") {
  Edited edited;
  const auto out = frames_with(edited.wan, 9, [&](std::size_t n) {
    const std::size_t image = edited.wan.image(edited.lan, n);
    return edited.wan.is_tcp(n) && !edited.wan.is_syn(n) && image != 0 &&
           is_inside(edited.lan.src(image));
  });
  edited.wan.set_ttl(out[2], 40);
  edited.wan.set_tos(out[5], 0xb8);
  edited.wan.clear_df(out[8]);
  const auto notes = edited.ask("SELECT tap, frame, note FROM packet_fates ORDER BY time_ns");
  CHECK(notes == std::vector<std::string>{fmt::format("wan|{}|TTL 64 -> 40", out[2]),
                                          fmt::format("wan|{}|TOS 0x00 -> 0xb8", out[5]),
                                          fmt::format("wan|{}|DF cleared", out[8])});
  CHECK(edited.ask("SELECT sum(ttl_changes), sum(tos_changes), sum(df_cleared), sum(df_set), "
                   "max(tos_before), max(tos_after) FROM packet_accounts") ==
        std::vector<std::string>{"1|1|1|0|0|184"});
}

TEST_CASE("packets: a clamped MSS is seen at both SYNs", "[pipeline][packets]") {
  Edited edited;
  const auto syn = frames_with(edited.wan, 1, [&](std::size_t n) {
    return edited.wan.is_syn(n) && edited.wan.image(edited.lan, n) != 0;
  });
  edited.wan.set_mss(syn[0], 1380);
  CHECK(edited.ask("SELECT mss_before, mss_after, tcp_options_before = tcp_options_after "
                   "FROM packet_accounts WHERE mss_before <> mss_after") ==
        std::vector<std::string>{"1460|1380|1"});
  CHECK(edited.ask(kAlone) == std::vector<std::string>{"0|0"});
}

TEST_CASE("packets: where a tap was not capturing, nothing is said to be lost",
          "[pipeline][packets]") {
  Edited edited;
  const std::size_t frames = edited.wan.frames();
  std::string why;
  SECTION("its beginning is missing") {
    for (std::size_t n = 1; n <= frames * 3 / 10; ++n) edited.wan.remove(n);
    why = "not_capturing";
  }
  SECTION("its end is missing") {
    for (std::size_t n = frames * 7 / 10; n <= frames; ++n) edited.wan.remove(n);
    why = "not_capturing";
  }
  SECTION("a piece of its middle is missing") {
    const double from = edited.wan.seconds(frames / 3);
    for (std::size_t n = 1; n <= frames; ++n) {
      const double at = edited.wan.seconds(n) - from;
      if (at >= 0 && at < 4) edited.wan.remove(n);
    }
    why = "silent";
  }
  CHECK(edited.fates() == std::vector<std::string>{});
  CHECK(edited.ask(kAlone) == std::vector<std::string>{"0|0"});
  CHECK(edited.ask("SELECT count(*) > 0 FROM packet_accounts WHERE instr(why_unknown, '" + why +
                   "') AND unknown_before + unknown_after > 0") ==
        std::vector<std::string>{"1"});
}

TEST_CASE("packets: offload frames are counted by their bytes", "[pipeline][packets]") {
  Edited edited{"05-vm-chain", "host-eth0", "wan"};
  std::size_t big = 0;
  std::size_t piece = 0;
  SECTION("all of them went through") {}
  SECTION("a segment in the middle of one is missing") {
    for (std::size_t n = 1; n <= edited.lan.frames() && big == 0; ++n) {
      if (edited.lan.is_tcp(n) && edited.lan.payload_bytes(n) > 6000) big = n;
    }
    REQUIRE(big != 0);
    piece = edited.lan.segment(edited.wan, big, 2);
    REQUIRE(piece != 0);
    edited.wan.remove(piece);
  }
  CHECK(edited.ask("SELECT count(*) > 3 FROM packet_accounts WHERE by_ranges") ==
        std::vector<std::string>{"1"});
  if (piece == 0) {
    CHECK(edited.ask(kAlone) == std::vector<std::string>{"0|0"});
  } else {
    CHECK(edited.ask("SELECT tap, frame FROM packet_fates WHERE fate = 'only_before'") ==
          std::vector<std::string>{fmt::format("host-eth0|{}", big)});
    CHECK(edited.ask("SELECT only_before, only_before_bytes FROM packet_accounts WHERE "
                     "only_before > 0") ==
          std::vector<std::string>{fmt::format("1|{}", edited.wan.payload_bytes(piece))});
  }
}
