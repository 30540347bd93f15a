// Promises about packets between two taps: loss, latency, mss, unchanged.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kinds.h"

namespace natlens::verify {
namespace {

std::int64_t integer(const store::Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

// One direction of a translation.
struct Account {
  std::int64_t translation = 0;
  bool original = true;
  std::uint64_t both = 0;
  std::uint64_t lost = 0;
  std::int64_t median_ns = 0;
  std::int64_t p99_ns = 0;
  std::int64_t max_ns = 0;
  std::int64_t tos_changes = 0;
  std::int64_t df_changes = 0;
  std::int64_t id_changes = 0;
  std::int64_t tos_before = 0;
  std::int64_t tos_after = 0;
  std::int64_t mss_before = 0;
  std::int64_t mss_after = 0;
  bool sure = true;  // nothing speaks for the capture having missed what is missing
};

constexpr std::string_view kAccounts =
    "SELECT translation_id, direction, both, only_before, latency_median_ns, latency_p99_ns,"
    " latency_max_ns, tos_changes, df_cleared + df_set, id_changes, tos_before, tos_after,"
    " mss_before, mss_after, certainty FROM packet_accounts ORDER BY translation_id, direction";

Account account_of(std::span<const store::Value> row) {
  Account a;
  a.translation = integer(row[0]);
  a.original = store::to_text(row[1]) == "original";
  a.both = static_cast<std::uint64_t>(integer(row[2]));
  a.lost = static_cast<std::uint64_t>(integer(row[3]));
  a.median_ns = integer(row[4]);
  a.p99_ns = integer(row[5]);
  a.max_ns = integer(row[6]);
  a.tos_changes = integer(row[7]);
  a.df_changes = integer(row[8]);
  a.id_changes = integer(row[9]);
  a.tos_before = integer(row[10]);
  a.tos_after = integer(row[11]);
  a.mss_before = integer(row[12]);
  a.mss_after = integer(row[13]);
  a.sure = store::to_text(row[14]) != "possible";
  return a;
}

// Directions of the flows in scope: `use(flow, account)`. Flows are in the order of their ids.
Result<void> each_account(const Context& c, const Assertion& a, const auto& use) {
  const Value* wanted = a.find("direction");
  const std::string direction = wanted == nullptr ? "both" : wanted->text;
  return c.scene.database.each(
      kAccounts, {}, [](std::span<const std::string>) {},
      [&](std::span<const store::Value> row) {
        const Account account = account_of(row);
        const auto& flows = c.scene.flows;
        const auto flow =
            std::lower_bound(flows.begin(), flows.end(), account.translation,
                             [](const Flow& f, std::int64_t id) { return f.translation < id; });
        if (flow == flows.end() || flow->translation != account.translation ||
            !in_scope(c, a, flow->entered)) {
          return true;
        }
        const bool out = account.original == flow->entered_inside;
        if (direction != "both" && (direction == "out") != out) return true;
        use(*flow, account);
        return true;
      });
}

}  // namespace

Judged judge_loss(const Context& c, const Assertion& a, Outcome& o) {
  const Value* max = a.find("max");
  std::uint64_t unsure = 0;
  o.unit = "packets";
  std::vector<Counterexample> examples;
  auto done = each_account(c, a, [&](const Flow& flow, const Account& account) {
    o.subjects += account.both + account.lost;
    if (account.lost == 0) return;
    if (!account.sure) {
      unsure += account.lost;
      return;
    }
    o.violations += account.lost;
    if (examples.size() >= c.most_examples) return;
    Counterexample e = example_of(c, flow);
    e.expected = "every packet on both sides";
    e.got = fmt::format("{} of {} packets lost {}", account.lost, account.both + account.lost,
                        account.original ? "on the way out of its opener" : "on the way back");
    e.violation = "lost";
    examples.push_back(std::move(e));
  });
  if (!done) return done;
  const double allowed = max == nullptr
                             ? 0
                             : static_cast<double>(max->number) +
                                   max->percent * static_cast<double>(o.subjects) / 100;
  const std::uint64_t lost = o.violations;
  if (static_cast<double>(lost) <= allowed) {
    o.violations = 0;
  } else {
    o.examples = std::move(examples);
  }
  if (o.subjects > 0)
    o.message = fmt::format("{} of {} lost", lost, amount(o.subjects, "packets"));
  if (unsure > 0) o.message += fmt::format(", {} may be the capture's loss", unsure);
  o.needs = "traffic that both taps see";
  return {};
}

Judged judge_latency(const Context& c, const Assertion& a, Outcome& o) {
  constexpr std::uint64_t kLeastPackets = 100;
  struct Bound {
    const Value* limit;
    std::int64_t Account::*figure;
    std::string_view name;
  };
  const std::array<Bound, 3> bounds{{{a.find("p50"), &Account::median_ns, "median"},
                                     {a.find("p99"), &Account::p99_ns, "p99"},
                                     {a.find("max"), &Account::max_ns, "maximum"}}};
  std::array<std::int64_t, 3> worst{};
  o.unit = "packets";
  auto done = each_account(c, a, [&](const Flow& flow, const Account& account) {
    o.subjects += account.both;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const std::int64_t figure = account.*bounds[i].figure;
      worst[i] = std::max(worst[i], figure);
      if (bounds[i].limit == nullptr || figure <= bounds[i].limit->number) continue;
      Counterexample e = example_of(c, flow);
      e.expected = fmt::format("{} at most {}", bounds[i].name, bounds[i].limit->text);
      e.got = fmt::format("{} {}", bounds[i].name, duration_text(figure));
      e.violation = "slow";
      violate(c, o, std::move(e));
    }
  });
  if (!done) return done;
  o.needs = "100 packets that both taps see";
  if (o.subjects < kLeastPackets && o.violations == 0) {
    o.subjects = 0;
    o.message = "fewer than 100 packets on both sides";
  } else if (o.violations == 0) {
    o.message =
        fmt::format("{}, slowest {}", amount(o.subjects, "packets"), duration_text(worst[2]));
  }
  return {};
}

Judged judge_mss(const Context& c, const Assertion& a, Outcome& o) {
  auto tap = tap_value(c, a, "tap");
  if (!tap) return tap.error();
  const Value& max = *a.find("max");
  const std::array<store::Value, 1> where{*tap == nullptr ? std::int64_t{0} : (*tap)->id};
  o.unit = "SYNs";
  o.needs = "a TCP connection";
  const auto rows = c.scene.database.query(
      "SELECT c.id, c.tap_id, c.src, c.sport, c.dst, c.dport, c.first_file_id, c.first_frame,"
      " c.start_ns, c.original_mss, c.reply_mss FROM connection AS c"
      " WHERE (?1 = 0 OR c.tap_id = ?1) AND c.protocol = 'tcp'"
      " AND (c.original_mss IS NOT NULL OR c.reply_mss IS NOT NULL) ORDER BY c.id",
      where);
  if (!rows) return rows.error();
  for (const auto& row : rows->rows) {
    Sight s;
    s.connection = integer(row[0]);
    s.tap = integer(row[1]);
    s.tuple.protocol = protocol::kTcp;
    s.tuple.src = Address::parse(store::to_text(row[2])).value_or(Address());
    s.tuple.src_port = static_cast<std::uint16_t>(integer(row[3]));
    s.tuple.dst = Address::parse(store::to_text(row[4])).value_or(Address());
    s.tuple.dst_port = static_cast<std::uint16_t>(integer(row[5]));
    s.file = integer(row[6]);
    s.frame = static_cast<std::uint32_t>(integer(row[7]));
    s.start_ns = integer(row[8]);
    if (!in_scope(c, a, s)) continue;
    for (const std::int64_t mss : {integer(row[9]), integer(row[10])}) {
      if (mss == 0) continue;
      ++o.subjects;
      if (mss <= max.number) continue;
      Counterexample e = example_of(c, s);
      e.expected = fmt::format("MSS at most {}", max.number);
      e.got = fmt::format("MSS {}", mss);
      e.violation = "mss";
      violate(c, o, std::move(e));
    }
  }
  return {};
}

Judged judge_unchanged(const Context& c, const Assertion& a, Outcome& o) {
  const auto& fields = a.find("fields")->words;
  const auto wants = [&](std::string_view field) {
    return std::find(fields.begin(), fields.end(), field) != fields.end();
  };
  o.needs = "traffic that both taps see";
  const auto differ = [&](const Flow& flow, std::string_view field, std::string before,
                          std::string after) {
    Counterexample e = example_of(c, flow);
    e.expected = fmt::format("{} {}", field, before);
    e.got = fmt::format("{} {}", field, after);
    e.violation = field;
    violate(c, o, std::move(e));
  };
  auto done = each_account(c, a, [&](const Flow& flow, const Account& account) {
    if (account.both == 0) return;
    ++o.subjects;
    const auto changed = account.tos_before ^ account.tos_after;
    const std::pair<std::string_view, bool> tos[] = {
        {"dscp", (changed & 0xfc) != 0}, {"ecn", (changed & 3) != 0}, {"tos", changed != 0}};
    for (const auto& [name, is] : tos) {
      if (wants(name) && is && account.tos_changes > 0) {
        differ(flow, name, fmt::format("{:#04x}", account.tos_before),
               fmt::format("{:#04x}", account.tos_after));
      }
    }
    if (wants("df") && account.df_changes > 0) {
      differ(flow, "df", "as it was", fmt::format("changed in {} packets", account.df_changes));
    }
    if (wants("ip-id") && account.id_changes > 0) {
      differ(flow, "ip-id", "as it was",
             fmt::format("changed in {} packets", account.id_changes));
    }
    if (wants("mss") && account.mss_before != account.mss_after && account.mss_before != 0 &&
        account.mss_after != 0) {
      differ(flow, "mss", std::to_string(account.mss_before),
             std::to_string(account.mss_after));
    }
    const Tuple& before = flow.entered.tuple;
    const Tuple& after = flow.left.tuple;
    if (wants("src-port") && account.original && before.src_port != after.src_port) {
      differ(flow, "src-port", std::to_string(before.src_port), std::to_string(after.src_port));
    }
  });
  if (!done || (!wants("seq") && !wants("payload"))) return done;
  const auto rows = c.scene.database.query(
      "SELECT t.id, coalesce(t.original_sequence_shift, 0), coalesce(t.reply_sequence_shift, "
      "0),"
      " (SELECT f.note FROM packet_fate AS f WHERE f.translation_id = t.id AND"
      " f.fate = 'changed' AND f.note LIKE '%payload%' LIMIT 1) FROM translation AS t ORDER BY "
      "t.id");
  if (!rows) return rows.error();
  for (const Flow& flow : c.scene.flows) {
    if (!in_scope(c, a, flow.entered)) continue;
    const auto row =
        std::lower_bound(rows->rows.begin(), rows->rows.end(), flow.translation,
                         [](const auto& r, std::int64_t id) { return integer(r[0]) < id; });
    if (row == rows->rows.end() || integer((*row)[0]) != flow.translation) continue;
    for (const std::size_t column : {std::size_t{1}, std::size_t{2}}) {
      const std::int64_t shift = integer((*row)[column]);
      if (wants("seq") && shift != 0) {
        differ(flow, "seq", "as it was", fmt::format("shifted by {}", shift));
      }
    }
    const std::string note = store::to_text((*row)[3]);
    if (wants("payload") && !note.empty()) differ(flow, "payload", "as it was", note);
  }
  return {};
}

}  // namespace natlens::verify
