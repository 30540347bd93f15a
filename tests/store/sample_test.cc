#include "sample.h"

#include <array>
#include <cstdio>

#include <sqlite3.h>

#include "natlens/nat/observe.h"
#include "natlens/store/differences.h"

#include "support/catch.h"

namespace natlens::store {
namespace {

using conntrack::TcpState;
using correlate::EvidenceField;
using correlate::FirstSeen;
using correlate::TranslationKind;
using correlate::UnpairedReason;
namespace status = conntrack::status;

constexpr std::uint32_t kAssured = status::kSeenReply | status::kAssured | status::kConfirmed;

void write_taps(Writer& writer) {
  const std::array<std::string, 3> names{"lan", "wan", "core"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    FileRow file;
    file.id = static_cast<std::int64_t>(i) + 1;
    file.source = static_cast<std::uint16_t>(i);
    file.info.path = names[i] + ".pcap";
    file.info.format = "pcap us";
    file.info.bytes = 100'000;
    file.info.frames = 1000;
    file.info.first_ordinal = 1;
    file.info.first = second(0);
    file.info.last = second(300);
    if (i == 2) {
      file.info.complete = false;
      file.info.notes = {{4711, "cut off inside a record: 12 of 60 bytes are there", true}};
      file.info.comments = {"made by \"hand\""};
    }
    writer.file(file);
    TapRow tap;
    tap.id = file.id;
    tap.source = file.source;
    tap.info.name = names[i];
    tap.info.link_type = 1;
    tap.info.frames = 1000;
    tap.info.first = second(0);
    tap.info.last = second(300);
    tap.clock.tap = static_cast<std::uint16_t>(i);
    tap.clock.anchor = tap.info.first;
    if (i == 1) {
      tap.clock.matches = 800;
      tap.clock.offset_ns = 2'500'000;
      tap.clock.error_ns = 40'000;
      tap.info.dropped = 3;
      tap.steps = {{{file.id, 417}, second(120), -700'000'000, 30'000}};
    }
    tap.connections = 12;
    writer.tap(tap);
  }
}

std::uint32_t state_of(TcpState state) {
  return static_cast<std::uint8_t>(state);
}

void with_state(ConnectionRow& row, TcpState state, std::uint64_t replies, std::uint32_t bits) {
  row.state = static_cast<std::uint8_t>(state_of(state));
  row.counters[1] = {replies, replies * 60};
  row.status = bits;
}

// Chain, port clash, port reuse, ICMP.
void write_source_nat(Writer& writer) {
  writer.connection(connection(1, 1, tuple("tcp", "10.0.0.2:4000", "192.0.2.9:443"), 10));
  writer.connection(connection(2, 1, tuple("tcp", "100.64.0.2:4000", "192.0.2.9:443"), 10.001));
  writer.connection(
      connection(3, 1, tuple("tcp", "198.51.100.1:7001", "192.0.2.9:443"), 10.002));
  writer.translation(translation(1, {0, 1}, {1, 1}, TranslationKind::kSnat, 10));
  writer.translation(translation(2, {1, 1}, {2, 1}, TranslationKind::kSnat, 10.001));

  writer.connection(connection(1, 2, tuple("tcp", "10.0.0.3:4000", "192.0.2.9:443"), 11));
  writer.connection(connection(2, 2, tuple("tcp", "100.64.0.2:40211", "192.0.2.9:443"), 11));
  writer.translation(translation(3, {0, 2}, {1, 2}, TranslationKind::kSnat, 11));

  auto query = connection(1, 3, tuple("udp", "10.0.0.2:5000", "192.0.2.53:53"), 12);
  query.counters[1] = {};
  query.status = status::kConfirmed;
  writer.connection(query);
  writer.connection(connection(2, 3, tuple("udp", "100.64.0.2:5000", "192.0.2.53:53"), 12));
  auto lossy = translation(4, {0, 3}, {1, 3}, TranslationKind::kSnat, 12);
  lossy.packets[1].outside_only = 2;
  lossy.packets[0].deviation.tos_changes = 1;
  lossy.packets[0].deviation.tos = {0xb8, 0};
  writer.translation(lossy);
  writer.connection(connection(1, 4, tuple("udp", "10.0.0.4:5000", "192.0.2.53:53"), 200));
  writer.connection(connection(2, 4, tuple("udp", "100.64.0.2:5000", "192.0.2.53:53"), 200));
  writer.translation(translation(5, {0, 4}, {1, 4}, TranslationKind::kSnat, 200));

  auto echo = tuple("icmp", "10.0.0.2:77", "192.0.2.9");
  auto echo_outside = tuple("icmp", "100.64.0.2:78", "192.0.2.9");
  echo.dst_port = echo_outside.dst_port = 8 << 8;
  writer.connection(connection(1, 8, echo, 15));
  writer.connection(connection(2, 8, echo_outside, 15));
  writer.translation(translation(9, {0, 8}, {1, 8}, TranslationKind::kSnat, 15));

  // The capture at wan began in the middle: a reply came first.
  writer.connection(connection(1, 9, tuple("tcp", "10.0.0.5:1234", "192.0.2.9:22"), 1));
  auto middle = connection(2, 9, tuple("tcp", "192.0.2.9:22", "100.64.0.2:1234"), 2);
  middle.beginning_seen = false;
  middle.counters = {conntrack::DirectionCounters{8, 800},
                     conntrack::DirectionCounters{9, 900}};
  writer.connection(middle);
  auto reversed = translation(10, {0, 9}, {1, 9}, TranslationKind::kSnat, 2);
  reversed.reversed = true;
  writer.translation(reversed);
}

void write_port_forward(Writer& writer) {
  writer.connection(connection(1, 5, tuple("tcp", "192.0.2.77:6000", "10.0.0.20:80"), 20.002));
  writer.connection(
      connection(2, 5, tuple("tcp", "192.0.2.77:6000", "100.64.0.2:8080"), 20.001));
  writer.connection(connection(3, 5, tuple("tcp", "192.0.2.77:6000", "198.51.100.1:80"), 20));
  auto inner = translation(6, {0, 5}, {1, 5}, TranslationKind::kDnat, 20.001);
  auto outer = translation(7, {1, 5}, {2, 5}, TranslationKind::kDnat, 20);
  inner.entered = outer.entered = FirstSeen::kOutside;
  inner.bits = 50;  // the weakest hop
  writer.translation(inner);
  writer.translation(outer);

  writer.connection(connection(1, 6, tuple("tcp", "10.0.0.11:7000", "100.64.0.2:8080"), 30));
  writer.connection(connection(1, 7, tuple("tcp", "10.0.0.1:7000", "10.0.0.20:80"), 30));
  writer.translation(translation(8, {0, 6}, {0, 7}, TranslationKind::kHairpin, 30));
}

// What found no partner, and a private source outside.
void write_unpaired(Writer& writer) {
  auto silent = connection(1, 10, tuple("tcp", "10.0.0.2:4444", "192.0.2.200:81"), 40);
  with_state(silent, TcpState::kSynSent, 0, status::kConfirmed);
  writer.connection(silent);
  writer.unpaired({{0, 10}, UnpairedReason::kNothingInCommon});

  auto half = connection(1, 11, tuple("tcp", "10.0.0.2:4445", "192.0.2.200:82"), 41);
  with_state(half, TcpState::kSynRecv, 1, status::kSeenReply | status::kConfirmed);
  writer.connection(half);
  writer.unpaired({{0, 11}, UnpairedReason::kTooLittle});

  auto reset = connection(1, 12, tuple("tcp", "10.0.0.2:4446", "192.0.2.200:83"), 42);
  with_state(reset, TcpState::kClose, 1, status::kSeenReply | status::kConfirmed);
  writer.connection(reset);
  writer.unpaired({{0, 12}, UnpairedReason::kAmbiguous});
  writer.candidate({{0, 12}, {1, 2}, 31.25, 1});
  writer.candidate({{0, 12}, {1, 9}, 30.0, 2});

  writer.connection(connection(2, 10, tuple("tcp", "10.0.0.2:9999", "192.0.2.9:443"), 50));
  writer.unpaired({{1, 10}, UnpairedReason::kNothingInCommon});

  writer.connection(connection(1, 14, tuple("udp", "10.0.0.30:40000", "10.0.0.31:4789"), 60));
  auto inner = connection(1, 13, tuple("tcp", "10.244.0.2:40001", "10.244.1.2:80"), 60);
  inner.zone = 99;
  inner.depth = 1;
  writer.connection(inner);
  CarrierRow carrier;
  carrier.connection = inner.id;
  carrier.carrier = connection_id(1, 14);
  carrier.encapsulation = decode::Encapsulation::kVxlan;
  carrier.key = 7;
  carrier.depth = 1;
  carrier.packets = 2;
  carrier.first = inner.start;
  carrier.last = inner.last;
  carrier.sizes.add(1500, 1450, false);
  carrier.sizes.add(150, 100, false);
  carrier.sizes.add(1550, 1500, true);
  writer.carrier(carrier);

  // The host of an encrypted tunnel, and what it sends past it.
  writer.connection(
      connection(1, 15, tuple("udp", "10.0.0.40:51820", "203.0.113.9:51820"), 60));
  writer.connection(connection(1, 16, tuple("udp", "10.0.0.40:40003", "203.0.113.8:53"), 61));
  carrier.connection = connection_id(1, 10);
  carrier.carrier = connection_id(1, 15);
  carrier.encapsulation = decode::Encapsulation::kWireguard;
  carrier.depth = 0;
  carrier.basis = CarrierBasis::kAligned;
  carrier.confidence = correlate::Confidence::kLikely;
  carrier.bits = 20;
  carrier.sizes = {1480, 1420, 60, 0, true};
  writer.carrier(carrier);

  correlate::Tunnelled account;
  account.inner = {0, 10};
  account.kind = decode::Encapsulation::kWireguard;
  account.packets = 9;
  account.linked = 6;
  account.unsure = 1;
  account.bits = 44;
  writer.tunnelled(account);
}

void write_invalid(Writer& writer) {
  InvalidRow row;
  row.tap = 1;
  row.connection = connection_id(1, 1);
  row.frame = {1, 30};
  row.time = second(13);
  row.tuple = tuple("tcp", "192.0.2.9:443", "10.0.0.2:4000");
  row.detail = {conntrack::InvalidReason::kSeqAboveWindow, 4'000'000'000, 3'999'999'000, 1000,
                12};
  row.bound_frame = {1, 12};
  writer.invalid(row);
  row = {};
  row.tap = 2;
  row.frame = {2, 31};
  row.time = second(14);
  row.tuple = tuple("udp", "192.0.2.9:1", "100.64.0.2:2");
  row.detail.reason = conntrack::InvalidReason::kBadChecksum;
  row.suspect = true;
  writer.invalid(row);
}

// The mapped address that STUN told fits translation 4, the port that PCP promised was used by
// none; FTP behind a NAT names its inner address; a proxy names its client.
void write_statements(Writer& writer) {
  const auto say = [&](std::uint32_t serial, stream::StatementProtocol protocol,
                       stream::StatementKind kind, const char* named, const char* whose) {
    StatementRow row;
    row.tap = 1;
    row.connection = connection_id(1, serial);
    row.frame = {1, serial * 10 + 1};
    row.time = second(serial + 9.5);
    row.statement.protocol = protocol;
    row.statement.kind = kind;
    row.statement.speaker = conntrack::Direction::kReply;
    row.statement.named = parse_endpoint(named).value();
    row.statement.whose = parse_endpoint(whose).value();
    if (kind == stream::StatementKind::kGranted) {
      row.statement.transport = protocol::kTcp;
      row.statement.has_lifetime = true;
      row.statement.lifetime_seconds = 7200;
    }
    writer.statement(row);
    return row;
  };
  using Protocol = stream::StatementProtocol;
  using Kind = stream::StatementKind;
  say(3, Protocol::kStun, Kind::kMapped, "100.64.0.2:5000", "10.0.0.2:5000");
  say(4, Protocol::kPcp, Kind::kGranted, "198.51.100.1:8443", "10.0.0.4:443");
  say(9, Protocol::kFtp, Kind::kListens, "10.0.0.5:20000", "10.0.0.5:1234");
  say(5, Protocol::kProxy, Kind::kClient, "192.0.2.77:6000", "198.51.100.1:80");
}

void write_derived(Writer& writer) {
  nat::RelationBuilder relations(3);
  for (std::uint16_t tap = 1; tap <= 3; ++tap) relations.tap(tap, second(0), second(300));
  nat::MappingBuilder mappings([&](const nat::Mapping& m) { writer.mapping(m); });
  REQUIRE(writer.each_translation(
      TranslationOrder::kByMapping,
      [&](const nat::TranslationRow& r) { mappings.add(r, relations.add(r)); }));
  mappings.finish();
  for (const auto& row : relations.rows()) writer.nat(row);
  nat::Behaviour behaviour;
  behaviour.nat = 1;
  behaviour.protocol = protocol::kTcp;
  behaviour.property = nat::Property::kOnConflict;
  behaviour.value = "remaps";
  behaviour.confidence = "likely";
  behaviour.evidence_for = 1;
  behaviour.examples = {3};
  writer.behaviour(behaviour);
  nat::PathBuilder paths([&](const nat::PathStep& step) { writer.path_step(step); });
  REQUIRE(writer.each_translation(TranslationOrder::kChained,
                                  [&](const nat::TranslationRow& r) { paths.add(r); }));
  paths.finish();
}

// Tables of records that are still to come, and rows made on request.
constexpr const char* kOtherRows = R"sql(
  INSERT INTO packet_fate VALUES (1, 4, 'reply', 'only_before', 20000000003, 2, 41, NULL, NULL,
                                  1795249812000000000, 80, NULL);
  INSERT INTO icmp_error VALUES (10000000003, 1, 33, 1795249811000000000, 3, 1);
  INSERT INTO sequence_change VALUES (4, 'original', 812345678, 4);
  INSERT INTO packet_link VALUES (1, 10000000003, 1, 30, 20000000003, 2, 30);
  INSERT INTO finding VALUES (1, 'LEAK-PRIVATE-SOURCE', 'error', 'certain', 'connection', 20000000010,
                              NULL, 1795249850000000000, 1795249850000000000, 1, '{}', 'leak', NULL,
                              '[]');
  INSERT INTO finding_frame VALUES (1, 1, 'cause', 2, 2, 50, 1795249850000000000, 20000000010);
  INSERT INTO packet_note VALUES (1, 1, 10000000001, 1, 10, NULL, 1795249810000000000, 'reset', 'original', 'tcp',
                                  '10.0.0.2', 4000, '192.0.2.9', 443, 0, 64, 0, 7, 40, 0, 1, 0, NULL, NULL, 4,
                                  100, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
)sql";

}  // namespace

Tuple tuple(std::string_view protocol, std::string_view src, std::string_view dst) {
  const Endpoint from = parse_endpoint(src).value();
  const Endpoint to = parse_endpoint(dst).value();
  Tuple t;
  t.src = from.address;
  t.src_port = from.port;
  t.dst = to.address;
  t.dst_port = to.port;
  t.protocol = protocol_number(protocol).value();
  return t;
}

ConnectionRow connection(int tap, std::uint32_t serial, const Tuple& original, double start) {
  ConnectionRow row;
  row.id = connection_id(tap, serial);
  row.tap = tap;
  row.original = original;
  row.reply = original;
  std::swap(row.reply.src, row.reply.dst);
  std::swap(row.reply.src_port, row.reply.dst_port);
  row.status = kAssured;
  row.timeout_seconds = 120;
  if (original.protocol == protocol::kTcp) {
    row.state = static_cast<std::uint8_t>(TcpState::kEstablished);
    row.tcp_flags = decode::tcp_flag::kSyn;
  }
  row.start = second(start);
  row.last = second(start + 5);
  row.end = second(start + 60);
  row.counters = {conntrack::DirectionCounters{9, 900}, conntrack::DirectionCounters{8, 800}};
  row.first_frame = {tap, serial * 10};
  row.last_frame = {tap, serial * 10 + 9};
  row.ttl = 64;
  row.ip_bytes = 60;
  row.src_mac = {2, 0, 0, 0, 0, 1};
  row.dst_mac = {2, 0, 0, 0, 0, 2};
  using conntrack::EventKind;
  row.events = {
      {row.start.ns(), serial * 10, 120, EventKind::kNew, 1, true, status::kConfirmed},
      {row.start.ns() + 1000, serial * 10 + 1, 60, EventKind::kUpdate, 2, true, kAssured},
      {row.end.ns(), 0, 0, EventKind::kDestroy, 0, false, kAssured}};
  return row;
}

correlate::PacketAccount account(std::uint64_t both, correlate::Latency latency) {
  correlate::PacketAccount out;
  out.both = both;
  out.latency = latency;
  out.ttl_delta = -1;
  out.ttl_known = true;
  return out;
}

correlate::Translation translation(std::uint64_t serial,
                                   correlate::ConnectionRef inside,
                                   correlate::ConnectionRef outside,
                                   TranslationKind kind,
                                   double start) {
  correlate::Translation t;
  t.serial = serial;
  t.inside = inside;
  t.outside = outside;
  t.kind = kind;
  t.confidence = correlate::Confidence::kCertain;
  t.entered = FirstSeen::kInside;
  t.start = second(start);
  t.end = second(start + 5);
  t.bits = 93.24F;
  t.margin_bits = 60;
  t.evidence_count = 2;
  t.evidence[0] = {EvidenceField::kTcpHandshake, 63.2F, 2, 0x12ab};
  t.evidence[1] = {EvidenceField::kTcpData, 30.04F, 1, 0};
  t.packets[0] = account(9, {10'000, 20'000, 50'000, 60'000});
  t.packets[1] = account(8, {11'000, 21'000, 51'000, 61'000});
  return t;
}

void write_sample(Writer& writer) {
  write_taps(writer);
  write_source_nat(writer);
  write_port_forward(writer);
  write_unpaired(writer);
  write_invalid(writer);
  write_statements(writer);
  write_derived(writer);
  writer.meta("command_line", "natlens analyze lan.pcap wan.pcap core.pcap");
}

void make_sample(const std::string& path) {
  auto writer = Writer::create(path, false);
  REQUIRE(writer);
  write_sample(**writer);
  const auto finished = (*writer)->finish();
  REQUIRE(finished);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  const int result = sqlite3_exec(db, kOtherRows, nullptr, nullptr, nullptr);
  INFO(sqlite3_errmsg(db));
  CHECK(result == SQLITE_OK);
  sqlite3_close(db);
  const DifferenceRow difference{
      "wan.pcap", 7, true, tuple("tcp", "198.51.100.1:5000", "203.0.113.9:443"), {}};
  REQUIRE(keep_differences(path, "nat.nft", {&difference, 1}));
}

std::string run_command(const std::string& command, int& code) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> block;
  std::size_t got = 0;
  while ((got = fread(block.data(), 1, block.size(), pipe)) > 0) out.append(block.data(), got);
  code = pclose(pipe);
  return out;
}

bool has_sqlite3_program() {
  int code = 0;
  run_command("command -v sqlite3", code);
  return code == 0;
}

std::string dump(const std::string& path) {
  int code = 0;
  const auto text = run_command("sqlite3 '" + path + "' .dump", code);
  REQUIRE(code == 0);
  return text;
}

}  // namespace natlens::store

using namespace natlens;
using namespace natlens::store;

TEST_CASE("the sample has a row in every table and in every view", "[store][sample]") {
  const test::TempDir folder;
  make_sample(folder.path("nat.db"));
  auto db = Database::open(folder.path("nat.db"));
  REQUIRE(db);
  auto names = (*db)->query("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')");
  REQUIRE(names);
  CHECK(names->rows.size() >= 35);
  for (std::size_t i = 0; i < names->rows.size(); ++i) {
    const auto name = names->text(i, "name");
    INFO(name);
    auto count = (*db)->query("SELECT count(*) AS n FROM \"" + name + "\"");
    REQUIRE(count);
    CHECK(count->integer(0, "n") > 0);
  }
}
