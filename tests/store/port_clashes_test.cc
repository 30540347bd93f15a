// The query port_clashes: whoever held the port towards somebody else has taken nothing.
#include <algorithm>
#include <string>
#include <vector>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

class Nat {
 public:
  Nat() {
    auto writer = Writer::create(folder_.path("nat.db"), true);
    REQUIRE(writer);
    writer_ = std::move(*writer);
    nat::Nat nat;
    nat.id = 1;
    nat.inside_tap = 1;
    nat.outside_tap = 2;
    nat.relation = nat::Relation::kNat;
    writer_->nat(nat);
  }
  // A flow of a host through the NAT, whose entry lives for a minute.
  void flow(const std::string& internal,
            const std::string& external,
            const std::string& far,
            double at) {
    ++serial_;
    writer_->connection(connection(1, serial_, tuple("tcp", internal, far), at));
    writer_->connection(connection(2, serial_, tuple("tcp", external, far), at));
    writer_->translation(translation(serial_, {0, serial_}, {1, serial_},
                                     correlate::TranslationKind::kSnat, at));
  }
  void independent() {
    nat::Behaviour row;
    row.nat = 1;
    row.protocol = protocol::kTcp;
    row.property = nat::Property::kMapping;
    row.value = "endpoint-independent";
    row.confidence = "certain";
    writer_->behaviour(row);
  }
  std::vector<std::string> clashes() {
    REQUIRE(writer_->finish());
    auto db = Database::open(folder_.path("nat.db"));
    REQUIRE(db);
    const auto queries = catalogue();
    const auto query = std::find_if(queries.begin(), queries.end(), [](const NamedQuery& q) {
      return q.name == "port_clashes";
    });
    REQUIRE(query != queries.end());
    auto table = (*db)->query(query->sql);
    REQUIRE(table);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < table->rows.size(); ++i) {
      out.push_back(table->text(i, "internal") + " by " + table->text(i, "taken_by"));
    }
    return out;
  }

 private:
  test::TempDir folder_;
  std::unique_ptr<Writer> writer_;
  std::uint32_t serial_ = 0;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a port is taken by who holds it towards the same far end", "[store][catalogue]") {
  Nat nat;
  nat.flow("10.0.0.2:4000", "198.51.100.1:4000", "192.0.2.9:443", 1);
  nat.flow("10.0.0.3:4000", "198.51.100.1:4000", "192.0.2.10:443",
           2);  // another server: no clash
  nat.flow("10.0.0.4:4000", "198.51.100.1:40211", "192.0.2.9:443", 3);
  CHECK(nat.clashes() == Lines{"10.0.0.4 4000 by 10.0.0.2 4000"});
}

TEST_CASE("a changed port alone is no clash", "[store][catalogue]") {
  Nat nat;
  nat.flow("10.0.0.2:4000", "198.51.100.1:4000", "192.0.2.9:443", 1);
  nat.flow("10.0.0.3:4000", "198.51.100.1:40211", "192.0.2.11:443", 3);
  nat.flow("10.0.0.4:4000", "198.51.100.1:40377", "192.0.2.9:443", 300);  // long since free
  CHECK(nat.clashes().empty());
}

TEST_CASE("where mappings serve every far end, any holder has taken the port",
          "[store][catalogue]") {
  Nat nat;
  nat.flow("10.0.0.2:4000", "198.51.100.1:4000", "192.0.2.9:443", 1);
  nat.flow("10.0.0.3:4000", "198.51.100.1:40211", "192.0.2.11:443", 3);
  nat.independent();
  CHECK(nat.clashes() == Lines{"10.0.0.3 4000 by 10.0.0.2 4000"});
}
