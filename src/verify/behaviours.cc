#include "behaviours.h"

#include <array>
#include <charconv>

namespace natlens::verify {
namespace {

std::vector<std::int64_t> ids_of(std::string_view json) {
  std::vector<std::int64_t> ids;
  while (!json.empty()) {
    const auto digit = json.find_first_of("0123456789");
    if (digit == std::string_view::npos) break;
    json.remove_prefix(digit);
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), id);
    if (error != std::errc()) break;
    ids.push_back(id);
    json.remove_prefix(static_cast<std::size_t>(end - json.data()));
  }
  return ids;
}

}  // namespace

Result<std::vector<BehaviourRow>> load_behaviours(store::Database& database,
                                                  std::string_view property) {
  const std::array<store::Value, 1> wanted{std::string(property)};
  const auto table = database.query(
      "SELECT i.name AS inside_tap, o.name AS outside_tap, b.protocol, b.property, b.value,"
      " b.confidence, b.evidence_for, b.evidence_against, b.examples, b.detail, b.needs"
      " FROM nat_behaviour AS b JOIN nat AS n ON n.id = b.nat_id"
      " JOIN tap AS i ON i.id = n.inside_tap_id JOIN tap AS o ON o.id = n.outside_tap_id"
      " WHERE ?1 = '' OR b.property = ?1 ORDER BY b.id",
      wanted);
  if (!table) return table.error();
  std::vector<BehaviourRow> rows;
  for (std::size_t i = 0; i < table->rows.size(); ++i) {
    const auto count = [&](const char* name) {
      return static_cast<std::uint64_t>(table->integer(i, name));
    };
    rows.push_back({table->text(i, "inside_tap"), table->text(i, "outside_tap"),
                    table->text(i, "protocol"), table->text(i, "property"),
                    table->text(i, "value"), table->text(i, "confidence"),
                    count("evidence_for"), count("evidence_against"),
                    ids_of(table->text(i, "examples")), table->text(i, "detail"),
                    table->text(i, "needs")});
  }
  return rows;
}

Interval interval_of(std::string_view value) {
  std::vector<double> numbers;
  for (std::string_view rest = value; !rest.empty();) {
    const auto digit = rest.find_first_of("0123456789");
    if (digit == std::string_view::npos) break;
    rest.remove_prefix(digit);
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  Interval interval;
  if (numbers.empty()) return interval;
  if (value.starts_with("less")) {
    interval.high = numbers[0];
  } else {
    interval.low = numbers[0];
    if (numbers.size() > 1) interval.high = numbers[1];
  }
  return interval;
}

}  // namespace natlens::verify
