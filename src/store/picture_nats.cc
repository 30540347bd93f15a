// The picture of a capture for diagnosis: what was derived of NATs, tunnels, and what protocols
// said.
#include <nlohmann/json.hpp>

#include "picture.h"

namespace natlens::store {
namespace {

// Enough for rules that look at mappings; a NAT that shows nothing in so many will not later.
constexpr std::string_view kMostMappings = "32768";

std::vector<std::int64_t> ids(std::string_view json) {
  const auto list = nlohmann::json::parse(json, nullptr, false);
  std::vector<std::int64_t> out;
  if (!list.is_array()) return out;
  for (const auto& id : list) {
    if (id.is_number_integer()) out.push_back(id.get<std::int64_t>());
  }
  return out;
}

}  // namespace

bool PictureReader::read_nats() {
  constexpr auto kRelations = std::to_array<std::string_view>(
      {"nat", "routed", "bridged", "tunnel", "proxy", "isolated", "unrelated", "user_nat"});
  return each("SELECT * FROM nat ORDER BY id", [&](Columns& column) {
    findings::Nat row;
    row.id = column.integer();
    row.inside_tap = column.integer();
    row.outside_tap = column.integer();
    row.relation = named<nat::Relation>(kRelations, column.text());
    row.translations = column.number<std::uint64_t>();
    for (auto& count : row.by_kind) count = column.number<std::uint64_t>();
    const auto list = nlohmann::json::parse(column.text(), nullptr, false);
    for (const auto& text : list) {
      if (!text.is_string()) continue;
      if (const auto address = Address::parse(text.get<std::string>())) {
        row.external_addresses.push_back(*address);
      }
    }
    rows_.nats.push_back(std::move(row));
  });
}

bool PictureReader::read_behaviours() {
  return each(
      "SELECT nat_id, protocol, property, value, confidence, evidence_for, evidence_against,"
      " examples, counter_examples, detail FROM nat_behaviour ORDER BY id",
      [&](Columns& column) {
        findings::Behaviour row;
        row.nat = column.integer();
        row.protocol = protocol_number(column.text()).value_or(0);
        row.property = column.text();
        row.value = column.text();
        row.confidence = column.text();
        row.evidence_for = column.number<std::uint64_t>();
        row.evidence_against = column.number<std::uint64_t>();
        row.examples = ids(column.text());
        row.counter_examples = ids(column.text());
        row.detail = column.text();
        rows_.behaviours.push_back(std::move(row));
      });
}

bool PictureReader::read_mappings() {
  return each(std::string("SELECT id, nat_id, kind, protocol, internal_addr, internal_port,"
                          " external_addr, external_port, first_ns, last_ns FROM mapping"
                          " ORDER BY id LIMIT ")
                  .append(kMostMappings),
              [&](Columns& column) {
                findings::Mapping row;
                row.id = column.integer();
                row.nat = column.integer();
                row.kind = named<correlate::TranslationKind>(correlate::kTranslationKindNames,
                                                             column.text());
                row.protocol = protocol_number(column.text()).value_or(0);
                row.internal.address = column.address();
                row.internal.port = column.port();
                row.external.address = column.address();
                row.external.port = column.port();
                row.first = column.time();
                row.last = column.time();
                rows_.mappings.push_back(row);
              });
}

bool PictureReader::read_carriers() {
  return each(
      "SELECT connection_id, carrier_id, direction, kind, key, depth, packets, first_ns,"
      " last_ns, basis FROM encapsulation"
      " WHERE connection_id IN (SELECT id FROM temp.chosen) ORDER BY id",
      [&](Columns& column) {
        findings::Carrier row;
        row.inner = index_of(column.integer());
        row.carrier = index_of(column.integer());
        row.direction = column.text() == "reply" ? 1 : 0;
        row.kind = column.text();
        row.key = column.number<std::uint64_t>();
        row.depth = column.number<std::uint8_t>();
        row.packets = column.number<std::uint64_t>();
        row.first = column.time();
        row.last = column.time();
        row.aligned = column.text() == "aligned";
        rows_.carriers.push_back(std::move(row));
      });
}

bool PictureReader::read_tunnelled() {
  return each(
      "SELECT connection_id, direction, kind, confidence, packets, linked, unsure, unseen, lost"
      " FROM tunnelled WHERE connection_id IN (SELECT id FROM temp.chosen) ORDER BY id",
      [&](Columns& column) {
        findings::Tunnelled row;
        row.inner = index_of(column.integer());
        row.direction = column.text() == "reply" ? 1 : 0;
        row.kind = column.text();
        row.confidence = column.text();
        row.packets = column.number<std::uint64_t>();
        row.linked = column.number<std::uint64_t>();
        row.unsure = column.number<std::uint64_t>();
        row.unseen = column.number<std::uint64_t>();
        row.lost = column.number<std::uint64_t>();
        rows_.tunnelled.push_back(std::move(row));
      });
}

bool PictureReader::read_statements() {
  return each(
      "SELECT connection_id, file_id, frame, tap_id, time_ns, protocol, speaker, says,"
      " named_addr, named_port, whose_addr, whose_port, number, text FROM statement"
      " WHERE connection_id IN (SELECT id FROM temp.chosen) ORDER BY time_ns, id LIMIT 65536",
      [&](Columns& column) {
        findings::Statement row;
        row.frame.connection = column.integer();
        row.connection = index_of(row.frame.connection);
        row.frame.file = column.integer();
        row.frame.number = column.number<std::uint32_t>();
        row.frame.tap = column.integer();
        row.frame.time = column.time();
        row.protocol = column.text();
        row.speaker = column.text();
        row.says = column.text();
        row.named.address = column.address();
        row.named.port = column.port();
        row.whose.address = column.address();
        row.whose.port = column.port();
        row.number = column.integer();
        row.text = column.text();
        rows_.statements.push_back(std::move(row));
      });
}

}  // namespace natlens::store
