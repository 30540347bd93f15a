#include <filesystem>

#include "natlens/store/database.h"

#include "sample.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

namespace {

// One sample for all, because it is only read.
Database& sample() {
  static const test::TempDir folder;
  static const auto db = [] {
    make_sample(folder.path("nat.db"));
    auto opened = Database::open(folder.path("nat.db"));
    REQUIRE(opened);
    return std::move(*opened);
  }();
  return *db;
}

// Rows as lines "a|b|c", NULL as "-".
std::vector<std::string> lines(std::string_view sql) {
  auto table = sample().query(sql);
  if (!table) FAIL(table.error().message);
  std::vector<std::string> out;
  for (const auto& row : table->rows) {
    std::string line;
    for (const auto& value : row) {
      line += (line.empty() ? "" : "|") + (value.index() == 0 ? "-" : to_text(value));
    }
    out.push_back(line);
  }
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("translations has the columns of the contract, in its order", "[store][views]") {
  auto table = sample().query("SELECT * FROM translations LIMIT 0");
  REQUIRE(table);
  CHECK(table->columns == std::vector<std::string>{"protocol",
                                                   "kind",
                                                   "inside_tap",
                                                   "inside_zone",
                                                   "inside_src",
                                                   "inside_sport",
                                                   "inside_dst",
                                                   "inside_dport",
                                                   "outside_tap",
                                                   "outside_zone",
                                                   "outside_src",
                                                   "outside_sport",
                                                   "outside_dst",
                                                   "outside_dport",
                                                   "outside_protocol",
                                                   "start_ns",
                                                   "end_ns",
                                                   "hops",
                                                   "confidence",
                                                   "bits",
                                                   "evidence",
                                                   "inside_connection_id",
                                                   "outside_connection_id"});
}

TEST_CASE("every translation is a row with one hop", "[store][views]") {
  CHECK(
      lines(
          "SELECT protocol, kind, inside_tap, inside_src, inside_sport, inside_dst, "
          "inside_dport, outside_tap, outside_src, outside_sport, outside_dst, outside_dport, "
          "outside_protocol FROM translations WHERE hops = 1 AND kind <> 'tunnel' "
          "ORDER BY start_ns, kind, inside_tap") ==
      Lines{
          "tcp|snat|lan|10.0.0.5|1234|192.0.2.9|22|wan|100.64.0.2|1234|192.0.2.9|22|tcp",
          "tcp|snat|lan|10.0.0.2|4000|192.0.2.9|443|wan|100.64.0.2|4000|192.0.2.9|443|tcp",
          "tcp|snat|wan|100.64.0.2|4000|192.0.2.9|443|core|198.51.100.1|7001|192.0.2.9|443|tcp",
          "tcp|snat|lan|10.0.0.3|4000|192.0.2.9|443|wan|100.64.0.2|40211|192.0.2.9|443|tcp",
          "udp|snat|lan|10.0.0.2|5000|192.0.2.53|53|wan|100.64.0.2|5000|192.0.2.53|53|udp",
          "icmp|snat|lan|10.0.0.2|77|192.0.2.9|0|wan|100.64.0.2|78|192.0.2.9|0|icmp",
          "tcp|dnat|wan|192.0.2.77|6000|100.64.0.2|8080|core|192.0.2.77|6000|198.51.100.1|80|"
          "tcp",
          "tcp|dnat|lan|192.0.2.77|6000|10.0.0.20|80|wan|192.0.2.77|6000|100.64.0.2|8080|tcp",
          "tcp|hairpin|lan|10.0.0.11|7000|100.64.0.2|8080|lan|10.0.0.1|7000|10.0.0.20|80|tcp",
          "udp|snat|lan|10.0.0.4|5000|192.0.2.53|53|wan|100.64.0.2|5000|192.0.2.53|53|udp"});
}

TEST_CASE("a connection inside a clear tunnel is a row with each of its carriers",
          "[store][views]") {
  CHECK(lines("SELECT protocol, inside_tap, inside_src, inside_sport, inside_dst, "
              "inside_dport, outside_tap, outside_src, outside_sport, outside_dst, "
              "outside_dport, outside_protocol, hops, confidence, bits, evidence, "
              "inside_connection_id, outside_connection_id FROM translations "
              "WHERE kind = 'tunnel' AND bits IS NULL") ==
        Lines{"tcp|lan|10.244.0.2|40001|10.244.1.2|80|lan|10.0.0.30|40000|10.0.0.31|4789|udp|1|"
              "certain|-|[{\"field\":\"encapsulation\",\"bits\":null,\"note\":\"vxlan 7\"}]|"
              "10000000013|10000000014"});
  CHECK(
      lines("SELECT inside_src, outside_src, outside_dport, confidence, bits FROM translations "
            "WHERE kind = 'tunnel' AND bits IS NOT NULL") ==
      Lines{"10.0.0.2|10.0.0.40|51820|likely|20"});
}

TEST_CASE("a longer stretch of a path is a row of its own", "[store][views]") {
  CHECK(
      lines("SELECT kind, inside_tap, inside_src, inside_sport, inside_dst, inside_dport, "
            "outside_tap, outside_src, outside_sport, outside_dst, outside_dport, hops, bits, "
            "confidence, inside_connection_id, outside_connection_id FROM translations "
            "WHERE hops > 1 ORDER BY kind DESC") ==
      Lines{"snat|lan|10.0.0.2|4000|192.0.2.9|443|core|198.51.100.1|7001|192.0.2.9|443|2|93.2|"
            "certain|10000000001|30000000001",
            "dnat|lan|192.0.2.77|6000|10.0.0.20|80|core|192.0.2.77|6000|198.51.100.1|80|2|50|"
            "certain|10000000005|30000000005"});
  // While both hops were recognised.
  CHECK(lines("SELECT start_ns, end_ns FROM translations WHERE hops = 2 AND kind = 'snat'") ==
        Lines{"1795249810001000000|1795249815000000000"});
}

TEST_CASE("evidence is a JSON array of field, bits and note", "[store][views]") {
  CHECK(
      lines("SELECT json_extract(evidence, '$[0].field'), json_extract(evidence, '$[0].bits'), "
            "json_extract(evidence, '$[1].note'), json_array_length(evidence) "
            "FROM translations LIMIT 1") ==
      Lines{"tcp_handshake|63.2|1 segment with equal bytes at the same sequence|2"});
}

TEST_CASE("paths run from the opener to the server", "[store][views]") {
  CHECK(lines("SELECT step, tap, src, sport, dst, dport, kind, translation_id FROM paths "
              "WHERE path_id > 0 ORDER BY path_id, step") ==
        Lines{"1|lan|10.0.0.2|4000|192.0.2.9|443|-|-",
              "2|wan|100.64.0.2|4000|192.0.2.9|443|snat|1",
              "3|core|198.51.100.1|7001|192.0.2.9|443|snat|2",
              "1|core|192.0.2.77|6000|198.51.100.1|80|-|-",
              "2|wan|192.0.2.77|6000|100.64.0.2|8080|dnat|7",
              "3|lan|192.0.2.77|6000|10.0.0.20|80|dnat|6"});
  CHECK(lines("SELECT path_id, step, tap, src, kind, translation_id FROM paths "
              "WHERE path_id IN (-8, -10) ORDER BY path_id, step") ==
        Lines{"-10|1|lan|10.0.0.5|-|-", "-10|2|wan|100.64.0.2|snat|10",
              "-8|1|lan|10.0.0.11|-|-", "-8|2|lan|10.0.0.1|hairpin|8"});
  // Every translation is in a path.
  CHECK(lines("SELECT id FROM translation WHERE id NOT IN "
              "(SELECT translation_id FROM paths WHERE translation_id IS NOT NULL)")
            .empty());
}

TEST_CASE("conntrack shows the router's entries", "[store][views]") {
  const std::string columns =
      "SELECT protocol, state, src, sport, dst, dport, original_packets, reply_src, "
      "reply_sport, "
      "reply_dst, reply_dport, reply_packets, flags, state_basis FROM conntrack "
      "WHERE translation_id = ";
  CHECK(lines(columns + "1") ==
        Lines{"tcp|ESTABLISHED|10.0.0.2|4000|192.0.2.9|443|9|192.0.2.9|443|"
              "100.64.0.2|4000|8|ASSURED|both"});
  CHECK(lines(columns + "6") ==
        Lines{"tcp|ESTABLISHED|192.0.2.77|6000|100.64.0.2|8080|9|10.0.0.20|"
              "80|192.0.2.77|6000|8|ASSURED|both"});
  CHECK(lines(columns + "8") ==
        Lines{"tcp|ESTABLISHED|10.0.0.11|7000|100.64.0.2|8080|9|10.0.0.20|"
              "80|10.0.0.1|7000|8|ASSURED|both"});
  // The reply has the identifier of the other side, and its packets are counted there, where
  // the connection is turned round.
  CHECK(lines(columns + "9") ==
        Lines{"icmp|-|10.0.0.2|77|192.0.2.9|0|9|192.0.2.9|78|100.64.0.2|0|"
              "8|ASSURED|both"});
  CHECK(lines(columns + "10") ==
        Lines{"tcp|ESTABLISHED|10.0.0.5|1234|192.0.2.9|22|9|192.0.2.9|22|"
              "100.64.0.2|1234|8|ASSURED|inside"});
  // Two answers never reached the inside: only the outside saw all.
  CHECK(lines(columns + "4") ==
        Lines{"udp|-|10.0.0.2|5000|192.0.2.53|53|9|192.0.2.53|53|100.64.0.2|"
              "5000|8|ASSURED|outside"});
  CHECK(lines("SELECT icmp_type, reply_icmp_type FROM conntrack WHERE protocol = 'icmp'") ==
        Lines{"8|0"});
}

TEST_CASE("connection_events unrolls the events with their frames", "[store][views]") {
  CHECK(lines("SELECT number, tap, time, file_id, frame, event, state, timeout_s, flags "
              "FROM connection_events WHERE connection_id = 20000000002") ==
        Lines{"1|wan|2026-11-21T08:30:11.000000000Z|2|20|NEW|SYN_SENT|120|UNREPLIED",
              "2|wan|2026-11-21T08:30:11.000001000Z|2|21|UPDATE|SYN_RECV|60|ASSURED",
              "3|wan|2026-11-21T08:31:11.000000000Z|-|-|DESTROY|-|0|ASSURED"});
}

TEST_CASE("events name the states as tracking does", "[store][views]") {
  const test::TempDir folder;
  auto writer = Writer::create(folder.path("nat.db"), false);
  REQUIRE(writer);
  TapRow tap;
  tap.id = 1;
  (*writer)->tap(tap);
  Lines expected;
  std::uint32_t serial = 0;
  for (const char* name : {"tcp", "sctp"}) {
    auto row = connection(1, ++serial, tuple(name, "10.0.0.2:1", "10.0.0.3:2"), 1);
    row.state = 1;
    row.events.clear();
    for (std::uint8_t state = 0; state < (serial == 1 ? 10 : 9); ++state) {
      row.events.push_back(
          {row.start.ns(), 0, 0, conntrack::EventKind::kUpdate, state, true, 0});
      expected.emplace_back(conntrack::state_name(row.original.protocol, state));
    }
    (*writer)->connection(row);
  }
  REQUIRE((*writer)->finish());
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  auto events =
      (*db)->query("SELECT state FROM connection_events ORDER BY connection_id, number");
  REQUIRE(events);
  REQUIRE(events->rows.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(events->text(i, "state") == expected[i]);
}

TEST_CASE("leaks are private sources beyond a NAT, what went past a tunnel, and nothing else",
          "[store][views]") {
  CHECK(
      lines("SELECT outside_tap, src, sport, dst, dport, packets, file_id, frame, why, tunnel "
            "FROM leaks") == Lines{"wan|10.0.0.2|9999|192.0.2.9|443|9|2|100|private source|-",
                                   "lan|10.0.0.40|40003|203.0.113.8|53|9|1|160|dns|"
                                   "udp 10.0.0.40 51820 > 203.0.113.9 51820"});
}

TEST_CASE("a tunnel's MTU is what the path's leaves, each way", "[store][views]") {
  CHECK(lines("SELECT kind, tap, src, dst, basis, connections, largest_outer_bytes, "
              "outer_too_big, path_mtu, fragmented, overhead_bytes, largest_inner_bytes, "
              "inner_too_big, inner_path_mtu, inner_mtu FROM tunnel_mtus ORDER BY kind") ==
        Lines{"vxlan|lan|10.0.0.30|10.0.0.31|clear|1|1500|0|-|1|50|1500|0|-|1450",
              "wireguard|lan|203.0.113.9|10.0.0.40|aligned|1|1480|0|-|0|60|1420|0|-|1420"});
}

TEST_CASE("connections has both tuples", "[store][views]") {
  CHECK(
      lines("SELECT src, sport, dst, dport, reply_src, reply_sport, reply_dst, reply_dport, "
            "start, "
            "duration_s, flags, unpaired_reason FROM connections WHERE id IN "
            "(10000000008, 10000000010)") ==
      Lines{"10.0.0.2|77|192.0.2.9|0|192.0.2.9|77|10.0.0.2|0|2026-11-21T08:30:15.000000000Z|5|"
            "ASSURED|-",
            "10.0.0.2|4444|192.0.2.200|81|192.0.2.200|81|10.0.0.2|4444|"
            "2026-11-21T08:30:40.000000000Z|5|UNREPLIED|-"});
}

TEST_CASE("what an encrypted tunnel carried is not unpaired", "[store][views]") {
  // 10000000010 had nothing in common with another tap, but has a carrier there.
  CHECK(lines("SELECT connection_id, reason FROM unpaired_connections ORDER BY 1") ==
        Lines{"10000000011|too_little", "10000000012|ambiguous",
              "20000000010|nothing_in_common"});
}

TEST_CASE("mappings, nats, tunnels, ambiguous, files read well", "[store][views]") {
  CHECK(lines("SELECT protocol, kind, inside_tap, internal_addr, internal_port, outside_tap, "
              "external_addr, external_port, translations FROM mappings "
              "WHERE external_port IN (80, 8080) ORDER BY inside_tap, outside_tap") ==
        Lines{"tcp|hairpin|lan|10.0.0.20|80|lan|100.64.0.2|8080|1",
              "tcp|dnat|lan|10.0.0.20|80|wan|100.64.0.2|8080|1",
              "tcp|dnat|wan|100.64.0.2|8080|core|198.51.100.1|80|1"});
  CHECK(lines("SELECT inside_tap, outside_tap, relation, translations, snat, dnat, hairpin, "
              "external_addresses FROM nats ORDER BY id") ==
        Lines{"lan|lan|nat|1|0|0|1|[\"100.64.0.2\"]", "lan|wan|nat|7|6|1|0|[\"100.64.0.2\"]",
              "wan|core|nat|2|1|1|0|[\"198.51.100.1\"]"});
  CHECK(lines("SELECT kind, key, tap, inner_src, carrier_protocol, carrier_dst, carrier_dport "
              "FROM tunnels") == Lines{"vxlan|7|lan|10.244.0.2|udp|10.0.0.31|4789",
                                       "wireguard|7|lan|10.0.0.2|udp|203.0.113.9|51820"});
  CHECK(
      lines(
          "SELECT src, sport, rank, bits, other_tap, other_src, other_sport FROM ambiguous") ==
      Lines{"10.0.0.2|4446|1|31.3|wan|100.64.0.2|40211",
            "10.0.0.2|4446|2|30|wan|192.0.2.9|22"});
  CHECK(lines("SELECT path, complete, notes FROM files WHERE id = 3") ==
        Lines{"core.pcap|0|offset 4711: cut off inside a record: 12 of 60 bytes are there"});
  CHECK(lines("SELECT name, offset_ms, clock_error_ms, clock_basis FROM taps") ==
        Lines{"lan|0|-|reference", "wan|2.5|0.04|packets", "core|0|-|unknown"});
}
