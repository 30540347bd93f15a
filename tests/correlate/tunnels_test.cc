// Encrypted tunnels without keys, against a model that knows what is in them: connections and
// their carriers, packet by packet.
#include "natlens/correlate/tunnels.h"

#include "support/catch.h"
#include "support/tunnel_model.h"

namespace natlens::correlate {
namespace {

using test::TunnelModel;
using Triple = std::tuple<std::uint32_t, std::uint16_t, std::uint32_t>;

constexpr std::int64_t kSecond = 1'000'000'000;

struct Said final : TunnelSink {
  std::set<Triple> carriers;
  std::vector<Tunnelled> accounts;
  std::vector<TunnelLink> links;
  std::size_t candidates = 0;

  void carried(const Carried& row) override {
    carriers.insert({row.inner.serial, row.carrier.tap, row.carrier.serial});
  }
  void tunnelled(const Tunnelled& row) override { accounts.push_back(row); }
  void candidate(const Candidate&) override { ++candidates; }
  void linked(const TunnelLink& row) override { links.push_back(row); }
};

struct Score {
  double carriers_right = 1;  // of those said
  double carriers_found = 0;  // of those that were
  double packets_right = 1;
  double packets_found = 0;
};

Score judge(const TunnelModel& model, const Said& said) {
  Score score;
  std::size_t right = 0;
  for (const Triple& triple : said.carriers) right += model.carriers.count(triple);
  if (!said.carriers.empty()) {
    score.carriers_right = double(right) / double(said.carriers.size());
  }
  score.carriers_found = double(right) / double(model.carriers.size());
  std::size_t same = 0;
  for (const TunnelLink& link : said.links) {
    const auto inner = model.number_of.find(link.frame);
    const auto outer = model.number_at.find({link.carrier.tap, link.carrier_frame});
    same += inner != model.number_of.end() && outer != model.number_at.end() &&
            inner->second == outer->second;
  }
  if (!said.links.empty()) score.packets_right = double(same) / double(said.links.size());
  // Of those whose outer packet is there.
  std::set<std::uint64_t> shown;
  for (const auto& [where, number] : model.number_at) shown.insert(number);
  std::size_t there = 0;
  for (const auto& [frame, number] : model.number_of) there += shown.count(number);
  std::set<std::uint32_t> found;
  for (const TunnelLink& link : said.links) found.insert(link.frame);
  score.packets_found = there == 0 ? 0 : double(found.size()) / double(there);
  return score;
}

Score run(TunnelModel& model, Said& said) {
  model.make();
  TunnelTracker tracker({.keep_links = true}, said);
  model.run(tracker);
  return judge(model, said);
}

Score run(TunnelModel& model) {
  Said said;
  return run(model, said);
}

}  // namespace

TEST_CASE("a tunnel's connections and packets are found by order and length",
          "[correlate][tunnel]") {
  const std::uint64_t seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  TunnelModel model(seed);
  const Score score = run(model);
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found == 1);
  CHECK(score.packets_right >= 0.999);
  CHECK(score.packets_found >= 0.99);
}

TEST_CASE("packets that captures and tunnel lose do not put the others out of step",
          "[correlate][tunnel]") {
  const std::uint64_t seed = GENERATE(11U, 12U, 13U);
  CAPTURE(seed);
  TunnelModel model(seed);
  model.lose_inner = 0.01;
  model.lose_outer = 0.01;
  model.lose_in_tunnel = 0.01;
  model.reorder = 0.01;
  Said said;
  const Score score = run(model, said);
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found >= 0.98);
  CHECK(score.packets_right >= 0.99);
  CHECK(score.packets_found >= 0.9);
  std::uint64_t lost = 0;
  for (const Tunnelled& row : said.accounts) lost += row.lost();
  CHECK(lost > 10);
  CHECK(lost < 300);
}

TEST_CASE("equal lengths are told apart by their times, or not at all", "[correlate][tunnel]") {
  TunnelModel model(21);
  model.equal_lengths = true;
  model.lose_inner = 0.005;
  model.lose_in_tunnel = 0.005;
  const Score score = run(model);
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found >= 0.98);
  CHECK(score.packets_right >= 0.99);
  CHECK(score.packets_found >= 0.8);
}

TEST_CASE("records that left together in a stream keep their order", "[correlate][tunnel]") {
  const std::uint64_t seed = GENERATE(25U, 26U, 27U);
  CAPTURE(seed);
  TunnelModel model(seed);
  model.kind = decode::Encapsulation::kOpenvpn;
  model.outer_bytes = [](std::uint32_t inner) { return inner + 24; };
  model.numbered = false;
  model.keepalives = 0;
  model.hold_ns = 40'000'000;
  model.gap_ms = 1;
  const Score score = run(model);
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found == 1);
  CHECK(score.packets_right == 1);
  CHECK(score.packets_found >= 0.99);
}

TEST_CASE("new keys and another port beyond the NAT are the same tunnel",
          "[correlate][tunnel]") {
  TunnelModel model(31);
  model.rekey_every_ns = 3 * kSecond;
  model.roam_every_ns = 5 * kSecond;
  const Score score = run(model);
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found == 1);
  CHECK(score.packets_right >= 0.999);
  CHECK(score.packets_found >= 0.99);
}

TEST_CASE("a connection in one tunnel after the other has one account", "[correlate][tunnel]") {
  const std::uint64_t seed = GENERATE(32U, 33U, 34U);
  CAPTURE(seed);
  TunnelModel model(seed);
  model.kind = decode::Encapsulation::kOpenvpn;
  model.numbered = false;
  model.outer_bytes = [](std::uint32_t inner) { return inner + 24; };
  model.keepalives = 0;
  model.roam_every_ns = 5 * kSecond;
  model.make();
  // Only behind the NAT: nothing tells that the other port's tunnel is the same.
  std::erase_if(model.events, [](const auto& e) { return e.tap == TunnelModel::kCard; });
  Said said;
  TunnelTracker tracker({.keep_links = true}, said);
  model.run(tracker);
  const Score score = judge(model, said);
  CHECK(score.carriers_right == 1);
  CHECK(score.packets_right >= 0.999);
  std::set<std::pair<std::uint32_t, conntrack::Direction>> accounts;
  std::uint64_t packets = 0;
  std::uint64_t linked = 0;
  for (const Tunnelled& row : said.accounts) {
    CHECK(accounts.insert({row.inner.serial, row.direction}).second);
    packets += row.packets;
    linked += row.linked;
  }
  std::set<std::uint32_t> carriers;
  for (const Triple& triple : said.carriers) carriers.insert(std::get<2>(triple));
  CHECK(carriers.size() > 1);
  CHECK(double(linked) >= 0.99 * double(packets));
}

TEST_CASE("a new carrier whose first packet is read before its own elsewhere",
          "[correlate][tunnel]") {
  TunnelModel model(35);
  model.kind = decode::Encapsulation::kOpenvpn;
  model.numbered = false;
  model.outer_bytes = [](std::uint32_t inner) { return inner + 24; };
  model.keepalives = 0;
  model.roam_every_ns = 5 * kSecond;
  model.make();
  // What is read of the card comes late, however its clock is right.
  std::stable_sort(model.events.begin(), model.events.end(), [](const auto& a, const auto& b) {
    const auto read = [](const auto& e) {
      return e.time + (e.tap == TunnelModel::kCard ? 3'000'000 : 0);
    };
    return read(a) < read(b);
  });
  Said said;
  TunnelTracker tracker({.keep_links = true}, said);
  model.run(tracker);
  const Score score = judge(model, said);
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found == 1);
  CHECK(score.packets_right >= 0.999);
  CHECK(score.packets_found >= 0.98);
}

TEST_CASE("a busy tunnel keeps in step", "[correlate][tunnel]") {
  TunnelModel model(41);
  model.packets = 20000;
  model.gap_ms = 0.1;
  model.lose_outer = 0.002;
  const Score score = run(model);
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found >= 0.98);
  CHECK(score.packets_right >= 0.99);
}

TEST_CASE("the same for other protocols: the form of lengths is found by fit",
          "[correlate][tunnel]") {
  struct Form {
    decode::Encapsulation kind;
    bool numbered;
    std::uint32_t (*outer)(std::uint32_t);
  };
  using decode::Encapsulation;
  const auto form = GENERATE(
      Form{Encapsulation::kOpenvpn, false, [](std::uint32_t n) { return n + 24; }},
      Form{Encapsulation::kOpenvpn, false, [](std::uint32_t n) { return n + 25; }},
      Form{Encapsulation::kOpenvpn, false,
           [](std::uint32_t n) { return 40 + ((4 + n) / 16 + 1) * 16; }},
      Form{Encapsulation::kEsp, true, [](std::uint32_t n) { return 32 + (n + 2 + 3) / 4 * 4; }},
      Form{Encapsulation::kEsp, true,
           [](std::uint32_t n) { return 40 + (n + 2 + 15) / 16 * 16; }});
  TunnelModel model(71);
  model.kind = form.kind;
  model.numbered = form.numbered;
  model.outer_bytes = form.outer;
  model.keepalives = 0;
  model.lose_inner = model.lose_outer = 0.005;
  model.roam_every_ns = 5 * kSecond;
  const Score score = run(model);
  CAPTURE(form.outer(52));
  CHECK(score.carriers_right == 1);
  CHECK(score.carriers_found >= 0.98);
  CHECK(score.packets_right >= 0.99);
  CHECK(score.packets_found >= 0.9);
}

TEST_CASE("times that jump do no harm", "[correlate][tunnel]") {
  TunnelModel model(61);
  model.packets = 300;
  model.make();
  for (std::size_t i = 0; i < model.events.size(); i += 7) {
    auto& event = model.events[i];
    const std::int64_t wild = i % 2 == 0 ? INT64_MIN + 1 : i % 3 == 0 ? INT64_MAX : 5;
    event.sighting.time = event.packet.time = Timestamp::from_ns(wild);
  }
  Said said;
  TunnelTracker tracker({.keep_links = true}, said);
  model.run(tracker);
  CHECK(said.carriers.size() <= 10'000);
}

TEST_CASE("an interface and a card that have nothing to do with each other give nothing",
          "[correlate][tunnel]") {
  const std::uint64_t seed = GENERATE(51U, 52U, 53U, 54U);
  CAPTURE(seed);
  TunnelModel inside(seed), outside(seed + 100);
  inside.gap_ms = outside.gap_ms = seed % 2 == 0 ? 4 : 40;
  inside.make();
  outside.make();
  TunnelModel mixed(0);
  for (const auto& event : inside.events) {
    if (event.inner) mixed.events.push_back(event);
  }
  for (const auto& event : outside.events) {
    if (!event.inner) mixed.events.push_back(event);
  }
  std::sort(mixed.events.begin(), mixed.events.end(),
            [](const auto& a, const auto& b) { return a.time < b.time; });
  Said said;
  TunnelTracker tracker({.keep_links = true}, said);
  mixed.run(tracker);
  CHECK(said.carriers.empty());
  CHECK(said.links.empty());
}

}  // namespace natlens::correlate
