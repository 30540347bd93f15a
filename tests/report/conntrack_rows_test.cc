#include "natlens/report/conntrack_rows.h"

#include <string>
#include <vector>

#include "support/catch.h"

using namespace natlens;
using namespace natlens::report;
using store::Value;

namespace {

std::string printed(ConntrackFormat format, const store::Table& table) {
  std::string out;
  const auto printer = make_conntrack_printer(format, [&out](std::string_view text) {
    out += text;
    return true;
  });
  print_table(table, *printer);
  return out;
}

Value text(const char* value) {
  return std::string(value);
}
Value number(std::int64_t value) {
  return value;
}

const std::vector<std::string> kColumns = {
    "protocol",        "state",       "src",       "sport",       "dst",       "dport",
    "reply_src",       "reply_sport", "reply_dst", "reply_dport", "icmp_type", "icmp_code",
    "reply_icmp_type", "flags",       "timeout_s"};

}  // namespace

TEST_CASE("conntrack rows: a masqueraded TCP connection as conntrack -L prints it",
          "[report][conntrack]") {
  const store::Table table{
      kColumns,
      {{text("tcp"), text("ESTABLISHED"), text("192.168.1.11"), number(40000),
        text("203.0.113.10"), number(7002), text("203.0.113.10"), number(7002),
        text("198.51.100.2"), number(35407), Value{}, Value{}, Value{}, text("ASSURED"),
        number(431999)}}};
  CHECK(
      printed(ConntrackFormat::kList, table) ==
      "ipv4     2 tcp      6 431999 ESTABLISHED src=192.168.1.11 dst=203.0.113.10 sport=40000 "
      "dport=7002 src=203.0.113.10 dst=198.51.100.2 sport=7002 dport=35407 [ASSURED] mark=0 "
      "use=1\n");
  CHECK(printed(ConntrackFormat::kSave, table).starts_with("-A -t 431999 -u "));
}

TEST_CASE("conntrack rows: an unanswered UDP flow and an ICMP echo", "[report][conntrack]") {
  const store::Table table{
      kColumns,
      {{text("udp"), Value{}, text("192.168.1.10"), number(5353), text("203.0.113.10"),
        number(53), text("203.0.113.10"), number(53), text("198.51.100.2"), number(5353),
        Value{}, Value{}, Value{}, text("UNREPLIED"), number(29)},
       {text("icmp"), Value{}, text("192.168.1.10"), number(77), text("203.0.113.10"),
        number(0), text("203.0.113.10"), number(14124), text("198.51.100.2"), number(0),
        number(8), number(0), number(0), text(""), number(28)}}};
  CHECK(printed(ConntrackFormat::kList, table) ==
        "ipv4     2 udp      17 29 src=192.168.1.10 dst=203.0.113.10 sport=5353 dport=53 "
        "[UNREPLIED] src=203.0.113.10 dst=198.51.100.2 sport=53 dport=5353 mark=0 use=1\n"
        "ipv4     2 icmp     1 28 src=192.168.1.10 dst=203.0.113.10 type=8 code=0 id=77 "
        "src=203.0.113.10 dst=198.51.100.2 type=0 code=0 id=14124 mark=0 use=1\n");
}

TEST_CASE("conntrack rows: a row that is no entry is left out", "[report][conntrack]") {
  CHECK(printed(ConntrackFormat::kList, {{"protocol", "src"}, {{text("tcp"), text("-")}}})
            .empty());
  CHECK(printed(ConntrackFormat::kList, {{"name"}, {{text("lan")}}}).empty());
}

TEST_CASE("conntrack rows: events as conntrack -E prints them", "[report][conntrack]") {
  auto columns = kColumns;
  columns.insert(columns.end(), {"time_ns", "event"});
  const auto event = [](const char* name, Value state, const char* flags, int timeout) {
    return std::vector<Value>{
        text("tcp"),       std::move(state), text("10.0.0.1"),  number(40000),
        text("192.0.2.9"), number(80),       text("192.0.2.9"), number(80),
        text("10.0.0.1"),  number(40000),    Value{},           Value{},
        Value{},           text(flags),      number(timeout),   number(1'000'002'000),
        text(name)};
  };
  const store::Table table{columns,
                           {event("NEW", text("SYN_SENT"), "UNREPLIED", 120),
                            event("UPDATE", text("ESTABLISHED"), "ASSURED", 432000),
                            event("DESTROY", Value{}, "ASSURED", 0)}};
  const std::string original = "src=10.0.0.1 dst=192.0.2.9 sport=40000 dport=80 ";
  const std::string reply = "src=192.0.2.9 dst=10.0.0.1 sport=80 dport=40000";
  CHECK(printed(ConntrackFormat::kEvents, table) ==
        "[1.000002]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT " + original +
            "[UNREPLIED] " + reply + "\n" +
            "[1.000002]\t [UPDATE] ipv4     2 tcp      6 432000 ESTABLISHED " + original +
            reply + " [ASSURED]\n" + "[1.000002]\t[DESTROY] ipv4     2 tcp      6 " + original +
            reply + " [ASSURED]\n");
}
