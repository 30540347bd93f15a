// The router's own entries from what two taps held: who is believed, and until when.
#include <string>
#include <vector>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;
using conntrack::TcpState;

namespace {

constexpr std::uint32_t kReplied =
    conntrack::status::kConfirmed | conntrack::status::kSeenReply;
constexpr std::uint32_t kAssured = kReplied | conntrack::status::kAssured;

// A change of state at second `at`.
struct Change {
  double at;
  TcpState state;
  std::uint32_t status = kAssured;
};

ConnectionRow with_changes(int tap, std::uint32_t serial, const std::vector<Change>& changes) {
  auto row = connection(tap, serial,
                        tap == 1 ? tuple("tcp", "10.0.0.2:4000", "192.0.2.9:443")
                                 : tuple("tcp", "198.51.100.1:4000", "192.0.2.9:443"),
                        changes.front().at);
  row.events.clear();
  for (const auto& change : changes) {
    row.events.push_back({second(change.at).ns(), 1, 120, conntrack::EventKind::kUpdate,
                          static_cast<std::uint8_t>(change.state), true, change.status});
  }
  row.state = static_cast<std::uint8_t>(changes.back().state);
  row.status = changes.back().status;
  row.last = second(changes.back().at);
  row.end = second(100);
  row.close_reason = conntrack::CloseReason::kEnd;
  return row;
}

// Taps 1 and 2, captured until second 100 and `outside_end`.
class Taps {
 public:
  explicit Taps(double outside_end = 100) {
    auto writer = Writer::create(folder_.path("nat.db"), true);
    REQUIRE(writer);
    writer_ = std::move(*writer);
    for (int tap = 1; tap <= 2; ++tap) {
      TapRow row;
      row.id = tap;
      row.info.name = tap == 1 ? "lan" : "wan";
      row.info.first = second(0);
      row.info.last = second(tap == 1 ? 100 : outside_end);
      writer_->tap(row);
    }
  }
  Writer& operator*() { return *writer_; }

  // "state|flags|state_basis|close_reason" of each entry.
  std::vector<std::string> entries() {
    REQUIRE(writer_->finish());
    auto db = Database::open(folder_.path("nat.db"));
    REQUIRE(db);
    auto table = (*db)->query(
        "SELECT coalesce(state, '-') || '|' || flags || '|' || state_basis || '|' || "
        "close_reason "
        "AS entry FROM conntrack ORDER BY translation_id");
    if (!table) FAIL(table.error().message);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < table->rows.size(); ++i) out.push_back(table->text(i, "entry"));
    return out;
  }

 private:
  test::TempDir folder_;
  std::unique_ptr<Writer> writer_;
};

correlate::Translation snat(std::uint64_t serial,
                            std::uint32_t inside,
                            std::uint32_t outside,
                            std::uint64_t inside_only,
                            std::uint64_t outside_only) {
  auto t =
      translation(serial, {0, inside}, {1, outside}, correlate::TranslationKind::kSnat, 10);
  t.packets[0].inside_only = inside_only;
  t.packets[1].outside_only = outside_only;
  return t;
}

// One entry, from the changes that each tap saw.
std::string entry(const std::vector<Change>& inside,
                  const std::vector<Change>& outside,
                  std::uint64_t inside_only = 0,
                  std::uint64_t outside_only = 0,
                  double outside_end = 100) {
  Taps taps(outside_end);
  (*taps).connection(with_changes(1, 1, inside));
  (*taps).connection(with_changes(2, 1, outside));
  (*taps).translation(snat(1, 1, 1, inside_only, outside_only));
  const auto entries = taps.entries();
  REQUIRE(entries.size() == 1);
  return entries.front();
}

const Change kOpen{10, TcpState::kEstablished};
const Change kFin{20, TcpState::kFinWait};
const Change kWait{30, TcpState::kTimeWait};

}  // namespace

TEST_CASE("two taps that saw all and agree tell the router's state", "[store][router]") {
  CHECK(entry({kOpen, kFin}, {kOpen, kFin}) == "FIN_WAIT|ASSURED|both|end");
}

TEST_CASE("the tap that saw all packets is believed", "[store][router]") {
  CHECK(entry({kOpen, kFin, kWait}, {kOpen}, 3, 0) == "TIME_WAIT|ASSURED|inside|end");
  CHECK(entry({kOpen}, {kOpen, kFin, kWait}, 0, 3) == "TIME_WAIT|ASSURED|outside|end");
}

TEST_CASE("a tap that the other one left behind did not see all", "[store][router]") {
  CHECK(entry({kOpen}, {kOpen, kFin, kWait}, 3, 0) == "TIME_WAIT|ASSURED|merged|end");
}

TEST_CASE("where each missed packets, the one that went on is believed", "[store][router]") {
  CHECK(entry({kOpen, kFin, kWait}, {kOpen, kFin}, 1, 1) == "TIME_WAIT|ASSURED|merged|end");
  CHECK(entry({kOpen, kFin}, {kOpen, kFin}, 1, 1) == "FIN_WAIT|ASSURED|merged|end");
  // The same state, each by another packet.
  CHECK(entry({kOpen, {11, TcpState::kEstablished}}, {kOpen}, 1, 1) ==
        "ESTABLISHED|ASSURED|partial|end");
}

TEST_CASE("half closed with packets missed at both taps stays open", "[store][router]") {
  CHECK(entry({kOpen, kFin}, {kOpen}, 1, 1) == "FIN_WAIT|ASSURED|partial|end");
  // One FIN here, the other there: the router may have seen both.
  CHECK(entry({kOpen, kFin}, {kOpen, {25, TcpState::kFinWait}}, 1, 1) ==
        "FIN_WAIT|ASSURED|partial|end");
}

TEST_CASE("what a tap refused the router may have taken", "[store][router]") {
  Taps taps;
  auto inside = with_changes(1, 1, {kOpen});
  inside.invalid_packets = 2;
  (*taps).connection(inside);
  (*taps).connection(with_changes(2, 1, {kOpen}));
  (*taps).translation(snat(1, 1, 1, 1, 1));
  CHECK(taps.entries() == std::vector<std::string>{"ESTABLISHED|ASSURED|partial|end"});
}

TEST_CASE("the table is that of the moment when the shorter capture ended", "[store][router]") {
  const Change half{10, TcpState::kSynRecv, kReplied};
  CHECK(entry({half, kFin, kWait}, {half}, 0, 0, 15) == "SYN_RECV||both|end");
  CHECK(entry({half, kFin, kWait}, {half, kFin}, 0, 0, 25) == "FIN_WAIT|ASSURED|both|end");
}

TEST_CASE("an entry whose tuple another one took is gone", "[store][router]") {
  Taps taps;
  (*taps).connection(with_changes(1, 1, {kOpen, kFin, kWait}));
  (*taps).connection(with_changes(2, 1, {kOpen}));
  (*taps).connection(with_changes(2, 2, {{30, TcpState::kTimeWait}}));
  (*taps).translation(snat(1, 1, 1, 0, 0));
  auto next = snat(2, 1, 2, 0, 0);
  next.start = second(25);
  (*taps).translation(next);
  CHECK(taps.entries() == std::vector<std::string>{"ESTABLISHED|ASSURED|outside|replaced",
                                                   "TIME_WAIT|ASSURED|outside|end"});
}
