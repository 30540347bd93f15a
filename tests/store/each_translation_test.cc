#include <vector>

#include "natlens/nat/observe.h"
#include "natlens/store/writer.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

std::vector<nat::TranslationRow> all(Writer& writer, TranslationOrder order) {
  std::vector<nat::TranslationRow> rows;
  auto done = writer.each_translation(order, [&](const auto& row) { rows.push_back(row); });
  if (!done) FAIL(done.error().message);
  return rows;
}

std::vector<std::int64_t> ids(const std::vector<nat::TranslationRow>& rows) {
  std::vector<std::int64_t> out;
  for (const auto& row : rows) out.push_back(row.id);
  return out;
}

struct Sample {
  test::TempDir folder;
  std::unique_ptr<Writer> writer;
  Sample() {
    auto created = Writer::create(folder.path("nat.db"), false);
    REQUIRE(created);
    writer = std::move(*created);
    write_sample(*writer);
  }
};

}  // namespace

TEST_CASE("translations come back with the tuples of both sides", "[store][each]") {
  const Sample sample;
  const auto rows = all(*sample.writer, TranslationOrder::kById);
  CHECK(ids(rows) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  const auto& first = rows[0];
  CHECK(first.inside_tap == 1);
  CHECK(first.outside_tap == 2);
  CHECK(first.inside_connection == connection_id(1, 1));
  CHECK(first.outside_connection == connection_id(2, 1));
  CHECK(to_string(first.inside) == "tcp 10.0.0.2:4000 > 192.0.2.9:443");
  CHECK(to_string(first.outside) == "tcp 100.64.0.2:4000 > 192.0.2.9:443");
  CHECK(first.kind == correlate::TranslationKind::kSnat);
  CHECK(first.confidence == correlate::Confidence::kCertain);
  CHECK(first.opened_from == correlate::FirstSeen::kInside);
  CHECK(first.start == second(10));
  CHECK(first.end == second(15));
  CHECK(first.bits == 93.2);
  CHECK(rows[5].opened_from == correlate::FirstSeen::kOutside);
  CHECK(rows[8].inside.src_port == 77);
  CHECK(rows[8].inside.dst_port == 0);
  // Turned round at the tap that saw only the end of it.
  CHECK(to_string(rows[9].outside) == "tcp 100.64.0.2:1234 > 192.0.2.9:22");
}

TEST_CASE("in the order of mappings, equal mappings are neighbours", "[store][each]") {
  const Sample sample;
  const auto rows = all(*sample.writer, TranslationOrder::kByMapping);
  CHECK(rows.size() == 10);
  std::vector<std::string> keys;
  for (const auto& row : rows) {
    Endpoint internal;
    Endpoint external;
    REQUIRE(nat::mapping_ends(row, internal, external));
    const auto key = std::to_string(row.inside_tap) + std::to_string(row.outside_tap) +
                     protocol_name(row.inside.protocol) + to_string(internal) +
                     to_string(external);
    if (keys.empty() || keys.back() != key) keys.push_back(key);
  }
  auto distinct = keys;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  CHECK(distinct.size() == keys.size());
}

TEST_CASE("chained are those that share a connection, by start", "[store][each]") {
  const Sample sample;
  const auto rows = all(*sample.writer, TranslationOrder::kChained);
  CHECK(ids(rows) == std::vector<std::int64_t>{1, 2, 7, 6});
  CHECK(rows[0].alive_until == second(15.001));  // the last packet of either connection
  const auto by_connection = all(*sample.writer, TranslationOrder::kByConnection);
  CHECK(by_connection.size() == 10);
  CHECK(by_connection[0].alive_until == Timestamp::max());
}

TEST_CASE("rows may be written while translations are read", "[store][each]") {
  const Sample sample;
  std::size_t seen = 0;
  auto done = sample.writer->each_translation(TranslationOrder::kById, [&](const auto& row) {
    ++seen;
    sample.writer->path_step({100 + row.id, 1, row.inside_connection, 0});
    if (seen == 5) REQUIRE(sample.writer->flush());
  });
  CHECK(done);
  CHECK(seen == 10);
  CHECK(sample.writer->finish());
}
