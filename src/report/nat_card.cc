#include "natlens/report/nat_card.h"

#include <array>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "natlens/report/table.h"
#include "natlens/report/text.h"

#include "blocks.h"
#include "loader.h"

namespace natlens::report {
namespace {

// Properties as stored, as people say them, and in the order of the card.
constexpr auto kQuestions = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"mapping", "mapping"},
     {"filtering", "filtering"},
     {"port_preservation", "keeps ports"},
     {"on_conflict", "port taken by another host"},
     {"port_overloading", "one port for two hosts, same server"},
     {"port_sharing", "one port for two hosts, other servers"},
     {"port_range", "range of changed ports"},
     {"port_parity", "parity of changed ports"},
     {"port_contiguity", "RTP/RTCP pairs of ports"},
     {"port_order", "order of changed ports"},
     {"timeout", "idle mapping lives"},
     {"timeout_unreplied", "idle mapping without answer lives"},
     {"refresh", "kept alive by packets"},
     {"port_reuse", "port goes to another host"},
     {"hairpinning", "hairpinning"},
     {"determinism", "always the same (RFC 4787 REQ-11)"},
     {"pooling", "external address per host"},
     {"port_blocks", "ports by subscriber"},
     {"block_order", "blocks by the hosts' addresses"}});

struct Behaviours {
  store::Table rows;
  std::vector<std::size_t> of_nat;  // row numbers
};

std::string protocol_of(const store::Table& rows, std::size_t row) {
  return null_at(rows, row, "protocol") ? "all" : rows.text(row, "protocol");
}

std::string value_at(const Behaviours& b,
                     std::string_view protocol,
                     std::string_view property) {
  for (const std::size_t row : b.of_nat) {
    if (b.rows.text(row, "property") == property && protocol_of(b.rows, row) == protocol) {
      return b.rows.text(row, "value");
    }
  }
  return {};
}

// What RFC 3489 called it. RFC 4787 section 3 gave the words up, but people still ask for them.
std::string_view old_name(std::string_view mapping, std::string_view filtering) {
  if (mapping == "address-dependent" || mapping == "address-and-port-dependent" ||
      mapping == "connection-dependent" || mapping.starts_with("endpoint-dependent")) {
    return "symmetric";
  }
  if (!mapping.starts_with("endpoint-independent")) return {};
  if (filtering == "endpoint-independent") return "full cone";
  if (filtering == "address-dependent") return "restricted cone";
  if (filtering == "address-and-port-dependent") return "port-restricted cone";
  return {};
}

std::string answer_text(const Behaviours& b, std::size_t row) {
  const std::string value = b.rows.text(row, "value");
  if (b.rows.text(row, "property") != "mapping") return value;
  const auto name = old_name(value, value_at(b, protocol_of(b.rows, row), "filtering"));
  return name.empty() ? value : fmt::format("{} ({})", value, name);
}

std::string evidence_text(const store::Table& rows, std::size_t row) {
  const std::uint64_t against = count_at(rows, row, "evidence_against");
  const std::string text = format_count(count_at(rows, row, "evidence_for"));
  return against == 0 ? text : fmt::format("{}, {} against", text, format_count(against));
}

void append_answers(std::string& out, const Behaviours& b) {
  store::Table table{{"question", "protocol", "answer", "how sure", "evidence", "for example"},
                     {}};
  for (const auto& [property, words] : kQuestions) {
    for (const std::size_t row : b.of_nat) {
      if (b.rows.text(row, "property") != property || null_at(b.rows, row, "value")) continue;
      table.rows.push_back({std::string(words), protocol_of(b.rows, row), answer_text(b, row),
                            b.rows.text(row, "confidence"), evidence_text(b.rows, row),
                            b.rows.text(row, "example")});
    }
  }
  if (!table.rows.empty()) out += indented(table_text(table));
}

// One line per question that is open, with its protocols and what would answer it.
void append_open(std::string& out, const Behaviours& b) {
  store::Table table{{"undetermined", "protocol", "would be decided by"}, {}};
  for (const auto& [property, words] : kQuestions) {
    std::string protocols;
    std::string needs;
    for (const std::size_t row : b.of_nat) {
      if (b.rows.text(row, "property") != property || !null_at(b.rows, row, "value")) continue;
      protocols += (protocols.empty() ? "" : ", ") + protocol_of(b.rows, row);
      needs = b.rows.text(row, "needs");
    }
    if (!protocols.empty()) table.rows.push_back({std::string(words), protocols, needs});
  }
  if (!table.rows.empty()) out += (out.empty() ? "" : "\n") + indented(table_text(table));
}

std::string head_line(const store::Table& nats, std::size_t row) {
  std::string line = fmt::format(
      "{}: {} > {}: {}", nats.integer(row, "id"), printable(nats.text(row, "inside_tap")),
      printable(nats.text(row, "outside_tap")), nats.text(row, "relation"));
  const std::uint64_t translations = count_at(nats, row, "translations");
  if (translations == 0) return line + "\n";
  std::string kinds;
  for (const char* kind : {"snat", "dnat", "twice", "hairpin", "nat64", "nat46", "npt", "proxy",
                           "tunnel", "routed", "bridged"}) {
    const std::uint64_t count = count_at(nats, row, kind);
    if (count == 0) continue;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", format_count(count), kind);
  }
  line += ", " + kinds;
  const std::string addresses = nats.text(row, "addresses");
  return line + (addresses.empty() ? "\n" : fmt::format(", external {}\n", addresses));
}

// Rows of nat_behaviours by their NAT.
std::map<std::int64_t, std::vector<std::size_t>> rows_by_nat(const store::Table& rows) {
  std::map<std::int64_t, std::vector<std::size_t>> by_nat;
  for (std::size_t row = 0; row < rows.rows.size(); ++row) {
    by_nat[rows.integer(row, "nat_id")].push_back(row);
  }
  return by_nat;
}

store::Value answer_or_null(const Behaviours& b, std::size_t row) {
  if (null_at(b.rows, row, "value")) return {};
  return answer_text(b, row);
}

}  // namespace

Result<NatCards> nat_cards(store::Database& database, std::uint64_t limit) {
  Loader loader(database);
  const store::Table nats = loader.query(
      "SELECT *, (SELECT group_concat(value, ', ') FROM json_each(external_addresses) "
      "WHERE key < 8) AS addresses FROM nats ORDER BY id LIMIT ?1",
      {limit == 0 ? std::int64_t{-1} : static_cast<std::int64_t>(limit)});
  Behaviours behaviours;
  behaviours.rows = loader.query("SELECT * FROM nat_behaviours");
  if (loader.failed()) return loader.error();
  auto by_nat = rows_by_nat(behaviours.rows);
  NatCards cards;
  for (std::size_t row = 0; row < nats.rows.size(); ++row, ++cards.nats) {
    if (row > 0 && cards.text.ends_with("\n") && !behaviours.of_nat.empty()) cards.text += '\n';
    cards.text += head_line(nats, row);
    behaviours.of_nat = by_nat[nats.integer(row, "id")];
    std::string body;
    append_answers(body, behaviours);
    append_open(body, behaviours);
    cards.text += body;
  }
  return cards;
}

Result<store::Table> nat_answers(store::Database& database) {
  Loader loader(database);
  Behaviours b;
  b.rows = loader.query("SELECT * FROM nat_behaviours");
  if (loader.failed()) return loader.error();
  store::Table answers{{"nat_id", "question", "protocol", "answer", "confidence", "evidence",
                        "example", "needs"},
                       {}};
  for (const auto& [nat, rows] : rows_by_nat(b.rows)) {
    b.of_nat = rows;
    for (const auto& [property, words] : kQuestions) {
      for (const std::size_t row : rows) {
        if (b.rows.text(row, "property") != property) continue;
        answers.rows.push_back({nat, std::string(words), protocol_of(b.rows, row),
                                answer_or_null(b, row), b.rows.text(row, "confidence"),
                                evidence_text(b.rows, row), b.rows.text(row, "example"),
                                b.rows.text(row, "needs")});
      }
    }
  }
  return answers;
}

}  // namespace natlens::report
